"""Where telemetry is to go, as the user chose it in code or by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from callspan.export.endpoints import (
    GENERAL,
    SIGNALS,
    Complain,
    Target,
    check_endpoint,
    refuse,
    targets,
    variable,
)
from callspan.runtime.errors import ConfigurationError, SettingsError
from callspan.settings.environment import sdk_disabled
from callspan.settings.values import parse_boolean

__all__ = ["Destinations", "check_endpoint", "from_environment", "prometheus_address"]

_KNOWN = ("otlp", "console", "prometheus", "none")


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where telemetry goes; all of it can be chosen together.

    `console` is a tree for each trace and a table of tokens at exit, on stderr. `file` takes OTLP as JSON lines.
    `otlp` sends `otlp_signals` to a collector named by the standard variables, or by `otlp_endpoint`, which wins.
    `prometheus` is `HOST:PORT`; without a host it is 127.0.0.1.
    """

    console: bool = False
    file: str | None = None
    otlp: bool = False
    otlp_endpoint: str | None = None
    prometheus: str | None = None
    otlp_signals: tuple[str, ...] = SIGNALS

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return bool(self.console or self.file or self.sends_otlp or self.prometheus)

    @property
    def sends_otlp(self) -> bool:
        """Whether something goes to a collector."""
        return bool((self.otlp or self.otlp_endpoint) and self.otlp_signals)

    def targets(
        self, environ: Mapping[str, str] = os.environ, complain: Complain = refuse
    ) -> tuple[Target, ...]:
        """Where each signal goes over OTLP; raises `ConfigurationError` for what cannot be right."""
        return (
            targets(self.otlp_signals, self.otlp_endpoint, environ, complain)
            if self.sends_otlp
            else ()
        )


def from_environment(
    environ: Mapping[str, str] = os.environ, complain: Complain = refuse
) -> Destinations:
    """Return what `CALLSPAN_CONSOLE`, `_FILE`, `_PROMETHEUS` and the standard `OTEL_*` variables ask for.

    Raises `ConfigurationError` for a wrong one, or gives its message to `complain` and goes on without that variable.
    """
    if sdk_disabled(environ):
        return Destinations()
    asked = {signal: _exporters(environ, signal, complain) for signal in SIGNALS}
    signals = tuple(signal for signal in SIGNALS if _goes_to_otlp(environ, signal, asked[signal]))
    prometheus = _text(environ, "CALLSPAN_PROMETHEUS") or None
    if prometheus is None and "prometheus" in asked["metrics"]:
        prometheus = _standard_prometheus(environ)
    if prometheus is not None:
        prometheus = _usable_address(environ, prometheus, complain)
    console = bool(switch(environ, "CALLSPAN_CONSOLE", complain))
    return Destinations(
        console=console or any("console" in names for names in asked.values()),
        file=_text(environ, "CALLSPAN_FILE") or None,
        otlp=bool(signals),
        prometheus=prometheus,
        otlp_signals=signals or SIGNALS,
    )


def prometheus_address(value: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `:PORT` or `PORT`; without a host only this machine can read."""
    host, _, port = value.strip().rpartition(":")
    host = host.strip("[]")
    if not port.isdigit() or int(port) > 65535 or "/" in host:
        raise ConfigurationError(
            f"the Prometheus address is {value!r}: write HOST:PORT, such as 127.0.0.1:9464"
        )
    return host or "127.0.0.1", int(port)


def _text(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def switch(environ: Mapping[str, str], name: str, complain: Complain = refuse) -> bool | None:
    """Return what a variable of ours says that is true or false, or `None` where it says nothing that is usable."""
    value = _text(environ, name).lower()
    if not value:
        return None
    try:
        return parse_boolean(value, name)
    except SettingsError as error:
        complain(str(error))
        return None


def _usable_address(environ: Mapping[str, str], value: str, complain: Complain) -> str | None:
    names = ("CALLSPAN_PROMETHEUS", "OTEL_EXPORTER_PROMETHEUS_PORT")
    name = next((name for name in names if _text(environ, name)), names[0])
    try:
        prometheus_address(value)
    except ConfigurationError as error:
        complain(f"{name}: {error}")
        return None
    return value


def _exporters(environ: Mapping[str, str], signal: str, complain: Complain) -> tuple[str, ...]:
    name = f"OTEL_{signal.upper()}_EXPORTER"
    found = tuple(item.strip().lower() for item in _text(environ, name).split(",") if item.strip())
    for item in found:
        if not _can_send(signal, item):
            fitting = (
                "otlp, prometheus, console or none"
                if signal == "metrics"
                else "otlp, console or none"
            )
            complain(f"{name} has {item!r}, to which callspan cannot send: use {fitting}")
    return found


def _can_send(signal: str, exporter: str) -> bool:
    if exporter == "prometheus":
        return signal == "metrics"
    return exporter in _KNOWN


def _goes_to_otlp(environ: Mapping[str, str], signal: str, asked: tuple[str, ...]) -> bool:
    if asked:
        return "otlp" in asked and "none" not in asked
    return bool(_text(environ, GENERAL) or _text(environ, variable(signal, "ENDPOINT")))


def _standard_prometheus(environ: Mapping[str, str]) -> str:
    host = _text(environ, "OTEL_EXPORTER_PROMETHEUS_HOST") or "127.0.0.1"
    return f"{host}:{_text(environ, 'OTEL_EXPORTER_PROMETHEUS_PORT') or '9464'}"
