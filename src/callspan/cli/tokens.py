"""`callspan tokens`: the rank files by which tiktoken counts, where they lie, and how to get them."""

from __future__ import annotations

import os
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from callspan.accounting.tokens import ranks
from callspan.cli.columns import aligned
from callspan.cli.entry import Parser
from callspan.cli.problem import Problem

ENCODINGS = ("o200k_base", "cl100k_base")
"""The encodings of the models in use; `o200k_base` also stands in for models whose tokens are not known."""
_SECONDS = 60.0
_DESCRIPTION = """\
Estimates of tokens (see `estimate` in the README) are counted by tiktoken where its rank files lie on this machine, and
are a quarter of the bytes where they do not. callspan never downloads them by itself; `callspan tokens fetch` does.
"""


def main(words: Sequence[str]) -> int:
    """Show what there is, or fetch what there is not."""
    parser = Parser("callspan tokens", description=_DESCRIPTION)
    parser.add_argument(
        "action", nargs="?", choices=("show", "fetch"), default="show", help="show is the default"
    )
    parser.add_argument(
        "--from",
        dest="mirror",
        metavar="URL",
        help="fetch from a mirror, such as http://host/encodings",
    )
    parser.add_argument(
        "--timeout", type=float, default=_SECONDS, metavar="S", help="seconds for each file (60)"
    )
    given = parser.parse_args(words)
    if given.action == "fetch":
        for name in ENCODINGS:
            _fetch(name, given.mirror, given.timeout)
    print(aligned([(name, *found(name)) for name in ENCODINGS]))
    return 0


def found(name: str) -> tuple[str, str]:
    """How texts of an encoding are counted here, and by which file or why not."""
    try:
        _, path = ranks.read(*ranks.source_of(name))
    except ranks.MissingRanks as missing:
        return "a quarter of the bytes", str(missing)
    return "tiktoken", str(path)


def _fetch(name: str, mirror: str | None, seconds: float) -> None:
    """Download the ranks of an encoding, unless they are here; raises `Problem`."""
    url, expected = ranks.source_of(name)
    if found(name)[0] == "tiktoken":
        return
    address = f"{mirror.rstrip('/')}/{url.rpartition('/')[2]}" if mirror else url
    data = _download(address, seconds)
    if not ranks.as_expected(data, expected):
        raise Problem(
            f"what {address} gave is not the {name} that tiktoken expects: try again, or use another mirror"
        )
    _write(ranks.own_folder() / ranks.file_name(url), data)


def _download(address: str, seconds: float) -> bytes:
    deadline, pieces = time.monotonic() + seconds, list[bytes]()
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:
            while piece := answer.read(65536):
                pieces.append(piece)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not done after {seconds:g} s")
    except (OSError, ValueError) as error:
        raise Problem(
            f"{address} cannot be fetched ({error}): use --from with a mirror, or --timeout"
        ) from None
    return b"".join(pieces)


def _write(path: Path, data: bytes) -> None:
    """Put a file in place whole or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as half:
            half.write(data)
        os.replace(half.name, path)
    except OSError as error:
        raise Problem(
            f"{path} cannot be written ({error}): set TIKTOKEN_CACHE_DIR to a folder that can"
        ) from None
