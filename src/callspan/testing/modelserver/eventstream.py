"""AWS's binary streams of events: each says its length and its headers, and is checked by two sums."""

from __future__ import annotations

import struct
from zlib import crc32

STREAMED = "application/vnd.amazon.eventstream"
_TEXT = 7  # the type of a header's value


def event(kind: str, payload: bytes) -> bytes:
    """One event."""
    return _message(
        {":event-type": kind, ":content-type": "application/json", ":message-type": "event"},
        payload,
    )


def exception(kind: str, payload: bytes) -> bytes:
    """One error inside a stream, which ends it."""
    headers = {
        ":exception-type": kind,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return _message(headers, payload)


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    checked = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return checked + struct.pack("!I", crc32(checked))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", _TEXT, len(value)) + value


def frames(stream: bytes) -> tuple[bytes, ...]:
    """The events of a stream, each as it is on the wire."""
    found, at = [], 0
    while at < len(stream):
        size = struct.unpack_from("!I", stream, at)[0]
        found.append(stream[at : at + size])
        at += size
    return tuple(found)
