"""Spans and log records on their way to a collector: in parts that it takes, kept while it is away, and counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callspan.export.encodable import encodable_items
from callspan.export.log_filter import exporter_log_filter
from callspan.export.losses import ItemCount
from callspan.export.throttle import Throttle

PART_BYTES = 3_000_000
"""The most bytes in one request, about: gRPC servers take 4 MiB unless they are told otherwise."""
KEPT_SECONDS = 300.0
"""How long a part is tried again while the collector cannot be reached; what comes meanwhile waits in the queue."""
PAUSE = 0.5
"""Seconds between two tries; the exporter has waited longer and longer by then."""
_logger = logging.getLogger("callspan.export")
_ATTRIBUTE_BYTES, _ITEM_BYTES = 24, 200


class RetryingExporter:
    """Stands before an exporter of the SDK's, for one signal."""

    def __init__(self, exporter: Any, count: ItemCount, throttle: Throttle) -> None:
        self._exporter = exporter
        self._count = count
        self._throttle = throttle

    def export(self, batch: Sequence[Any]) -> Any:
        """Send a batch that is not empty; the first failure (`None` where nobody listens), or success."""
        results = [self._deliver(part) for part in parts(batch)]
        return next((result for result in results if not succeeded(result)), results[-1])

    def _deliver(self, part: Sequence[Any]) -> Any:
        """Send a part, again while the collector is away; where one item cannot be encoded, send the others."""
        result = self._tried_long(part)
        delivered = len(part) if succeeded(result) else 0
        if not delivered and len(part) > 1 and not self._throttle.is_closing:
            rest = encodable_items(part)
            if 0 < len(rest) < len(part) and succeeded(self._tried_long(rest)):
                delivered = len(rest)
        self._count.end(delivered, len(part) - delivered)
        return result

    def _tried_long(self, part: Sequence[Any]) -> Any:
        give_up = time.monotonic() + KEPT_SECONDS
        if not self._throttle.wait():
            return None
        while True:
            before = exporter_log_filter.unreachable_here
            self._count.begin(len(part))
            with exporter_log_filter.counting(self._count):
                result = self._tried(part)
            is_postponed = self._throttle.seconds > 0
            is_refused = exporter_log_filter.unreachable_here == before and not is_postponed
            if succeeded(result) or is_refused or time.monotonic() > give_up:
                return result
            self._count.withdraw()
            if not self._throttle.wait(PAUSE):
                return result

    def _tried(self, part: Sequence[Any]) -> Any:
        """Return what the exporter says; some raise where nobody listens, or for what they cannot encode."""
        try:
            return self._exporter.export(part)
        except Exception as error:
            _logger.warning("callspan: telemetry cannot be sent:", exc_info=error)
            return None

    def shutdown(self, **options: Any) -> None:
        """Try no more."""
        self.give_up()
        self._exporter.shutdown(**options)

    def give_up(self) -> None:
        """Let the try that is under way be the last."""
        self._throttle.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held here."""
        return True


class CountingProcessor:
    """A processor that only counts what the batching one beside it has been given."""

    def __init__(self, count: ItemCount) -> None:
        self._count = count

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """A start is nothing to send."""

    def on_end(self, span: Any) -> None:
        """A span that is sampled is to be sent."""
        if span.context.trace_flags.sampled:
            self._count.accept()

    def on_emit(self, log_record: Any) -> None:
        """Every log record is to be sent."""
        self._count.accept()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held here."""
        return True

    def shutdown(self) -> None:
        """Nothing is held here."""


def succeeded(result: Any) -> bool:
    """Whether an export went well, in the words of any signal."""
    return getattr(result, "name", "") == "SUCCESS"


def parts(batch: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The batch in parts of about `PART_BYTES`; an item that is larger goes alone, and last.

    It may be refused, which takes seconds, for gRPC's exporter tries again what was too large.
    """
    part: list[Any] = []
    alone: list[Any] = []
    room = PART_BYTES
    for item in batch:
        size = size_of(item)
        if size > PART_BYTES:
            alone.append(item)
            continue
        if size > room:
            yield part
            part, room = [], PART_BYTES
        part.append(item)
        room -= size
    if part:
        yield part
    yield from ([item] for item in alone)


def size_of(item: Any) -> int:
    """About how many bytes a span or a log record has: only text can be large."""
    record = getattr(item, "log_record", item)
    found = (
        _ITEM_BYTES
        + _size(getattr(record, "attributes", None))
        + _size(getattr(record, "body", None))
    )
    for event in getattr(record, "events", None) or ():
        found += _ITEM_BYTES + _size(event.attributes)
    return found


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_ATTRIBUTE_BYTES + len(key) + _size(item) for key, item in value.items())
    if isinstance(value, Sequence):
        return sum(_ATTRIBUTE_BYTES + _size(item) for item in value)
    return 8
