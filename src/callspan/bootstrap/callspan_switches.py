"""Read the variables by which a program under `callspan run` is recorded, or is not.

Every Python process reads them at its start, so this imports no other part of callspan.
"""

from __future__ import annotations

import os

# not `typing`'s, whose import takes time; type checkers know the name
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_MODULES = "CALLSPAN_RUN_MODULES"
"""The variable by which `callspan run` names the modules of the clients that are looked for."""

TABLE_FILE = "CALLSPAN_RUN_TABLE"
"""The variable with the file in which the processes under one `callspan run` leave their sums of tokens."""
RUN_PROCESS = "CALLSPAN_RUN_PROCESS"
"""The variable by which `callspan run` names the process that it becomes."""


def table_file(environ: Mapping[str, str] = os.environ) -> str:
    """Return the file in which others leave their sums to this process; empty if it is not the first one."""
    is_first = environ.get(RUN_PROCESS) == str(os.getpid())
    return environ.get(TABLE_FILE, "") if is_first else ""


def client_modules(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the modules whose import begins the recording; none where it is switched off."""
    if switched_off(environ):
        return []
    return environ.get(CLIENT_MODULES, "openai").split(",")


def switched_off(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the variable by which nothing is to be recorded, or `None`."""
    if sdk_disabled(environ):
        return "OTEL_SDK_DISABLED"
    if not disabled_instrumentations(environ).isdisjoint(("*", "callspan")):
        return "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
    return None


def sdk_disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether OpenTelemetry is switched off, by `OTEL_SDK_DISABLED`."""
    # OpenTelemetry's booleans have one word for true, in upper or lower case
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def disabled_instrumentations(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the names of the instrumentations that are switched off; `*` stands for all."""
    names = environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    return frozenset(name.strip() for name in names if name.strip())
