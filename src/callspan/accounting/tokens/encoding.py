"""Count the tokens of a text: by tiktoken where its rank files are on this machine.

Elsewhere a quarter of the text's bytes stands for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callspan.accounting.tokens.ranks import describe, local

HEURISTIC = "heuristic"
TIKTOKEN = "tiktoken"
DEFAULT = "o200k_base"
"""tiktoken's encoding for models that it does not know."""
PIECE = 50_000
"""The most characters that tiktoken gets at once.

It is slow on very long runs of one character, and may overflow its stack.
"""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A way to count the tokens of a text.

    Attributes:
        source: Its name in `callspan.usage.source`: `tiktoken` or `heuristic`.
        count: Returns the tokens of a text.
    """

    source: str
    count: Callable[[str], int]


def quarter(text: str) -> int:
    """Return a quarter of the bytes, rounded up: the usual rule of thumb, for any language."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


GUESS = Encoding(HEURISTIC, quarter)
_loaded: dict[str, Encoding] = {}
problems: dict[str, str] = {}
"""The reasons why encodings could not be loaded, by name; each is tried once in a process."""


def name_for(model: str | None) -> str:
    """Return the name of a model's encoding by tiktoken's own table.

    A provider's prefix, as in `openai/gpt-4.1`, is ignored.
    """
    # here, as to import tiktoken takes some 40 ms, and only estimates need it
    from tiktoken.model import encoding_name_for_model

    whole_name = model or ""
    without_prefix = whole_name.rpartition("/")[2]
    for name in (whole_name, without_prefix):
        try:
            return encoding_name_for_model(name)
        except KeyError:
            continue
    return DEFAULT


def encoding_for(model: str | None) -> Encoding:
    """Return the encoding of a model; it may read some megabytes, so call it in the background."""
    try:
        name = name_for(model)
    except Exception as error:  # noqa: BLE001  a broken tiktoken leaves the rule of thumb
        problems["tiktoken"] = f"tiktoken cannot be used ({type(error).__name__})"
        return GUESS
    if name not in _loaded:
        # without a lock, as only the estimator's thread loads encodings
        _loaded[name] = _load(name)
    return _loaded[name]


def _load(name: str) -> Encoding:
    """Return an encoding made from a local rank file, or else the rule of thumb."""
    try:
        import tiktoken

        # not `encode`, which raises where a text has a special token such as `<|endoftext|>`
        # (tiktoken 0.14; tests/test_estimates.py)
        encode = tiktoken.Encoding(**describe(name, local)).encode_ordinary
    except Exception as error:  # noqa: BLE001  see above; a failure is remembered
        problems[name] = str(error) or type(error).__name__
        return GUESS

    def count(text: str) -> int:
        total = 0
        # a cut within a word may add a token, of the thousands that a piece has
        for start in range(0, len(text), PIECE):
            total += len(encode(text[start : start + PIECE]))
        return total

    return Encoding(TIKTOKEN, count)


def forget() -> None:
    """Forget the encodings, so that those that could not be loaded are tried again."""
    _loaded.clear()
    problems.clear()
