"""Which functions of the clients can be patched in this Python, tried out and undone."""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callspan.setup.inspection import ClientStatus, Status


@dataclass(frozen=True)
class Probe:
    """The status while every client was instrumented, and one line about each problem."""

    status: Status
    problems: tuple[str, ...]


def probe_clients() -> Probe:
    """Instrument, import the installed clients, read the status, and undo it.

    Clients that the settings leave out are not imported.
    """
    import callspan

    # The report tells the same problems; in the log they would stand twice on the terminal.
    logging.getLogger("callspan").addHandler(logging.NullHandler())
    problems: list[str] = []
    importable: set[str] = set()
    callspan.instrument()
    try:
        for client in callspan.status().clients:
            if client.installed and is_watched(client):
                lines = _import_client(client)
                problems += lines
                if not lines:
                    importable.add(client.name)
        status = callspan.status()
    finally:
        callspan.uninstrument()
    problems += status.problems
    problems += _missing_modules(status, importable)
    for client in status.clients:
        if _is_untried(client):
            problems.append(_version_problem(client))
    return Probe(status, tuple(problems))


def is_watched(client: ClientStatus) -> bool:
    """Whether the settings have a client watched, in the status of an installation."""
    return any(target.state != "not instrumented" for target in client.targets)


def _import_client(client: ClientStatus) -> list[str]:
    """Import the modules of a client and return the problem if that fails, in a list."""
    # LiteLLM asks the network for prices when it is imported, unless this variable is set.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        for module in client.modules:
            _import(module, _is_optional(module, client))
    except Exception as error:  # noqa: BLE001  a client may fail in any way at all when it is imported
        return [
            f"{client.name} {client.installed} cannot be imported ({error}): reinstall it with pip"
        ]
    return []


def _is_optional(module: str, client: ClientStatus) -> bool:
    """Whether some installations do without a module, in a status from before its import."""
    # functions that some versions lack are not among the targets until they are patched
    return not any(target.path.startswith(f"{module}.") for target in client.targets)


def _import(module: str, is_optional: bool) -> None:
    """Import a module of a client, unless this version of the client does not have it."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        # If the module that is missing is another one, the client's installation is incomplete,
        # or it lacks an extra, such as `websockets` for mcp 1.x.
        is_absent = error.name is not None and f"{module}.".startswith(f"{error.name}.")
        if not is_absent and not is_optional:
            raise


def _missing_modules(status: Status, importable: set[str]) -> list[str]:
    """Return a line for each module that the installed version of a framework does not have.

    Clients have modules of several versions side by side, without a mark.
    """
    from callspan.frameworks import INTEGRATIONS

    names = {integration.name for integration in INTEGRATIONS} & importable
    lines: list[str] = []
    for framework in status.clients:
        if framework.name in names:
            version = f"{framework.name} {framework.installed}"
            lines += [
                f"module {module} is missing in {version}, so its runs are not seen"
                for module in framework.modules
                if _is_missing(module, framework)
            ]
    return lines


def _is_missing(module: str, framework: ClientStatus) -> bool:
    """Whether a module, all of which were imported, is not there, though its package is."""
    # a framework may come in several packages, such as AutoGen's
    if module in sys.modules or module.partition(".")[0] not in sys.modules:
        return False
    waiting = [target.path for target in framework.targets if target.state == "waiting"]
    return any(path.startswith(f"{module}.") for path in waiting)


def _version_problem(client: ClientStatus) -> str:
    return (
        f"{client.name} {client.installed} is outside the versions that callspan was tried with: "
        f"pip install '{client.package}{client.versions}'"
    )


def _is_untried(client: ClientStatus) -> bool:
    """Whether the installed version is newer than those that callspan was tried with.

    The status itself tells of one that is too old.
    """
    if client.installed is None:
        return False
    first_untried = client.versions.rpartition("<")[2]
    return _version_numbers(client.installed) >= _version_numbers(first_untried)


def _version_numbers(version: str) -> tuple[int, ...]:
    """Return the first three numbers of a version; those that it lacks are 0."""
    # Enough for bounds such as `>=1.50,<3`; a whole parser of versions is a package more.
    numbers = [int(part) for part in re.findall(r"\d+", version)[:3]]
    missing = 3 - len(numbers)
    return (*numbers, *[0] * missing)
