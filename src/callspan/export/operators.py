"""The destinations that the environment names, for a program that names some too."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

from callspan.export import providers
from callspan.export.destinations import Destinations, from_environment
from callspan.runtime import guard, owner_only


def operators_choice() -> Destinations:
    """Return where the environment wants telemetry, without OTLP where the app's own provider sends that."""
    destinations = from_environment(os.environ, guard.say_once)
    if providers.app_has_provider():
        destinations = replace(destinations, otlp=False)
    if destinations.file:
        with contextlib.suppress(OSError):  # reported when the file is opened
            destinations = replace(destinations, file=owner_only.claim(destinations.file))
    return destinations
