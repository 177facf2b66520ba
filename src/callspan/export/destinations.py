"""The destinations that a user has chosen, in code or by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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

_EVERY_SIGNAL = ("otlp", "console", "none")
"""Exporters of the `OTEL_*_EXPORTER` variables that take any signal; `prometheus` takes metrics."""
_CONSOLE = "CALLSPAN_CONSOLE"


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where telemetry goes; all of it can be chosen together.

    Attributes:
        console: Whether a tree of each trace is printed, and a table of tokens at exit, on stderr.
        file: The path of a file for OTLP as JSON lines.
        otlp: Whether signals are sent to the collector of the standard variables.
        otlp_endpoint: The collector's endpoint, which wins over the variables.
        prometheus: The address of `/metrics` as `HOST:PORT`; the host is 127.0.0.1 by default.
        otlp_signals: The signals for the collector.
        content: Whether the console prints messages too, in short.
    """

    console: bool = False
    file: str | None = None
    otlp: bool = False
    otlp_endpoint: str | None = None
    prometheus: str | None = None
    otlp_signals: tuple[str, ...] = SIGNALS
    content: bool = False

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return any((self.console, self.file, self.sends_otlp, self.prometheus))

    @property
    def sends_otlp(self) -> bool:
        """Whether something goes to a collector."""
        has_collector = self.otlp or bool(self.otlp_endpoint)
        return has_collector and bool(self.otlp_signals)

    def targets(
        self, environ: Mapping[str, str] = os.environ, complain: Complain = refuse
    ) -> tuple[Target, ...]:
        """Return where each signal goes over OTLP.

        Wrong settings raise `ConfigurationError`, or their messages are passed to `complain`.
        """
        if not self.sends_otlp:
            return ()
        return targets(self.otlp_signals, self.otlp_endpoint, environ, complain)


def from_environment(
    environ: Mapping[str, str] = os.environ, complain: Complain = refuse
) -> Destinations:
    """Return the destinations of `CALLSPAN_CONSOLE`, `_FILE`, `_PROMETHEUS` and the `OTEL_*` variables.

    A wrong variable raises `ConfigurationError`, or its message is passed to `complain` and the
    variable counts as not set.
    """
    # OTEL_SDK_DISABLED is for all of OpenTelemetry, so it wins over our own variables
    if sdk_disabled(environ):
        return Destinations()
    exporters = {signal: _exporters(environ, signal, complain) for signal in SIGNALS}
    signals = tuple(
        signal for signal in SIGNALS if _goes_to_otlp(environ, signal, exporters[signal])
    )
    # checked here, so that a wrong one is told at the start and not at the first scrape
    prometheus = _prometheus(environ, "prometheus" in exporters["metrics"], complain)
    choice = console_choice(environ, complain)
    has_exporter = any("console" in names for names in exporters.values())
    return Destinations(
        console=choice in ("on", "content") or has_exporter,
        file=_text(environ, "CALLSPAN_FILE") or None,
        otlp=bool(signals),
        prometheus=prometheus,
        # `otlp` says already that none is sent; so no choice at all equals `Destinations()`
        otlp_signals=signals or SIGNALS,
        content=choice == "content",
    )


def prometheus_address(value: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `:PORT` or `PORT`.

    Without a host it is the loopback address, so that only this machine can read.
    """
    # from the right, as an IPv6 address has colons of its own
    host, _, port = value.strip().rpartition(":")
    host = host.strip("[]")
    # `isdigit` is true of "²" too, and `int` refuses that, as it does very long texts
    is_port = port.isdecimal() and len(port) < 10 and int(port) <= 65535
    if not is_port or "/" in host:
        raise ConfigurationError(
            f"the Prometheus address is {value!r}: write HOST:PORT, such as 127.0.0.1:9464"
        )
    return host or "127.0.0.1", int(port)


def _text(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def console_choice(
    environ: Mapping[str, str], complain: Complain = refuse
) -> Literal["on", "off", "content"] | None:
    """Return the choice of `CALLSPAN_CONSOLE`; `None` if it is not set, or wrong."""
    value = _text(environ, _CONSOLE).lower()
    if not value:
        return None
    if value == "content":
        return "content"
    try:
        return "on" if parse_boolean(value, _CONSOLE) else "off"
    except SettingsError as error:
        complain(f"{error}, or content")
        return None


def _prometheus(environ: Mapping[str, str], is_exporter: bool, complain: Complain) -> str | None:
    """Return the address for Prometheus; `is_exporter` says that `OTEL_METRICS_EXPORTER` names it."""
    address = _text(environ, "CALLSPAN_PROMETHEUS")
    if not address and is_exporter:
        address = _standard_prometheus(environ)
    if not address:
        return None
    try:
        prometheus_address(address)
    except ConfigurationError as error:
        names = ("CALLSPAN_PROMETHEUS", "OTEL_EXPORTER_PROMETHEUS_PORT")
        # the message names the variable that the user can mend
        name = next((name for name in names if _text(environ, name)), names[0])
        complain(f"{name}: {error}")
        return None
    return address


def _exporters(environ: Mapping[str, str], signal: str, complain: Complain) -> tuple[str, ...]:
    name = f"OTEL_{signal.upper()}_EXPORTER"
    words = [word.strip().lower() for word in _text(environ, name).split(",")]
    exporters = tuple(filter(None, words))
    choices = (
        "otlp, prometheus, console or none" if signal == "metrics" else "otlp, console or none"
    )
    for exporter in exporters:
        if not _can_send(signal, exporter):
            complain(f"{name} has {exporter!r}, to which callspan cannot send: use {choices}")
    return exporters


def _can_send(signal: str, exporter: str) -> bool:
    if exporter == "prometheus":
        return signal == "metrics"
    return exporter in _EVERY_SIGNAL


def _goes_to_otlp(environ: Mapping[str, str], signal: str, exporters: tuple[str, ...]) -> bool:
    if exporters:
        # `none` wins, whatever stands beside it
        return "otlp" in exporters and "none" not in exporters
    # OpenTelemetry's own default is a collector on this machine; callspan sends nothing unasked
    return any(_text(environ, name) for name in (GENERAL, variable(signal, "ENDPOINT")))


def _standard_prometheus(environ: Mapping[str, str]) -> str:
    host = _text(environ, "OTEL_EXPORTER_PROMETHEUS_HOST") or "127.0.0.1"
    return f"{host}:{_text(environ, 'OTEL_EXPORTER_PROMETHEUS_PORT') or '9464'}"
