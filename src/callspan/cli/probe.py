"""What callspan patches in this Python: found out by doing it, and undone."""

from __future__ import annotations

import importlib
import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callspan.setup.inspection import ClientStatus, Status


@dataclass(frozen=True)
class Probe:
    """The status while everything was instrumented, and what went wrong on the way."""

    status: Status
    problems: tuple[str, ...]


def probe() -> Probe:
    """Import the installed clients, instrument them, look, and undo it."""
    import callspan

    logging.getLogger("callspan").addHandler(
        logging.NullHandler()
    )  # what it would log stands in the status
    broken = [
        problem
        for client in callspan.status().clients
        if client.installed
        for problem in _imported(client)
    ]
    callspan.instrument()
    try:
        found = callspan.status()
    finally:
        callspan.uninstrument()
    return Probe(
        found,
        (*broken, *found.problems, *map(_unsupported, filter(_is_unsupported, found.clients))),
    )


def _imported(client: ClientStatus) -> list[str]:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or its import asks the network
    try:
        for module in client.modules:
            _import(module)
    except Exception as error:  # noqa: BLE001  a client may fail in any way at all when it is imported
        return [
            f"{client.name} {client.installed} cannot be imported ({error}): reinstall it with pip"
        ]
    return []


def _import(module: str) -> None:
    """Import a module, if this version of the client has it; one that fails for want of another has a problem."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise


def _unsupported(client: ClientStatus) -> str:
    return (
        f"{client.name} {client.installed} is outside the versions that callspan was tried with: "
        f"pip install '{client.name}{client.versions}'"
    )


def _is_unsupported(client: ClientStatus) -> bool:
    """Whether the installed version is outside `>=oldest,<newest`."""
    if client.installed is None:
        return False
    version = _numbers(client.installed)
    bounds = re.findall(r"(>=|<)\s*([\d.]+)", client.versions)
    return any(
        version < _numbers(bound) if sign == ">=" else version >= _numbers(bound)
        for sign, bound in bounds
    )


def _numbers(version: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    return found + (0,) * (3 - len(found))
