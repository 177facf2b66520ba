"""Which tokens a text has: by tiktoken where its ranks lie on this machine, else a quarter of its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callspan.accounting.tokens.ranks import describe, local

HEURISTIC = "heuristic"
TIKTOKEN = "tiktoken"
DEFAULT = "o200k_base"
"""The encoding taken for models that tiktoken does not know."""
PIECE = 50_000
"""Characters given to tiktoken at once: it is slow on very long runs of one character, and may overflow its stack."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A way to count the tokens of a text; `source` says which."""

    source: str
    count: Callable[[str], int]


def quarter(text: str) -> int:
    """A quarter of the bytes, rounded up: the usual rule of thumb, for any language."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


GUESS = Encoding(HEURISTIC, quarter)
_loaded: dict[str, Encoding] = {}
problems: dict[str, str] = {}
"""Why an encoding could not be loaded; it is tried once in a process."""


def name_for(model: str | None) -> str:
    """The encoding of a model by tiktoken's own table; a provider's prefix is passed over."""
    from tiktoken.model import encoding_name_for_model

    for name in (model or "", (model or "").rpartition("/")[2]):
        try:
            return encoding_name_for_model(name)
        except KeyError:
            continue
    return DEFAULT


def encoding_for(model: str | None) -> Encoding:
    """The encoding of a model. It may read a file of some megabytes, so it is for background threads only."""
    try:
        name = name_for(model)
    except Exception as error:  # noqa: BLE001  whatever keeps tiktoken from its work, there is the rule of thumb
        problems["tiktoken"] = f"tiktoken cannot be used ({type(error).__name__})"
        return GUESS
    if name not in _loaded:
        _loaded[name] = _load(name)  # one thread counts, so no two load at once
    return _loaded[name]


def _load(name: str) -> Encoding:
    try:
        import tiktoken

        encode = tiktoken.Encoding(**describe(name, local)).encode_ordinary
    except Exception as error:  # noqa: BLE001  see above; a failure is remembered
        problems[name] = str(error) or type(error).__name__
        return GUESS

    def count(text: str) -> int:
        return sum(len(encode(text[at : at + PIECE])) for at in range(0, len(text), PIECE))

    return Encoding(TIKTOKEN, count)


def forget() -> None:
    """Try again what could not be loaded."""
    _loaded.clear()
    problems.clear()
