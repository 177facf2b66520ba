"""How each destination is opened; a module of theirs is imported only when one is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from typing import Any

from callspan import guard
from callspan.export.destinations import Destinations
from callspan.export.endpoints import refuse
from callspan.export.outlet import Outlet


def ways_to_open(destinations: Destinations, strict: bool) -> dict[Hashable, Callable[[], Outlet]]:
    """Return how to open each destination, by what makes it the same as one that is open already."""
    wanted: dict[Hashable, Callable[[], Outlet]] = {}
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


def _console() -> Outlet:
    from callspan.export.console import Console

    return Console()


def _file(path: str) -> Outlet:
    from callspan.export.file import File

    return File(path)


def _collector(targets: Any, in_code: bool) -> Outlet:
    from callspan.export.collector import Collector

    return Collector(targets, joins=in_code)


def _prometheus(address: str, strict: bool) -> Outlet:
    from callspan.export.prometheus import Prometheus

    return Prometheus(address, strict)
