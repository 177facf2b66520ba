"""Spans and log records on their way to a collector: in parts that it takes, tried again, and counted."""

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
"""The time for which a part is tried again while the collector is away; others wait in the queue."""
PAUSE = 0.5
"""Seconds between two tries; the exporter has waited longer and longer by then."""
_logger = logging.getLogger("callspan.export")
# more than protobuf adds: tags and lengths take 18 bytes at most for an attribute, and ids, times
# and counts about 100 for a span
_ATTRIBUTE_BYTES, _ITEM_BYTES = 24, 200


class RetryingExporter:
    """Sends by an exporter of the SDK's, for one signal, and tries again what that has given up."""

    def __init__(self, exporter: Any, count: ItemCount, throttle: Throttle) -> None:
        self._exporter = exporter
        self._count = count
        self._throttle = throttle

    def export(self, batch: Sequence[Any]) -> Any:
        """Send a batch that is not empty.

        Returns:
            Success, or the first failure, which is `None` where nobody listens.
        """
        # all parts are tried: one that the collector refuses must not cost those after it
        results = [self._deliver(part) for part in parts(batch)]
        for result in results:
            if not succeeded(result):
                return result
        return results[-1]

    def _deliver(self, part: Sequence[Any]) -> Any:
        """Send a part; where one item cannot be encoded, send the others."""
        result = self._send(part)
        delivered = len(part) if succeeded(result) else 0
        if not delivered and len(part) > 1 and not self._throttle.is_closing:
            # only a failure leads here, as encoding each item by itself doubles the work
            rest = encodable_items(part)
            if 0 < len(rest) < len(part) and succeeded(self._send(rest)):
                delivered = len(rest)
        self._count.end(delivered, len(part) - delivered)
        return result

    def _send(self, part: Sequence[Any]) -> Any:
        """Send items, again and again while the collector is away."""
        # limited, as the batches behind this one wait in the SDK's queue, whose oldest items are
        # dropped when it is full (SDK 1.45)
        give_up = time.monotonic() + KEPT_SECONDS
        if not self._throttle.wait():
            return None
        while True:
            # the result has no reason in it: that nobody listened stands in the log alone
            before = exporter_log_filter.unreachable_here
            self._count.begin(len(part))
            with exporter_log_filter.counting(self._count):
                result = self._try(part)
            is_postponed = self._throttle.seconds > 0
            # refused for good, as by status 400: to send it again would change nothing
            is_refused = exporter_log_filter.unreachable_here == before and not is_postponed
            if succeeded(result) or is_refused or time.monotonic() > give_up:
                return result
            # between two tries it is not on its way, so an exit just now counts it as lost
            self._count.withdraw()
            if not self._throttle.wait(PAUSE):
                return result

    def _try(self, part: Sequence[Any]) -> Any:
        """Return the exporter's result; some raise where nobody listens, or for odd values."""
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
        """Do nothing, as nothing is held here."""
        return True


class CountingProcessor:
    """A processor that only counts the items of the batching one beside it."""

    def __init__(self, count: ItemCount) -> None:
        self._count = count

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Do nothing, as only a span that has ended is sent."""

    def on_end(self, span: Any) -> None:
        """Count a span if it is sampled."""
        # the batching processor leaves the others out by the same flag
        if span.context.trace_flags.sampled:
            self._count.accept()

    def on_emit(self, log_record: Any) -> None:
        """Count a log record."""
        self._count.accept()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing, as nothing is held here."""
        return True

    def shutdown(self) -> None:
        """Do nothing, as nothing is held here."""


def succeeded(result: Any) -> bool:
    """Whether an export went well, in the words of any signal."""
    # by name: the three signals have three enumerations
    return getattr(result, "name", "") == "SUCCESS"


def parts(batch: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield a batch in parts of about `PART_BYTES`; an item that is larger goes alone, and last.

    It may be refused, and those that a collector takes shall not wait for that.
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
    """Return the size of a span or a log record in bytes, about: only text can be large."""
    # the SDK wraps a log record together with its resource; a span is by itself
    record = getattr(item, "log_record", item)
    size = _ITEM_BYTES
    size += _size(getattr(record, "attributes", None))
    size += _size(getattr(record, "body", None))
    for event in getattr(record, "events", None) or ():
        size += _ITEM_BYTES + _size(event.attributes)
    return size


def _size(value: Any) -> int:
    if isinstance(value, str):
        # most text is ASCII, and then nothing has to be encoded to know its size
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_ATTRIBUTE_BYTES + len(key) + _size(item) for key, item in value.items())
    if isinstance(value, Sequence):
        return sum(_ATTRIBUTE_BYTES + _size(item) for item in value)
    # a number or a truth value, at the most that protobuf needs for one
    return 8
