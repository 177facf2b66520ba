"""Read streams of LiteLLM's functions that speak a provider's own format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from callspan.events import Delta, Usage
from callspan.formats.bodies import parse_json
from callspan.formats.format import Format

_EVENT_LIMIT = 4 * 1024 * 1024
"""Bytes kept of an event whose end has not come."""

Item = Any
"""A piece of a stream: bytes, text, or an event as plain data."""


class EventReader:
    """A reader of one stream.

    LiteLLM passes on server-sent events as bytes, cut anywhere, or events as plain data.
    """

    def __init__(self, wire_format: Format) -> None:
        self._wire_format = wire_format
        self._rest = b""

    def __call__(self, item: Item, needs_text: bool) -> Delta | None:
        """Return one delta for all events in a piece of the stream."""
        deltas: list[Delta] = []
        for event in self._events(item):
            delta = self._wire_format.read(event, needs_text)
            if delta is not None:
                deltas.append(delta)
        return _merge(deltas)

    def end(self) -> Delta | None:
        """Return the delta of the last event, if the end of its line has not come."""
        # a stream may end without the line's end
        return self(b"\n", True) if self._rest else None

    def _events(self, item: Item) -> Iterator[Item]:
        piece = item.encode() if isinstance(item, str) else item
        if not isinstance(piece, (bytes, bytearray)):
            yield item
            return
        *lines, self._rest = (self._rest + piece).split(b"\n")
        # a line without an end must not fill the memory
        if len(self._rest) > _EVENT_LIMIT:
            self._rest = b""
        for line in lines:
            # lines with an event's name or a comment: the data has all that is read
            if not line.startswith(b"data:"):
                continue
            event = parse_json(line[5:].strip())
            # `[DONE]` is no JSON
            if event is not None:
                yield event


def _merge(deltas: list[Delta]) -> Delta | None:
    """Return one delta for several; a later one's values replace those of an earlier one."""
    if not deltas:
        return None
    if len(deltas) == 1:
        return deltas[0]
    total = Delta()
    for delta in deltas:
        for name in ("id", "model", "failure", "last"):
            value = getattr(delta, name)
            if value:
                setattr(total, name, value)
        total.parts = [*total.parts, *delta.parts]
        total.finish_reasons = [*total.finish_reasons, *delta.finish_reasons]
        total.details = {**(total.details or {}), **(delta.details or {})}
        total.usage = _newer(total.usage, delta.usage)
    return total


def _newer(usage: Usage | None, newer: Usage | None) -> Usage | None:
    if usage is None:
        return newer
    if newer is None:
        return usage
    usage.update(newer)
    return usage
