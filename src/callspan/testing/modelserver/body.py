"""Read the body of a request from a connection: by its length, or in chunks."""

from __future__ import annotations

import re
from email.message import Message
from io import BufferedIOBase

from .request_error import RequestError

_LARGEST = 32 * 2**20  # bytes; the largest file that OpenAI takes for a transcription has 25 MB
_LONGEST_LINE = 4096  # bytes, of what stands between chunks
_MOST_TRAILERS = 100
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """Return the body that the headers announce.

    Raises:
        RequestError: The headers or the body are malformed.
    """
    lengths = headers.get_all("content-length", [])
    codings = [coding.strip().lower() for coding in headers.get_all("transfer-encoding", [])]
    # Servers and proxies that choose differently could be made to see different requests.
    if lengths and codings:
        raise RequestError(400, "A request has either a content-length or a transfer-encoding.")
    if not codings:
        return _read_exactly(stream, _read_length(lengths))
    if codings != ["chunked"]:
        raise RequestError(400, "The only transfer-encoding that is understood is 'chunked'.")
    return _read_chunks(stream)


def _read_length(lengths: list[str]) -> int:
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0].strip()):
        raise RequestError(400, "The content-length of a request is one whole number.")
    return _check_size(int(lengths[0]))


def _check_size(size: int) -> int:
    if size > _LARGEST:
        raise RequestError(413, f"The body of a request may have {_LARGEST} bytes at most.")
    return size


def _read_exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise RequestError(400, "The body of the request is shorter than announced.")
    return data


def _read_chunks(stream: BufferedIOBase) -> bytes:
    """Read a body of unknown length, as clients send a file that they are still reading."""
    body = bytearray()
    while size := _read_chunk_size(stream):
        _check_size(len(body) + size)
        body += _read_exactly(stream, size)
        # Behind the bytes of a chunk stands an empty line, and nothing else.
        if _read_line(stream):
            raise RequestError(400, "A chunk of the body is longer than announced.")
    # Headers behind the body, which HTTP allows, are read and let go.
    for _ in range(_MOST_TRAILERS):
        if not _read_line(stream):
            return bytes(body)
    raise RequestError(400, "The body has too many trailers.")


def _read_chunk_size(stream: BufferedIOBase) -> int:
    size = _CHUNK.fullmatch(_read_line(stream))
    if not size:
        raise RequestError(400, "A chunk of the body does not begin with its size.")
    return int(size[1], 16)


def _read_line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise RequestError(400, "The chunks of the body break off.")
    return line.rstrip(b"\r\n")
