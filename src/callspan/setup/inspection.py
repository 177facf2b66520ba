"""The report of `status()`: the state of each patch, checked now rather than remembered."""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from opentelemetry import trace

from callspan.export.losses import Loss
from callspan.frameworks.integration import Integration
from callspan.frameworks.native import Native
from callspan.hooks.client import Client
from callspan.runtime import packages
from callspan.runtime.patching import Patch
from callspan.setup.bypass import bypasses, lines_about
from callspan.setup.conflicts import other_instrumentations

_loaded_versions: weakref.WeakKeyDictionary[ModuleType, str | None] = weakref.WeakKeyDictionary()
"""The versions of loaded modules, which do not change when another version is installed."""


def installed_version(adapter: Client | Integration) -> str | None:
    """Return the version of a client: of the loaded package, else of the installed one."""
    module = sys.modules.get(adapter.module)
    # first, as it needs no search among the installed packages
    version = getattr(module, "__version__", None)
    if isinstance(version, str):
        return version
    if not isinstance(module, ModuleType):
        return packages.installed_version(adapter.package)
    if module not in _loaded_versions:
        _loaded_versions[module] = packages.installed_version(adapter.package)
    return _loaded_versions[module]


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """One function that callspan wraps.

    Attributes:
        path: Its dotted path.
        state: `patched`, `waiting` for the import of its module, `missing` in the installed
            version, `bypassed` by a function that another package has put in its place, or
            `not instrumented`.
    """

    path: str
    state: str


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """One client or framework.

    Attributes:
        name: Its name in callspan's settings.
        package: The package to install.
        versions: The versions that it was tried with, such as `>=1.40,<4`.
        installed: The version that is there, or `None`.
        loaded: Whether the program has imported it.
        operations: The operations that are seen, by the conventions' names.
        modules: The modules whose functions are patched; not each version has all of them.
        targets: The functions that are patched.
        foreign: The packages of other instrumentations that see the same client.
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
    """The report of `status()`.

    Attributes:
        instrumented: Whether `instrument()` is in force.
        clients: The clients and frameworks, each with the functions that are patched.
        telemetry: A line for each destination.
        problems: Lines that each name a problem.
        losses: The numbers of items that did not arrive, by destination and signal.
        muted: A line for each framework whose own telemetry ours replaces.
    """

    instrumented: bool
    clients: tuple[ClientStatus, ...]
    telemetry: tuple[str, ...]
    problems: tuple[str, ...]
    losses: tuple[Loss, ...] = ()
    muted: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return one short line, as notebooks show it, in place of all patched functions."""
        state = "instrumented" if self.instrumented else "not instrumented"
        names = ", ".join(client.name for client in self.clients if client.loaded)
        loaded = f"loaded: {names or 'no client'}"
        numbers = f"destinations: {len(self.telemetry)}, problems: {len(self.problems)}"
        return f"<Status: {state}; {loaded}; {numbers}>"


def older(version: str, oldest: str) -> bool:
    """Whether a version comes before another, by the first three of their numbers."""
    return _numbers(version) < _numbers(oldest)


def _numbers(version: str) -> list[int]:
    # three, as what follows is a candidate's number or the like
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def report(
    instrumented: bool,
    patched: Mapping[Client | Integration, Sequence[Patch]],
    muted: Iterable[Native] = (),
) -> Status:
    """Return the status.

    Args:
        instrumented: Whether `instrument()` is in force.
        patched: The patches of each client and framework.
        muted: The frameworks whose own telemetry is muted.
    """
    clients = tuple(_client_status(client, patches) for client, patches in patched.items())
    problems = list(_problems_of_clients(clients))
    for patches in patched.values():
        problems += lines_about(patches)
    for client in clients:
        problems += [f"{client.name} is also instrumented by {name}" for name in client.foreign]
    providers = sys.modules.get("callspan.export.providers")
    losses: tuple[Loss, ...] = ()
    if providers is not None:
        problems += providers.problems()
        losses = tuple(providers.losses())
    muted_lines = tuple(f"{native.name}: {native.muted}" for native in muted)
    return Status(instrumented, clients, _destinations(), tuple(problems), losses, muted_lines)


def _problems_of_clients(clients: Iterable[ClientStatus]) -> Iterator[str]:
    for client in clients:
        oldest = client.versions.removeprefix(">=").partition(",")[0]
        if client.installed and older(client.installed, oldest):
            name = f"{client.name} {client.installed}"
            yield f"{name} is too old: pip install '{client.package}{client.versions}'"
    for client in clients:
        for target in client.targets:
            if target.state == "missing":
                yield f"{target.path} is missing in {client.name} {client.installed}"


def _client_status(client: Client | Integration, patches: Sequence[Patch]) -> ClientStatus:
    oldest, first_untried = client.versions
    return ClientStatus(
        name=client.name,
        package=client.package,
        versions=f">={oldest},<{first_untried}",
        installed=installed_version(client),
        loaded=client.module in sys.modules,
        operations=client.operations,
        modules=tuple(dict.fromkeys(patch.module for patch in patches)),
        targets=tuple(_target_statuses(patches)),
        foreign=other_instrumentations(client),
    )


def _target_statuses(patches: Iterable[Patch]) -> Iterator[TargetStatus]:
    for patch in patches:
        # a function that some versions lack is not a thing to look after
        if patch.optional and patch.state in ("missing", "waiting"):
            continue
        # the installed version has another module in its place
        if patch.state == "waiting" and patch.elsewhere in sys.modules:
            continue
        state = "bypassed" if bypasses(patch) else patch.state
        yield TargetStatus(patch.target, state)


def _destinations() -> tuple[str, ...]:
    """Return a line for each destination of telemetry."""
    # looked up, not imported: the module is there only if callspan has set a destination up
    export = sys.modules.get("callspan.export.providers")
    if export is not None:
        lines = tuple(export.describe())
        if lines:
            return lines
    try:
        provider = trace.get_tracer_provider()
    except Exception as error:  # noqa: BLE001  a variable may name a provider that is not there
        return (f"nowhere: the OpenTelemetry provider cannot be loaded ({type(error).__name__})",)
    # the stand-in that the API has until a provider is set
    if isinstance(provider, trace.ProxyTracerProvider):
        return ("nowhere: no OpenTelemetry provider is set",)
    return (f"to the app's own {type(provider).__module__}.{type(provider).__qualname__}",)
