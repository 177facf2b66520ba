"""Bodies of responses, read as their bytes pass: one answer, server-sent events, or AWS's frames of events."""

from __future__ import annotations

import base64
import re
import struct
from typing import Any, Protocol

from callspan.formats.fields import get, parse_json, text
from callspan.lifecycle.observation import Observation

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a JSON body kept to be read at its end; a larger one tells nothing but that it came."""

_FRAME_LIMIT = 32 * 1024 * 1024
_EDGE = 16
"""Bytes of a frame that are neither headers nor payload: two lengths and a checksum in front, one more at the end."""
_EXCEPTION = re.compile(rb":exception-type\x07..(\w+)", re.DOTALL)


class Body(Protocol):
    """What is told each piece of a body, and then that this was all."""

    def feed(self, piece: bytes) -> None:
        """Take in a piece, however the whole was cut."""
        ...

    def end(self) -> None:
        """Tell the end of the call."""
        ...


def body_of(response: Any, observation: Observation) -> Body:
    """How the body of a response is to be read."""
    kind = response.headers.get("content-type", "")
    if "amazon.eventstream" in kind:
        return Frames(observation)
    if "event-stream" in kind or (observation.call.stream and "json" not in kind):
        return Events(observation)
    return Whole(observation)


def read_whole(response: Any, observation: Observation) -> None:
    """Read a body that is there already."""
    body = body_of(response, observation)
    body.feed(response.content)
    body.end()


class Whole:
    """A body that is one answer: read when it is complete, if it is JSON."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._pieces: list[bytes] = []
        self.size = 0

    def feed(self, piece: bytes) -> None:
        """Keep what may be JSON; servers that keep a connection busy send blanks before it."""
        self.size += len(piece)
        if self.size <= BODY_LIMIT and (self._pieces or piece.lstrip()[:1] in (b"{", b"[")):
            self._pieces.append(piece)

    def end(self) -> None:
        """Tell the answer."""
        whole = self.size <= BODY_LIMIT
        self._observation.answer(parse_json(b"".join(self._pieces)) if whole else None)


class Events:
    """A body of server-sent events: each is read as it comes."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Tell the events that are complete."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._line(line.strip())

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            event = parse_json(line[5:].strip())
            if event is not None:
                self._observation.chunk(event)

    def end(self) -> None:
        """Tell the last event, if no line's end followed it."""
        self._line(self._rest.strip())
        self._observation.finish()


class Frames:
    """A body in AWS's binary form of events: frames of headers and a payload, with an event as base64 in it."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._rest = bytearray()

    def feed(self, piece: bytes) -> None:
        """Tell the events of the frames that are complete; what cannot be frames is not kept."""
        self._rest += piece
        while len(self._rest) >= _EDGE:
            size, heading = struct.unpack_from(">II", self._rest)
            if not _EDGE <= size <= _FRAME_LIMIT:
                self._rest.clear()
                return
            if len(self._rest) < size:
                return
            payload = bytes(self._rest[_EDGE - 4 + heading : size - 4])
            event = _event(bytes(self._rest[_EDGE - 4 : _EDGE - 4 + heading]), payload)
            del self._rest[:size]
            if event is not None:
                self._observation.chunk(event)

    def end(self) -> None:
        """Tell the end."""
        self._observation.finish()


def _event(headers: bytes, payload: bytes) -> Any:
    """What a frame says; a failure in the words of the streams that have events for it."""
    told = parse_json(payload)
    failure = _EXCEPTION.search(headers)
    if failure is not None:
        return {
            "type": "error",
            "error": {"type": failure[1].decode(), "message": text(get(told, "message")) or ""},
        }
    packed = text(get(told, "bytes"))
    if packed is None:
        return told
    try:
        return parse_json(base64.b64decode(packed))
    except ValueError:
        return None
