"""tiktoken's rank files: where they lie on this machine, and encodings made from them without any download.

tiktoken itself fetches a file that it misses, waits for the network without a limit, and deletes a file that is not as
it should be. So its own loader is never called: the function that describes an encoding runs with ours in its place.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import types
from collections.abc import Callable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

Loader = Callable[[str, "str | None"], "dict[bytes, int]"]
_BUNDLES = (
    ("litellm", "litellm_core_utils/tokenizers"),
    ("llama_index", "core/_static/tiktoken_cache"),
)
"""Packages that bring rank files along, and where in them."""


class MissingRanks(Exception):
    """No usable rank file lies on this machine; the message says why."""


def own_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where `callspan tokens fetch` puts what it has fetched."""
    if environ.get("TIKTOKEN_CACHE_DIR"):
        return Path(environ["TIKTOKEN_CACHE_DIR"])
    base = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base, "callspan", "tiktoken")


def folders(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where rank files may lie: tiktoken's cache, ours, and the packages that bring them; none is imported."""
    named = [
        Path(environ[name])
        for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")
        if environ.get(name)
    ]
    bundled = [place / inside for package, inside in _BUNDLES for place in _places(package)]
    return [*named, own_folder(environ), Path(tempfile.gettempdir(), "data-gym-cache"), *bundled]


def _places(package: str) -> list[Path]:
    try:
        spec = PathFinder.find_spec(package)
    except (ImportError, ValueError):
        return []
    return (
        [Path(place) for place in (spec.submodule_search_locations or ())]
        if spec is not None
        else []
    )


def file_name(url: str) -> str:
    """The name under which tiktoken and the packages that bring rank files keep one."""
    return hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()


def as_expected(data: bytes, expected: str | None) -> bool:
    """Whether the content of a rank file is what tiktoken expects."""
    return expected is None or hashlib.sha256(data).hexdigest() == expected


def local(url: str, expected: str | None = None) -> dict[bytes, int]:
    """The ranks from a file on this machine; raises `MissingRanks`, and neither fetches nor deletes anything."""
    data, _ = read(url, expected)
    pairs = (line.split() for line in data.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def read(url: str, expected: str | None = None) -> tuple[bytes, Path]:
    """A rank file and where it lies; raises `MissingRanks`."""
    damaged = []
    for folder in folders():
        path = folder / file_name(url)
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if as_expected(data, expected):
            return data, path
        damaged.append(str(path))
    if damaged:
        raise MissingRanks(
            f"{', '.join(damaged)} is damaged: delete it, then run `callspan tokens fetch`"
        )
    raise MissingRanks("no rank file is on this machine: run `callspan tokens fetch`")


def describe(name: str, loader: Loader) -> dict[str, Any]:
    """What makes up an encoding, with the ranks from a loader of ours; raises `MissingRanks` for unknown names."""
    from tiktoken_ext import openai_public

    function = openai_public.ENCODING_CONSTRUCTORS.get(name)
    if function is None:
        raise MissingRanks(f"tiktoken knows no encoding {name!r}")

    def load(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        return loader(url, expected_hash)

    around = {**vars(openai_public), "load_tiktoken_bpe": load}
    return types.FunctionType(function.__code__, around, function.__name__)()


def source_of(name: str) -> tuple[str, str | None]:
    """The address and the expected hash of the ranks of an encoding; nothing is read."""
    sources: list[tuple[str, str | None]] = []

    def note(url: str, expected: str | None) -> dict[bytes, int]:
        sources.append((url, expected))
        return {}

    describe(name, note)
    return sources[0]
