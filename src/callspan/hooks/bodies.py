"""Readers of response bodies, fed while the app reads: JSON, server-sent events, AWS's frames."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Mapping

from callspan.formats.bodies import parse_json
from callspan.formats.fields import get, text
from callspan.hooks.client_types import ClientObject
from callspan.lifecycle.batches import BatchObservation
from callspan.lifecycle.byte_streams import Body
from callspan.lifecycle.observation import Observation

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a JSON body that are kept until its end; a larger one is not read."""

LINE_LIMIT = 32 * 1024 * 1024
"""Bytes of a line of JSON; a longer one is not read. A result may hold an image."""
PORTION = 64 * 1024
"""Bytes of results that are read in one step of an event loop, which takes a few milliseconds."""
_FRAME_LIMIT = 32 * 1024 * 1024
_PRELUDE = 12
"""Bytes before the headers of a frame: its length, that of its headers, and a checksum."""
_CHECKSUM = 4
"""Bytes behind the payload of a frame."""
# a header is its name, its type (7 is a text), the length in two bytes, and the value
_EXCEPTION = re.compile(rb":exception-type\x07..(\w+)", re.DOTALL)


def body_of(response: ClientObject, observation: Observation) -> Body:
    """Return the reader for the body of an HTTP response, by its type of content."""
    if isinstance(observation, BatchObservation) and observation.reading.in_lines:
        return ResultLines(observation)
    kind = response.headers.get("content-type", "")
    if "amazon.eventstream" in kind:
        return EventFrames(observation)
    if "event-stream" in kind:
        return ServerSentEvents(observation)
    # some servers leave the type out, or name a wrong one, for the stream that was asked for
    if observation.call.stream and "json" not in kind:
        return ServerSentEvents(observation)
    return JsonBody(observation)


def read_content(response: ClientObject, observation: Observation) -> None:
    """Read a body that the client has received already, and end the call."""
    body = body_of(response, observation)
    if isinstance(body, ResultLines):
        body.read_all(response.content)
        return
    body.feed(response.content)
    body.end()


def follow_file(observation: Observation, result: object) -> object:
    """Read a file that a client has received, if it holds results of a batch; end the reading.

    Returns the same object.
    """
    if isinstance(observation, BatchObservation) and isinstance(result, bytes):
        ResultLines(observation).read_all(result)
    else:
        observation.finish()
    return result


class JsonBody:
    """A body that is one answer: it is read when it is complete, if it is JSON."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        # the results of a batch may stand in one answer
        self._limit = LINE_LIMIT if isinstance(observation, BatchObservation) else BODY_LIMIT
        self._pieces: list[bytes] = []
        self.size = 0

    def feed(self, piece: bytes) -> None:
        """Keep a piece of a body that may be JSON, up to the limit."""
        self.size += len(piece)
        if self.size > self._limit:
            return
        # servers that keep a connection busy send blanks before the JSON
        if self._pieces or piece.lstrip()[:1] in (b"{", b"["):
            self._pieces.append(piece)

    def end(self) -> None:
        """Read the answer, and end the call."""
        answer = None
        if self.size <= self._limit:
            answer = parse_json(b"".join(self._pieces))
        self._observation.answer(answer)


class ResultLines:
    """A body with the result of a batch in each line; any other body is left unread."""

    def __init__(self, observation: BatchObservation) -> None:
        self._observation = observation
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_other = False

    def feed(self, piece: bytes) -> None:
        """Read the lines that are complete."""
        if self._is_other:
            return
        head, *lines = piece.split(b"\n")
        self._keep(head)
        for line in lines:
            self._read_line()
            self._keep(line)

    def read_all(self, content: bytes) -> None:
        """Read a whole body, in asynchronous code between other steps of the event loop."""
        portions = self._portions(content)
        if self._observation.call.asynchronous:
            self._observation.read_later(portions)
            return
        for _ in portions:
            pass

    def _portions(self, content: bytes) -> Iterator[None]:
        for start in range(0, len(content), PORTION):
            self.feed(content[start : start + PORTION])
            yield
        self.end()

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        # a line that is too long is not read, and does not fill the memory
        if self._size <= LINE_LIMIT:
            self._pieces.append(piece)

    def _read_line(self) -> None:
        line = b"".join(self._pieces).strip()
        is_whole = self._size <= LINE_LIMIT
        self._pieces.clear()
        self._size = 0
        if not line or not is_whole or self._is_other:
            return
        # a file of another kind shows itself in its first line
        self._is_other = not self._observation.read_results(parse_json(line))

    def end(self) -> None:
        """Read the last line, which may lack its end, and end the reading."""
        self._read_line()
        self._observation.finish()


class ServerSentEvents:
    """A body of server-sent events, each read as a chunk when its line is complete."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Read the events whose lines are complete."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            # a line may end in `\r\n`
            self._read_line(line.strip())

    def _read_line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            # `[DONE]`, with which OpenAI's format ends a stream, is no JSON
            event = parse_json(line[5:].strip())
            if event is not None:
                self._observation.chunk(event)

    def end(self) -> None:
        """Read the last event, which may lack the end of its line, and end the call."""
        self._read_line(self._rest.strip())
        self._observation.finish()


class EventFrames:
    """A body in AWS's binary format: each event is a frame of headers and a payload."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._rest = bytearray()

    def feed(self, piece: bytes) -> None:
        """Read the events of the frames that are complete; bytes that are no frames are dropped."""
        self._rest += piece
        while len(self._rest) >= _PRELUDE + _CHECKSUM:
            size, headers_size = struct.unpack_from(">II", self._rest)
            if not _PRELUDE + _CHECKSUM <= size <= _FRAME_LIMIT:
                # without the length of this frame the next one cannot be found either
                self._rest.clear()
                return
            if len(self._rest) < size:
                return
            payload_start = _PRELUDE + headers_size
            headers = bytes(self._rest[_PRELUDE:payload_start])
            payload = bytes(self._rest[payload_start : size - _CHECKSUM])
            del self._rest[:size]
            event = _event(headers, payload)
            if event is not None:
                self._observation.chunk(event)

    def end(self) -> None:
        """End the call."""
        self._observation.finish()


def _event(headers: bytes, payload: bytes) -> object:
    """Return the event of a frame; a failure has the form that Anthropic's streams have for it."""
    content = parse_json(payload)
    failure = _EXCEPTION.search(headers)
    if failure is not None:
        return _failure_event(failure[1].decode(), content)
    # InvokeModel wraps the vendor's own event: base64 within JSON
    packed = text(get(content, "bytes"))
    if packed is None:
        return content
    try:
        return parse_json(base64.b64decode(packed))
    except ValueError:
        return None


def _failure_event(name: str, content: object) -> Mapping[str, object]:
    message = text(get(content, "message")) or ""
    return {"type": "error", "error": {"type": name, "message": message}}
