"""How each destination is opened; a module of theirs is imported only when one is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from callspan.export.destinations import Destinations
from callspan.export.endpoints import refuse
from callspan.export.exporter import Exporter
from callspan.runtime import guard
from callspan.runtime.errors import ConfigurationError
from callspan.runtime.requirements import advice

_ALWAYS = (
    "opentelemetry.sdk.resources",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.sdk.metrics.export",
    "opentelemetry.sdk._logs.export",
    "callspan.export.providers",
    "callspan.export.delegating",
    "callspan.export.closable",
)
"""What is imported for destinations of any kind."""


def check_sdk() -> None:
    """Raise `ConfigurationError` in one line where the SDK is not installed."""
    try:
        import opentelemetry.sdk.trace  # noqa: F401  so that what is missing is said at once, in one line
    except ModuleNotFoundError as error:
        raise ConfigurationError(advice(error) or str(error)) from None


def ways_to_open(
    destinations: Destinations, strict: bool
) -> dict[Hashable, Callable[[], Exporter]]:
    """Return how to open each destination, by what makes it the same as one that is open already."""
    wanted: dict[Hashable, Callable[[], Exporter]] = {}
    if destinations.console:
        wanted["console"] = _console
    if destinations.file:
        path = os.path.abspath(destinations.file)
        wanted["file", path] = lambda: _file(path)
    targets = destinations.targets(os.environ, refuse if strict else guard.say_once)
    if targets:
        in_code = destinations.otlp_endpoint is not None
        wanted["otlp", targets, in_code] = lambda: _collector(targets, in_code)
    address = destinations.prometheus
    if address:
        wanted["prometheus", address] = lambda: _prometheus(address, strict)
    return wanted


def _console() -> Exporter:
    from callspan.export.console import Console

    return Console()


def _file(path: str) -> Exporter:
    from callspan.export.file import File

    return File(path)


def _collector(targets: Any, in_code: bool) -> Exporter:
    from callspan.export.collector import Collector

    return Collector(targets, joins=in_code)


def _prometheus(address: str, strict: bool) -> Exporter:
    from callspan.export.prometheus import Prometheus

    return Prometheus(address, strict)


def together(
    layers: Mapping[str, dict[Hashable, Callable[[], Exporter]]],
) -> dict[Hashable, Callable[[], Exporter]]:
    """Return what program and operator want, each once: the same collector is named by both sides at times."""
    wanted = {key: make for layer in layers.values() for key, make in layer.items()}
    named_in_code = {
        key[1] for key in wanted if isinstance(key, tuple) and key[0] == "otlp" and key[2]
    }
    for targets in named_in_code:
        wanted.pop(("otlp", targets, False), None)
    return wanted


def modules(destinations: Destinations) -> Iterator[str]:
    """Yield the names of the modules that are imported when these destinations are opened."""
    yield from _ALWAYS
    if destinations.console:
        yield "callspan.export.console"
    if destinations.file:
        yield from ("callspan.export.file", "callspan.export.otlp_json")
    if destinations.sends_otlp:
        from callspan.export import collector

        yield from collector.modules(destinations.targets(os.environ, _ignore))
    if destinations.prometheus:
        yield from ("callspan.export.prometheus", "callspan.export.prometheus_reader")
        yield "callspan.export.metrics_server"
        yield "opentelemetry.exporter.prometheus"


def _ignore(_message: str) -> None:
    """Say nothing of a wrong variable, which is told of when the destination is opened."""
