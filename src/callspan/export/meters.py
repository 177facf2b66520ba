"""How metrics are read: by our meter provider, or by our readers on the app's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.metrics import MeterProvider as MeterProviderApi

from callspan.export.exporter import Exporter
from callspan.export.global_providers import METRICS
from callspan.runtime import guard


class OwnMeterProvider(MeterProviderApi):
    """Makes the SDK's provider when first asked for a meter, so that a child that never calls a model costs nothing.

    Flushing is bounded, which the SDK's is not. `lock` returns the lock under which destinations are opened: threads
    that make their first calls at once must come to the same provider.
    """

    def __init__(
        self,
        readers: Callable[[], list[Any]],
        flush: Callable[[float], bool],
        lock: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._readers = readers
        self._lock = lock
        self._flush = flush
        self._sdk: Any = None

    def get_meter(self, *arguments: Any, **options: Any) -> Any:
        """Return a meter of the SDK's."""
        return self.sdk().get_meter(*arguments, **options)

    def sdk(self) -> Any:
        """Return the SDK's provider behind this one, made now if nobody has asked for it before."""
        if self._sdk is None:
            with self._lock():
                # looked at again, as two threads may make their first calls at once
                if self._sdk is None:
                    self._sdk = self._make()
        return self._sdk

    def _make(self) -> Any:
        from opentelemetry.sdk.metrics import MeterProvider

        from callspan.export.resource import resource

        # not at exit by itself: `ExportProviders.shutdown` flushes in its time
        return MeterProvider(self._readers(), resource=resource(), shutdown_on_exit=False)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect and send."""
        return self._flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Collect and send; the readers live as long as the destinations."""
        self._flush(timeout_millis / 1000)


class Meters:
    """Connects exporters with the meter provider in force.

    A reader cannot move to another provider, so when the readers change ours is made anew.
    """

    def __init__(
        self,
        exporters: Callable[[], list[Exporter]],
        flush: Callable[[float], bool],
        lock: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.own: OwnMeterProvider | None = None
        self._lock = lock
        self._open_exporters = exporters
        self._flush = flush
        self._read: list[Exporter] = []
        # exporters that read on an app's provider, each with that provider and its reader
        self._guests: dict[Exporter, tuple[Any, Any]] = {}

    def use(self, exporters: Sequence[Exporter]) -> None:
        """Let these exporters, and no others, read."""
        interested = [exporter for exporter in exporters if exporter.wants("metrics")]
        provider = METRICS.current()
        if provider is not None and provider is not self.own:
            self._join(provider, [exporter for exporter in interested if exporter.joins])
        # only when they differ: a new provider begins its sums at zero
        elif interested != self._read:
            self._read = interested
            self.own = self._provider()
            self.own.sdk()
            METRICS.set(self.own)

    def renew(self) -> None:
        """Begin at zero, as a child must, whose parent exports the sums up to the fork."""
        if self.own is not None and METRICS.current() is self.own:
            # nothing is made here, as this runs in a fork: the first meter asked for does it
            self._read = []
            self.own = self._provider()
            METRICS.set(self.own)

    def _provider(self) -> OwnMeterProvider:
        return OwnMeterProvider(self._new_readers, self._flush, self._lock)

    def _new_readers(self) -> list[Any]:
        self._read = [exporter for exporter in self._open_exporters() if exporter.wants("metrics")]
        readers = map(_new_reader, self._read)
        return [reader for reader in readers if reader is not None]

    def _join(self, provider: Any, exporters: list[Exporter]) -> None:
        """Read the metrics of the app's provider, where the SDK is new enough for that."""
        for exporter in self._guests.keys() - set(exporters):
            # from the provider where it is, which may not be the one in force now
            old_provider, reader = self._guests.pop(exporter)
            old_provider.remove_metric_reader(reader)
        for exporter in exporters:
            joined, _ = self._guests.get(exporter, (None, None))
            if joined is provider:
                continue
            if not _takes_readers(provider):
                guard.say_once(
                    "the app's own meter provider takes no readers, so its metrics go where it sends them"
                )
                return
            reader = exporter.metric_reader()
            provider.add_metric_reader(reader)
            self._guests[exporter] = provider, reader

    @property
    def replaced(self) -> bool:
        """Whether the app has set a meter provider in place of ours."""
        provider = METRICS.current()
        is_of_app = provider is not None and provider is not self.own
        return is_of_app and bool(self._read)


def _new_reader(exporter: Exporter) -> Any:
    # it may need a thread, and this runs where the app asks for its first meter
    try:
        return exporter.metric_reader()
    except Exception as error:  # noqa: BLE001  the others go on
        guard.say_once(f"{exporter.name}: {error}; no metrics go there")
        return None


def _takes_readers(provider: Any) -> bool:
    """Whether readers can be added and removed; older SDKs have no methods for that."""
    return all(hasattr(provider, f"{verb}_metric_reader") for verb in ("add", "remove"))
