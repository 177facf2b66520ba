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
class Endpoint:
    """One endpoint: HTTP method, the end of the URL's path, and the format spoken there."""

    method: str
    path: re.Pattern[str]
    wire_format: Format


def post(end: str, wire_format: Format) -> Endpoint:
    """The endpoint that is posted to at a path with such an end, told as a regular expression."""
    return Endpoint("POST", re.compile(f"{end}$"), wire_format)


@dataclass(frozen=True, slots=True, eq=False)
class Client:
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
    hook: Callable[[Client, OpenCall], list[Patch]]
    endpoints: tuple[Endpoint, ...]
    tracer_property: str | None = None
    wants_own_spans: Callable[[Any], bool] | None = None
    inner: str | None = None

    @property
    def operations(self) -> tuple[str, ...]:
        """What can be asked of it."""
        return tuple(dict.fromkeys(endpoint.wire_format.operation for endpoint in self.endpoints))


@lru_cache(maxsize=1024)
def endpoint_at(client: Client, method: str, path: str) -> Endpoint | None:
    """The endpoint that a request goes to, if it is one that is watched."""
    path = path.partition("?")[0]
    for endpoint in client.endpoints:
        if endpoint.path.search(path) and endpoint.method == method.upper():
            return endpoint
    return None


@dataclass(slots=True)
class Request:
    """One request as a door saw it, before it is known whether anybody wants to hear of it."""

    client: Client
    wire_format: Format
    client_object: Any
    body: Mapping[str, Any]
    stream: bool
    asynchronous: bool
    server: tuple[str | None, int | None]


OpenCall = Callable[[Request], "Observation | None"]
"""Begins an observation of a request, or says with `None` that nobody wants one."""
