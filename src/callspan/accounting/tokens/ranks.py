"""tiktoken's rank files on this machine, and encodings made from them without any download.

tiktoken itself fetches a file that it misses, waits for the network without a limit, and deletes a
file with an unexpected hash. So its own loader is never called: the function that describes an
encoding runs with ours in its place.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
import types
from collections.abc import Callable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

Loader = Callable[[str, "str | None"], "dict[bytes, int]"]
"""Returns the ranks of a file, from its address and expected hash."""
_BUNDLES = (
    ("litellm", "litellm_core_utils/tokenizers"),
    ("llama_index", "core/_static/tiktoken_cache"),
)
"""Packages that bring rank files along, each with the folder of these."""

_SAME_RANKS = {"gpt2": "r50k_base"}
"""Encodings that tiktoken (0.14) makes of files in another form, with those that are the same."""


class MissingRanks(Exception):
    """No usable rank file lies on this machine; the message says why."""


def own_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which `callspan tokens fetch` stores rank files."""
    # the same folder as tiktoken's, so that the app's own tiktoken finds the files too
    if environ.get("TIKTOKEN_CACHE_DIR"):
        return Path(environ["TIKTOKEN_CACHE_DIR"])
    base = environ.get("XDG_CACHE_HOME")
    if not base:
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base, "callspan", "tiktoken")


def folders(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the folders that may have rank files, the first to look into first.

    They are tiktoken's caches, ours, and folders of packages, none of which is imported.
    """
    result: list[Path] = []
    for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        folder = environ.get(name)
        if folder:
            result.append(Path(folder))
    result.append(own_folder(environ))
    with contextlib.suppress(
        FileNotFoundError
    ):  # nothing can be written, so there is no such folder
        result.append(Path(tempfile.gettempdir(), "data-gym-cache"))
    for package, subfolder in _BUNDLES:
        for folder in _package_folders(package):
            result.append(folder / subfolder)
    return result


def _package_folders(package: str) -> list[Path]:
    """Return the folders of an installed package; none if it is not installed."""
    try:
        # of all finders that of files alone, so that no import hook of the app's is called
        spec = PathFinder.find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    return list(map(Path, spec.submodule_search_locations or ()))


def file_name(url: str) -> str:
    """Return the name of a rank file in tiktoken's cache, and in the packages that have some."""
    # as `tiktoken.load.read_file_cached` names it (0.14)
    return hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()


def has_hash(data: bytes, expected: str | None) -> bool:
    """Whether the content of a rank file has the hash that tiktoken expects, if it expects one."""
    if expected is None:
        return True
    return hashlib.sha256(data).hexdigest() == expected


def local(url: str, expected: str | None = None) -> dict[bytes, int]:
    """Return the ranks from a file on this machine, which is neither fetched nor deleted.

    Raises `MissingRanks` where there is no usable file.
    """
    data, _ = read(url, expected)
    ranks: dict[bytes, int] = {}
    for line in data.splitlines():
        if line:
            token, rank = line.split()
            ranks[base64.b64decode(token)] = int(rank)
    return ranks


def read(url: str, expected: str | None = None) -> tuple[bytes, Path]:
    """Return the content of a rank file and its path; raises `MissingRanks`."""
    damaged: list[str] = []
    for folder in folders():
        path = folder / file_name(url)
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if has_hash(data, expected):
            return data, path
        damaged.append(str(path))
    if damaged:
        raise MissingRanks(
            f"{', '.join(damaged)} is damaged: delete it, then run `callspan tokens fetch`"
        )
    raise MissingRanks("no rank file is on this machine: run `callspan tokens fetch`")


def describe(name: str, loader: Loader) -> dict[str, Any]:
    """Return the arguments of `tiktoken.Encoding`, with the ranks from a loader of ours.

    Raises `MissingRanks` for unknown names.
    """
    from tiktoken_ext import openai_public

    function = openai_public.ENCODING_CONSTRUCTORS.get(_SAME_RANKS.get(name, name))
    if function is None:
        raise MissingRanks(f"tiktoken knows no encoding {name!r}")

    def load(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        return loader(url, expected_hash)

    # tiktoken's functions have the loader's name among their globals, and call each other
    # (`o200k_harmony`, tiktoken 0.14). Run their code with globals of our own, so that the app's
    # tiktoken stays as it is.
    own_globals: dict[str, Any] = {}
    for key, value in vars(openai_public).items():
        own_globals[key] = value
        # those of its loader's module are replaced below
        if isinstance(value, types.FunctionType) and value.__module__ == openai_public.__name__:
            own_globals[key] = _with_globals(value, own_globals)
    own_globals["load_tiktoken_bpe"] = load
    # the other loader downloads too; no encoding of tiktoken 0.14 beside gpt2 needs it
    own_globals["data_gym_to_mergeable_bpe_ranks"] = _refuse
    return _with_globals(function, own_globals)()


def _with_globals(
    function: types.FunctionType, own_globals: dict[str, Any]
) -> Callable[[], dict[str, Any]]:
    """Return a function with the same code that looks up its names elsewhere."""
    return types.FunctionType(function.__code__, own_globals, function.__name__)


def _refuse(*_: object, **__: object) -> dict[bytes, int]:
    """Stand for a loader of tiktoken's that has no counterpart here; raises `MissingRanks`."""
    raise MissingRanks("its rank files have a form that callspan does not read")


def source_of(name: str) -> tuple[str, str | None]:
    """Return the address and the expected hash of an encoding's rank file; nothing is read."""
    sources: list[tuple[str, str | None]] = []

    def record(url: str, expected: str | None) -> dict[bytes, int]:
        sources.append((url, expected))
        return {}

    describe(name, record)
    return sources[0]
