"""What is patched now, checked rather than assumed."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import trace

from callspan import foreign
from callspan.doors.adapter import Adapter
from callspan.patching import Patch


def installed_version(package: str) -> str | None:
    """The installed version of a distribution, if there is one."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """One function that callspan wraps: `patched`, `waiting` for its import, `missing`, or `not instrumented`."""

    path: str
    state: str


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """One client: the versions it was tried with, what is installed and loaded, what is patched, who else is there."""

    name: str
    versions: str
    installed: str | None
    loaded: bool
    operations: tuple[str, ...]
    targets: tuple[TargetStatus, ...]
    foreign: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What `status()` reports."""

    instrumented: bool
    clients: tuple[ClientStatus, ...]
    telemetry: tuple[str, ...]
    problems: tuple[str, ...]


def report(instrumented: bool, patched: Mapping[Adapter, Sequence[Patch]]) -> Status:
    """The status of each client, given the patches of those that are watched."""
    clients = tuple(_client(adapter, patches) for adapter, patches in patched.items())
    problems = [
        f"{target.path} is missing in {client.name} {client.installed}"
        for client in clients
        for target in client.targets
        if target.state == "missing"
    ]
    problems += [f"{client.name} is also instrumented by {name}" for client in clients for name in client.foreign]
    return Status(instrumented, clients, _destinations(), tuple(problems))


def _client(adapter: Adapter, patches: Sequence[Patch]) -> ClientStatus:
    return ClientStatus(
        name=adapter.name,
        versions=f">={adapter.versions[0]},<{adapter.versions[1]}",
        installed=installed_version(adapter.package),
        loaded=adapter.module in sys.modules,
        operations=tuple(dict.fromkeys(route.dialect.operation for route in adapter.routes)),
        targets=tuple(
            TargetStatus(patch.target, patch.state)
            for patch in patches
            if not (patch.optional and patch.state == "missing")
        ),
        foreign=foreign.found(adapter.name),
    )


def _destinations() -> tuple[str, ...]:
    if "callspan.export.providers" in sys.modules:
        lines = sys.modules["callspan.export.providers"].describe()
        if lines:
            return tuple(lines)
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return ("nowhere: no OpenTelemetry provider is set",)
    return (f"to the app's own {type(provider).__module__}.{type(provider).__qualname__}",)
