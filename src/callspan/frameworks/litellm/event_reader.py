"""Answers of LiteLLM's functions that speak a provider's own format: plain data, or server-sent events as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from callspan.events import Delta, Usage
from callspan.formats.fields import parse_json
from callspan.formats.format import Format

_EVENT_LIMIT = 4 * 1024 * 1024
"""Bytes of an event without an end that are kept."""


class EventReader:
    """A reader of one stream. LiteLLM passes on bytes as they come, cut anywhere, or events as plain data."""

    def __init__(self, wire_format: Format) -> None:
        self._wire_format = wire_format
        self._rest = b""

    def __call__(self, item: Any, full: bool) -> Delta | None:
        """Return what a piece of the stream adds, all events in it together."""
        deltas = (self._wire_format.read(event, full) for event in self._events(item))
        return _together([delta for delta in deltas if delta is not None])

    def end(self) -> Delta | None:
        """Return what the last event adds, if no end of its line has come."""
        return self(b"\n", True) if self._rest else None

    def _events(self, item: Any) -> Iterator[Any]:
        piece = item.encode() if isinstance(item, str) else item
        if not isinstance(piece, (bytes, bytearray)):
            yield item
            return
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _EVENT_LIMIT:
            self._rest = b""
        for line in lines:
            event = parse_json(line[5:].strip()) if line.startswith(b"data:") else None
            if event is not None:
                yield event


def _together(deltas: list[Delta]) -> Delta | None:
    """Return one delta for several; what a later one states counts."""
    if len(deltas) < 2:
        return deltas[0] if deltas else None
    total = Delta()
    for delta in deltas:
        total.id = delta.id or total.id
        total.model = delta.model or total.model
        total.failure = delta.failure or total.failure
        total.last = total.last or delta.last
        total.parts = [*total.parts, *delta.parts]
        total.finish_reasons = [*total.finish_reasons, *delta.finish_reasons]
        total.details = {**(total.details or {}), **(delta.details or {})}
        total.usage = _newer(total.usage, delta.usage)
    return total


def _newer(usage: Usage | None, newer: Usage | None) -> Usage | None:
    if usage is None or newer is None:
        return newer or usage
    usage.update(newer)
    return usage
