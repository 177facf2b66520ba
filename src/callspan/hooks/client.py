"""What an adapter is: one client as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from callspan.formats.format import Format
from callspan.lifecycle.observation import Observation
from callspan.runtime.patching import Patch


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: HTTP method, the end of the URL's path, and the format spoken there."""

    method: str
    path: re.Pattern[str]
    wire_format: Format


def post(end: str, wire_format: Format) -> Route:
    """The endpoint that is posted to at a path with such an end, told as a regular expression."""
    return Route("POST", re.compile(f"{end}$"), wire_format)


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """One client: its names, the versions it was tried with, how to tell the provider, its door and its endpoints.

    `versions` are the oldest supported and the first that is not known to work, as in `>=oldest,<newest`.
    `own_tracer` is the property by which a client that makes spans of its own finds its tracer: while it makes a call
    that callspan makes a span for, it finds none, unless `asked_for_spans` says that the app asked this client object
    for them. `inner` is the dotted path from the app's client object to the one
    that the door sees, if that is another.
    """

    name: str
    package: str
    module: str
    versions: tuple[str, str]
    provider: Callable[[Any, str, int | None], str]
    door: Callable[[Adapter, Opener], list[Patch]]
    routes: tuple[Route, ...]
    own_tracer: str | None = None
    asked_for_spans: Callable[[Any], bool] | None = None
    inner: str | None = None

    @property
    def operations(self) -> tuple[str, ...]:
        """What can be asked of it."""
        return tuple(dict.fromkeys(route.wire_format.operation for route in self.routes))


@lru_cache(maxsize=1024)
def route_of(adapter: Adapter, method: str, path: str) -> Route | None:
    """The endpoint that a request goes to, if it is one that is watched."""
    path = path.partition("?")[0]
    for route in adapter.routes:
        if route.path.search(path) and route.method == method.upper():
            return route
    return None


@dataclass(slots=True)
class Request:
    """One request as a door saw it, before it is known whether anybody wants to hear of it."""

    adapter: Adapter
    wire_format: Format
    client: Any
    body: Mapping[str, Any]
    stream: bool
    asynchronous: bool
    server: tuple[str | None, int | None]


Opener = Callable[[Request], "Observation | None"]
"""Begins an observation of a request, or says with `None` that nobody wants one."""
