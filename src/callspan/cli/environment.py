"""The environment of the program: all that `callspan run` tells it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from callspan import settings
from callspan.bootstrap import callspan_start
from callspan.cli import values
from callspan.cli.problem import Problem

BOOTSTRAP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bootstrap")
"""The folder whose sitecustomize starts callspan in every Python process that has it on PYTHONPATH."""

_SETTINGS = {variable: name for name, variable in settings.ENVIRONMENT.items()}
_OWN_ENDPOINTS = tuple(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT" for signal in ("TRACES", "METRICS", "LOGS"))
_EXTRA_METRICS = "calls,active,retries"


def child_environment(given: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """The base with what was given, the start-up hook, and what `run` switches on."""
    import callspan

    env = {**base, **given}
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in given:
        for variable in _OWN_ENDPOINTS:  # these would win over what was said on the command line
            env.pop(variable, None)
    folders = [folder for folder in env.get("PYTHONPATH", "").split(os.pathsep) if folder != BOOTSTRAP]
    env["PYTHONPATH"] = os.pathsep.join([BOOTSTRAP, *(folders if folders != [""] else [])])
    modules = {target.path.partition(".")[0] for client in callspan.status().clients for target in client.targets}
    env[callspan_start.CLIENT_MODULES] = ",".join(sorted(modules))
    env.setdefault(settings.ENVIRONMENT["extra_metrics"], _EXTRA_METRICS)
    return env


def must_be_right(env: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Raise for what the program could not use, before it starts: settings and destinations.

    `given` are the variables that came from options, which have been looked at already.
    """
    from callspan.export.destinations import from_environment

    for variable in _SETTINGS.keys() & env.keys() - given.keys():
        if env[variable].strip():
            must_be_setting(variable, env[variable].strip())
    found = from_environment(env)
    found.targets(env)
    if found.file and "CALLSPAN_FILE" not in given:
        values.file("CALLSPAN_FILE", found.file)
    if found.prometheus and "CALLSPAN_PROMETHEUS" not in given:
        values.address("CALLSPAN_PROMETHEUS", found.prometheus)
    if not found.any and given.get("CALLSPAN_CONSOLE") == "false":
        raise Problem("with --no-console nothing would be recorded: say where it goes, as in --file traces.jsonl")


def must_be_setting(variable: str, value: str) -> None:
    """Raise for a value that the setting of a variable cannot have."""
    name = _SETTINGS[variable]
    if name == "capture":
        values.one_of(tuple(settings.CAPTURES), variable, value.upper())
    elif name in settings.CHOICES:
        values.one_of(settings.CHOICES[name], variable, value.lower())
    elif name in ("clients", "disabled_clients"):
        values.clients(variable, value)
