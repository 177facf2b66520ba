"""How each destination is opened; its modules are imported only when it is wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator

from callspan.export.destinations import Destinations
from callspan.export.endpoints import Target, refuse
from callspan.export.exporter import Exporter
from callspan.export.exporter_set import Openers
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
"""Modules that are imported for destinations of any kind."""


def check_sdk() -> None:
    """Raise `ConfigurationError` in one line where the SDK is not installed."""
    try:
        import opentelemetry.sdk.trace  # noqa: F401  so that what is missing is said at once, in one line
    except ModuleNotFoundError as error:
        raise ConfigurationError(advice(error) or str(error)) from None


def openers_of(destinations: Destinations, strict: bool) -> Openers:
    """Return how to open each destination; with `strict` false, wrong variables are warnings."""
    openers: Openers = {}
    if destinations.console:
        has_content = destinations.content
        openers["console", has_content] = lambda: _console(has_content)
    targets = destinations.targets(os.environ, refuse if strict else guard.say_once)
    if targets:
        in_code = destinations.otlp_endpoint is not None
        # `in_code` is part of the key, as only such a collector joins the app's provider
        openers["otlp", targets, in_code] = lambda: _collector(targets, in_code)
    address = destinations.prometheus
    if address:
        openers["prometheus", address] = lambda: _prometheus(address, strict)
    # the last: where another one is refused, no file must be left behind
    if destinations.file:
        # absolute, so that the same file by a relative path has the same key
        path = os.path.abspath(destinations.file)
        openers["file", path] = lambda: _file(path)
    return openers


# the modules are named literally, so that packagers such as PyInstaller find them


def _console(has_content: bool) -> Exporter:
    from callspan.export.console import Console

    return Console(has_content)


def _file(path: str) -> Exporter:
    from callspan.export.file import File

    return File(path)


def _collector(targets: tuple[Target, ...], in_code: bool) -> Exporter:
    from callspan.export.collector import Collector

    return Collector(targets, joins=in_code)


def _prometheus(address: str, strict: bool) -> Exporter:
    from callspan.export.prometheus import Prometheus

    return Prometheus(address, strict)


def modules(destinations: Destinations) -> Iterator[str]:
    """Yield the names of the modules that are imported when these destinations are opened."""
    yield from _ALWAYS
    if destinations.console:
        yield "callspan.export.console"
    if destinations.file:
        yield from ("callspan.export.file", "callspan.export.line_exporters")
    if destinations.sends_otlp:
        from callspan.export import collector

        yield from collector.modules(destinations.targets(os.environ, _ignore))
    if destinations.prometheus:
        yield from ("callspan.export.prometheus", "callspan.export.prometheus_reader")
        yield from ("callspan.export.prometheus_group", "callspan.export.prometheus_sums")
        yield "callspan.export.metrics_server"
        yield "opentelemetry.exporter.prometheus"


def _ignore(_message: str) -> None:
    """Drop a message about a wrong variable; it is printed when the destination is opened."""
