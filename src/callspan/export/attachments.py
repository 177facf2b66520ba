"""Where our destinations are connected to: a provider of ours while the app has none, else the app's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from callspan.export.exporter import Exporter
from callspan.export.global_providers import LOGS, TRACES, GlobalProvider
from callspan.export.resource import in_child, resource
from callspan.runtime import guard

_ADDING = {"traces": "add_span_processor", "logs": "add_log_record_processor"}


class ProviderAttachment:
    """One signal, traces or logs: the provider of ours, and the app's providers that we were added to.

    `renew` is called when processors are wanted after a fork, `flush` when a provider is flushed or shut down.
    """

    def __init__(
        self, signal: str, renew: Callable[[], None], flush: Callable[[str, float], bool]
    ) -> None:
        self.signal = signal
        self.own: Any = None
        self._origin: Any = None
        self._renew = renew
        self._flush = flush
        self._global_provider: GlobalProvider = TRACES if signal == "traces" else LOGS
        self._attached: list[tuple[Any, Any]] = []

    def use(self, exporters: Sequence[Exporter]) -> None:
        """Pass on to these exporters from now on, and to no others."""
        wanted = [exporter for exporter in exporters if exporter.wants(self.signal)]
        present = self._global_provider.present()
        if present is None and wanted:
            present = self._install(resource())
        if (
            present is not None
            and wanted
            and not any(provider is present for provider, _ in self._attached)
        ):
            self._join(present)
        for provider, processor in self._attached:
            processor.processors = self._processors(wanted, provider is self.own)

    def _processors(self, exporters: list[Exporter], ours: bool) -> tuple[Any, ...]:
        """On the app's own provider, only what it cannot be sending already."""
        return tuple(
            processor
            for exporter in exporters
            if ours or exporter.joins
            for processor in (
                exporter.span_processors() if self.signal == "traces" else exporter.log_processors()
            )
        )

    def _install(self, origin: Any) -> Any:
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk.trace import TracerProvider

        kind = TracerProvider if self.signal == "traces" else LoggerProvider
        provider = self.own = kind(resource=origin, shutdown_on_exit=False)
        self._origin = origin
        self._attach(provider)
        self._global_provider.put(provider)
        return provider

    def _join(self, provider: Any) -> None:
        if callable(getattr(provider, _ADDING[self.signal], None)):
            self._attach(provider)
        else:
            name = f"{type(provider).__module__}.{type(provider).__qualname__}"
            guard.say_once(
                f"the app's {name} takes no processors, so its {self.signal} cannot be shown or written"
            )
            self._attached.append((provider, _Nothing()))

    def _attach(self, provider: Any) -> None:
        from callspan.export.delegating import DelegatingLogProcessor, DelegatingSpanProcessor

        kind = DelegatingSpanProcessor if self.signal == "traces" else DelegatingLogProcessor
        processor = kind(self._renew, lambda seconds: self._flush(self.signal, seconds))
        getattr(provider, _ADDING[self.signal])(processor)
        self._attached.append((provider, processor))

    def forked(self) -> None:
        """In a child: have processors asked for anew at the next span or record, and the resource name this process."""
        own = self.own
        # newer SDKs renew the resource by themselves
        if (
            own is not None
            and self._global_provider.present() is own
            and not hasattr(own, "_handle_fork")
        ):
            self._install(in_child(self._origin))
        for _, processor in self._attached:
            processor.processors = None

    @property
    def replaced(self) -> bool:
        """Whether a provider is in force that we are not connected to."""
        present = self._global_provider.present()
        return present is not None and not any(
            provider is present for provider, _ in self._attached
        )


class _Nothing:
    """Stands for a provider that takes no processors."""

    processors: tuple[Any, ...] | None = ()
