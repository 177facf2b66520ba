"""What whoever runs the program has chosen by the environment, for a program that chooses too."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

from callspan.export import providers
from callspan.export.destinations import Destinations, from_environment
from callspan.runtime import guard, private


def operators_choice() -> Destinations:
    """Return where the environment wants telemetry, without OTLP where the app's own provider sees to that."""
    wanted = from_environment(os.environ, guard.say_once)
    if not providers.unset() and not providers.owned():
        wanted = replace(wanted, otlp=False)
    if wanted.file:
        with contextlib.suppress(OSError):  # it is said when it is opened
            wanted = replace(wanted, file=private.claimed(wanted.file))
    return wanted
