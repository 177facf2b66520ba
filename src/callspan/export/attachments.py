"""Where exporters are connected: a provider of ours while the app has none, else the app's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from callspan.export.exporter import Exporter
from callspan.export.global_providers import LOGS, TRACES, GlobalProvider
from callspan.export.resource import child_resource, resource
from callspan.runtime import guard
from callspan.telemetry.provider import own_providers

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

# the SDK's words: a guest's provider may be any class that has these methods
_ADD_METHODS = {"traces": "add_span_processor", "logs": "add_log_record_processor"}


class ProviderAttachment:
    """Connects exporters with the providers of one signal, traces or logs.

    A provider cannot let go of a processor, so each gets one of ours, which delegates to the
    exporters in force. `renew` is called when processors are wanted after a fork, `flush` when a
    provider is flushed or shut down.
    """

    def __init__(
        self, signal: str, renew: Callable[[], None], flush: Callable[[str, float], bool]
    ) -> None:
        self.signal = signal
        self.own: Any = None
        self._resource: Resource | None = None
        self._renew = renew
        self._flush = flush
        self._global_provider: GlobalProvider = TRACES if signal == "traces" else LOGS
        # never made shorter: a provider keeps our processor, so at worst it passes on to nobody
        self._attached: list[tuple[Any, Any]] = []

    def use(self, exporters: Sequence[Exporter]) -> None:
        """Pass on to these exporters from now on, and to no others."""
        interested = [exporter for exporter in exporters if exporter.wants(self.signal)]
        if interested:
            self._attach_to_current()
        for provider, processor in self._attached:
            # providers that were in force before are among them: they get an empty tuple at the end
            is_ours = provider is self.own
            processor.processors = self._processors(interested, is_ours)

    def _attach_to_current(self) -> None:
        """Attach to the app's provider, or to one of ours if there is none."""
        provider = self._global_provider.current()
        if provider is None:
            self._install(resource())
        elif not self._is_attached(provider):
            self._join(provider)

    def _is_attached(self, provider: Any) -> bool:
        return any(attached is provider for attached, _ in self._attached)

    def _processors(self, exporters: list[Exporter], is_ours: bool) -> tuple[Any, ...]:
        """Return the processors of exporters.

        The app's own provider gets only those of exporters to which it cannot be sending already.
        """
        processors: list[Any] = []
        for exporter in exporters:
            if not is_ours and not exporter.joins:
                continue
            if self.signal == "traces":
                processors += exporter.span_processors()
            else:
                processors += exporter.log_processors()
        return tuple(processors)

    def _install(self, origin: Resource) -> None:
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk.trace import TracerProvider

        make = TracerProvider if self.signal == "traces" else LoggerProvider
        # `ExportProviders.shutdown` ends everything at the exit, once and in its time
        self.own = make(resource=origin, shutdown_on_exit=False)
        own_providers.add(self.own)
        self._resource = origin
        self._attach(self.own)
        self._global_provider.set(self.own)

    def _join(self, provider: Any) -> None:
        if callable(getattr(provider, _ADD_METHODS[self.signal], None)):
            self._attach(provider)
            return
        name = f"{type(provider).__module__}.{type(provider).__qualname__}"
        guard.say_once(
            f"the app's {name} takes no processors, so its {self.signal} cannot be shown or written"
        )
        # it counts as attached, or each `follow` would come here again
        self._attached.append((provider, _NoProcessor()))

    def _attach(self, provider: Any) -> None:
        from callspan.export.delegating import DelegatingLogProcessor, DelegatingSpanProcessor

        make = DelegatingSpanProcessor if self.signal == "traces" else DelegatingLogProcessor
        processor = make(self._renew, lambda seconds: self._flush(self.signal, seconds))
        add = getattr(provider, _ADD_METHODS[self.signal])
        add(processor)
        self._attached.append((provider, processor))

    def forked(self) -> None:
        """In a child, have the processors renewed at the next span, and the resource name the child."""
        # no exporter is opened here: within the app's fork a lock may be held for ever
        if self._needs_new_resource() and self._resource is not None:
            self._install(child_resource(self._resource))
        for _, processor in self._attached:
            processor.processors = None

    def _needs_new_resource(self) -> bool:
        own = self.own
        if own is None or self._global_provider.current() is not own:
            return False
        return not hasattr(own, "_handle_fork")  # newer SDKs renew the resource by themselves

    @property
    def replaced(self) -> bool:
        """Whether a provider is in force that we are not attached to."""
        provider = self._global_provider.current()
        return provider is not None and not self._is_attached(provider)


class _NoProcessor:
    """Stands for the processor of a provider that takes none."""

    processors: tuple[Any, ...] | None = ()
