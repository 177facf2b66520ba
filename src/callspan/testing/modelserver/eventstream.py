"""AWS's binary streams of events.

An event begins with its length and the length of its headers, and has a checksum of these eight
bytes and one of the whole event.
"""

from __future__ import annotations

import struct
from zlib import crc32

STREAMED = "application/vnd.amazon.eventstream"
_TEXT = 7  # the type of a header's value
_FRAME_BYTES = 16  # two lengths and two checksums of four bytes each


def event(kind: str, payload: bytes) -> bytes:
    """Return one event."""
    headers = {
        ":event-type": kind,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return _message(headers, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """Return the error that ends a stream."""
    headers = {
        ":exception-type": kind,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return _message(headers, payload)


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    head = b""
    for name, value in headers.items():
        head += _header(name.encode(), value.encode())
    prelude = struct.pack("!II", _FRAME_BYTES + len(head) + len(payload), len(head))
    # The first checksum is of the lengths alone: a reader may trust them before it reads on.
    message = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return message + struct.pack("!I", crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", _TEXT, len(value)) + value


def frames(stream: bytes) -> tuple[bytes, ...]:
    """Return the events of a stream, each as it is on the wire."""
    events: list[bytes] = []
    start = 0
    while start < len(stream):
        (size,) = struct.unpack_from("!I", stream, start)
        events.append(stream[start : start + size])
        start += size
    return tuple(events)
