"""What is patched now, checked rather than assumed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import trace

from callspan.export.losses import Loss
from callspan.frameworks.framework import Source
from callspan.frameworks.native import Native
from callspan.hooks.client import Adapter
from callspan.runtime.patching import Patch
from callspan.setup import conflicts as foreign
from callspan.setup.bypass import bypasses, lines_about


def installed_version(adapter: Adapter | Source) -> str | None:
    """The version of a client: that which is loaded, else that which is installed."""
    loaded = getattr(sys.modules.get(adapter.module), "__version__", None)
    if isinstance(loaded, str):
        return loaded
    import importlib.metadata  # it takes longer to import than callspan's own modules

    try:
        return importlib.metadata.version(adapter.package)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """One function that callspan wraps.

    It is `patched`, `waiting` for its import, `missing`, `bypassed` by what others put in its place, or `not
    instrumented`.
    """

    path: str
    state: str


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """One client: its package, the versions it was tried with, what is installed and patched, who else is there.

    `modules` are those whose functions are patched; not each is there in each version.
    """

    name: str
    package: str
    versions: str
    installed: str | None
    loaded: bool
    operations: tuple[str, ...]
    modules: tuple[str, ...]
    targets: tuple[TargetStatus, ...]
    foreign: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What `status()` reports.

    `losses` has what did not arrive where `callspan` sends, a row each destination; `muted` has a line for each
    framework whose own telemetry ours stands for.
    """

    instrumented: bool
    clients: tuple[ClientStatus, ...]
    telemetry: tuple[str, ...]
    problems: tuple[str, ...]
    losses: tuple[Loss, ...] = ()
    muted: tuple[str, ...] = ()


def older(version: str, oldest: str) -> bool:
    """Whether a version comes before another, by their numbers."""
    numbers = [
        [int(number) for number in re.findall(r"\d+", text)[:3]] for text in (version, oldest)
    ]
    return numbers[0] < numbers[1]


def report(
    instrumented: bool,
    patched: Mapping[Adapter | Source, Sequence[Patch]],
    muted: Iterable[Native] = (),
) -> Status:
    """The status of each client, given the patches of those that are watched, and the frameworks that are muted."""
    clients = tuple(_client(adapter, patches) for adapter, patches in patched.items())
    problems = [
        f"{client.name} {client.installed} is too old: callspan needs {client.versions}"
        for client in clients
        if client.installed and older(client.installed, client.versions[2:].partition(",")[0])
    ]
    problems += [
        f"{target.path} is missing in {client.name} {client.installed}"
        for client in clients
        for target in client.targets
        if target.state == "missing"
    ]
    problems += [line for patches in patched.values() for line in lines_about(patches)]
    problems += [
        f"{client.name} is also instrumented by {name}"
        for client in clients
        for name in client.foreign
    ]
    providers = sys.modules.get("callspan.export.providers")
    lost: tuple[Loss, ...] = ()
    if providers is not None:
        problems += providers.problems()
        lost = tuple(providers.lost())
    lines = tuple(f"{native.name}: {native.muted}" for native in muted)
    return Status(instrumented, clients, _destinations(), tuple(problems), lost, lines)


def _client(adapter: Adapter | Source, patches: Sequence[Patch]) -> ClientStatus:
    return ClientStatus(
        name=adapter.name,
        package=adapter.package,
        versions=f">={adapter.versions[0]},<{adapter.versions[1]}",
        installed=installed_version(adapter),
        loaded=adapter.module in sys.modules,
        operations=adapter.operations,
        modules=tuple(dict.fromkeys(patch.module for patch in patches)),
        targets=tuple(
            TargetStatus(patch.target, "bypassed" if bypasses(patch) else patch.state)
            for patch in patches
            if not (patch.optional and patch.state in ("missing", "waiting"))
        ),
        foreign=foreign.found(adapter.name),
    )


def _destinations() -> tuple[str, ...]:
    if "callspan.export.providers" in sys.modules:
        lines = sys.modules["callspan.export.providers"].describe()
        if lines:
            return tuple(lines)
    try:
        provider = trace.get_tracer_provider()
    except Exception as error:  # noqa: BLE001  a variable may name a provider that is not there
        return (f"nowhere: the OpenTelemetry provider cannot be loaded ({type(error).__name__})",)
    if isinstance(provider, trace.ProxyTracerProvider):
        return ("nowhere: no OpenTelemetry provider is set",)
    return (f"to the app's own {type(provider).__module__}.{type(provider).__qualname__}",)
