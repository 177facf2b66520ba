"""Environment variables that are no settings of `instrument()`."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

# Programs under `callspan run` read these before any other part of callspan may be loaded, so the
# reading stands there (ARCHITECTURE.md, "Rooms").
from callspan.bootstrap.callspan_switches import (
    CLIENT_MODULES,
    RUN_PROCESS,
    TABLE_FILE,
    disabled_instrumentations,
    sdk_disabled,
)
from callspan.runtime import guard, process

__all__ = [
    "CLIENT_MODULES",
    "FLUSH_TIMEOUT",
    "METRICS_FOLDER",
    "RUN_PROCESS",
    "TABLE_FILE",
    "TABLE_PREFIX",
    "VARIABLES",
    "disabled_instrumentations",
    "flush_timeout",
    "is_first_process",
    "sdk_disabled",
]

FLUSH_TIMEOUT = 5.0
"""Seconds that the exit may take, unless `CALLSPAN_FLUSH_TIMEOUT` says otherwise."""
METRICS_FOLDER = "CALLSPAN_RUN_METRICS"
"""The variable with the folder in which the processes under one `callspan run` share their metrics."""
TABLE_PREFIX = "callspan-table-"
"""The beginning of the name of the file in `TABLE_FILE`, before the number of the first process."""
_LONGEST_FLUSH = 86_400.0
"""The most seconds that the exit may take: Python's locks have a limit on how long they wait."""
VARIABLES = {
    "CALLSPAN_CONSOLE": "`true`, `false` or `content`: as `--console`, `--no-console` and `--content` of"
    " `callspan run`",
    "CALLSPAN_FILE": "as `--file` of `callspan run`",
    "CALLSPAN_PROMETHEUS": "as `--prometheus` of `callspan run`",
    "CALLSPAN_FLUSH_TIMEOUT": f"seconds that the exit may take, {FLUSH_TIMEOUT:g}",
}
"""Our variables without an argument of `instrument()`, with their values as docs/reference/settings.md prints them."""


def is_first_process() -> bool:
    """Whether this process is the program itself, and no child of it, as far as that can be known."""
    pid = str(os.getpid())
    first = os.environ.get(RUN_PROCESS, pid)
    return first == pid and not process.is_child()


def flush_timeout(environ: Mapping[str, str] = os.environ) -> float:
    """Return the most seconds that the exit of the process may take."""
    text = environ.get("CALLSPAN_FLUSH_TIMEOUT", "").strip()
    if not text:
        return FLUSH_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds):
        return min(max(0.0, seconds), _LONGEST_FLUSH)
    guard.say_once(
        f"CALLSPAN_FLUSH_TIMEOUT is {text!r}: write seconds, such as 5; {FLUSH_TIMEOUT:g} are taken"
    )
    return FLUSH_TIMEOUT
