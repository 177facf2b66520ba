"""`callspan tokens`: tiktoken's rank files, by which tokens are estimated, and how to get them."""

from __future__ import annotations

import os
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from callspan.accounting.tokens import ranks
from callspan.cli.columns import align
from callspan.cli.entry import Parser
from callspan.cli.problem import Problem

ENCODINGS = ("o200k_base", "cl100k_base")
"""The encodings of the models in use.

`o200k_base` also stands in for models whose encoding is not public.
"""
_TIKTOKEN = "tiktoken"
_SECONDS = 60.0
_PIECE_BYTES = 65536
_DESCRIPTION = """\
Estimates of tokens (the setting `estimate`) are counted by tiktoken where its rank files lie on this machine, and
are a quarter of the bytes where they do not. callspan never downloads them by itself; `callspan tokens fetch` does.
"""


def main(words: Sequence[str]) -> int:
    """Print how tokens are counted here; `fetch` downloads the missing files before."""
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
    arguments = parser.parse_args(words)
    if arguments.action == "fetch":
        for encoding in ENCODINGS:
            _fetch(encoding, arguments.mirror, arguments.timeout)
    print(align([(encoding, *counting_method(encoding)) for encoding in ENCODINGS]))
    return 0


def counting_method(encoding: str) -> tuple[str, str]:
    """Return how texts of an encoding are counted here, and by which file or why not by one."""
    try:
        _, path = ranks.read(*ranks.source_of(encoding))
    except ranks.MissingRanks as missing:
        return "a quarter of the bytes", str(missing)
    return _TIKTOKEN, str(path)


def _fetch(encoding: str, mirror: str | None, seconds: float) -> None:
    """Download the ranks of an encoding, unless they are here; raise `Problem` if that fails."""
    method, _ = counting_method(encoding)
    if method == _TIKTOKEN:
        return
    url, checksum = ranks.source_of(encoding)
    address = url
    if mirror:
        file_name = url.rpartition("/")[2]
        address = f"{mirror.rstrip('/')}/{file_name}"
    data = _download(address, seconds)
    # Ranks that differ would count other numbers without an error, so the checksum has to fit.
    if not ranks.has_hash(data, checksum):
        raise Problem(
            f"what {address} gave is not the {encoding} that tiktoken expects: "
            "try again, or use another mirror"
        )
    _write(ranks.own_folder() / ranks.file_name(url), data)


def _download(address: str, seconds: float) -> bytes:
    """Return the bytes at an address; raise `Problem` if they are not there in so many seconds."""
    deadline = time.monotonic() + seconds
    pieces: list[bytes] = []
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:
            while piece := answer.read(_PIECE_BYTES):
                pieces.append(piece)
                # urllib's timeout holds for each read: a server that trickles would never end.
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not done after {seconds:g} s")
    except (OSError, ValueError) as error:
        raise Problem(
            f"{address} cannot be fetched ({error}): use --from with a mirror, or --timeout"
        ) from None
    return b"".join(pieces)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; raise `Problem` if it cannot be written."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In the same folder, for a file can only be renamed within one file system.
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as temporary:
            temporary.write(data)
        os.replace(temporary.name, path)
    except OSError as error:
        raise Problem(
            f"{path} cannot be written ({error}): set TIKTOKEN_CACHE_DIR to a folder that can"
        ) from None
