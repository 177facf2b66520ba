"""The three global providers of OpenTelemetry, and how a guest sets one of its own."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

# by name, as the classes for metrics and logs are private to the API
_PROXIES = frozenset({"ProxyTracerProvider", "_ProxyMeterProvider", "ProxyLoggerProvider"})


@dataclass(frozen=True, slots=True)
class GlobalProvider:
    """The global provider of one signal.

    Attributes:
        api: The public module that gets and sets it.
        internal: The module that holds it.
        variable: The name of its variable there.
        noun: The word in the names of the public functions.
    """

    api: str
    internal: str
    variable: str
    noun: str

    def current(self) -> Any:
        """Return the provider that is set, or `None` while there is only OpenTelemetry's stand-in."""
        # the public way also loads the provider that OTEL_PYTHON_TRACER_PROVIDER names
        get_provider = getattr(importlib.import_module(self.api), f"get_{self.noun}_provider")
        provider = get_provider()
        return None if type(provider).__name__ in _PROXIES else provider

    def set(self, provider: Any) -> None:
        """Set a provider so that the app may still set its own.

        OpenTelemetry lets a provider be set once, and warns the second time. So the variable is assigned, which does
        not use up that once; where it has another name, the provider is set in the ordinary way.
        """
        module = importlib.import_module(self.internal)
        if not hasattr(module, self.variable):
            set_provider = getattr(importlib.import_module(self.api), f"set_{self.noun}_provider")
            set_provider(provider)
            return
        setattr(module, self.variable, provider)
        # meters that were got before get their real instruments now; tracers and loggers look by themselves
        proxy = getattr(module, "_PROXY_METER_PROVIDER", None)
        if proxy is not None:
            proxy.on_set_meter_provider(provider)


TRACES = GlobalProvider("opentelemetry.trace", "opentelemetry.trace", "_TRACER_PROVIDER", "tracer")
METRICS = GlobalProvider(
    "opentelemetry.metrics", "opentelemetry.metrics._internal", "_METER_PROVIDER", "meter"
)
LOGS = GlobalProvider(
    "opentelemetry._logs", "opentelemetry._logs._internal", "_LOGGER_PROVIDER", "logger"
)
