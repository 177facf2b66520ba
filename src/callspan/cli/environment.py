"""The environment of the program: all that `callspan run` tells it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from callspan.bootstrap import callspan_start
from callspan.cli import values
from callspan.cli.problem import Problem
from callspan.semconv.conventions import EXTRA
from callspan.settings import settings

BOOTSTRAP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bootstrap")
"""The folder whose sitecustomize starts callspan in every Python process that has it on PYTHONPATH."""

_SETTINGS = {variable: name for name, variable in settings.ENVIRONMENT.items()}
_OWN_ENDPOINTS = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT" for signal in ("TRACES", "METRICS", "LOGS")
)
_EXTRA_METRICS = "calls,active,retries"


def child_environment(given: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """The base with what was given, the start-up hook, and what `run` switches on."""
    import callspan

    env = {**base, **given}
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in given:
        for variable in _OWN_ENDPOINTS:  # these would win over what was said on the command line
            env.pop(variable, None)
    folders = [
        folder for folder in env.get("PYTHONPATH", "").split(os.pathsep) if folder != BOOTSTRAP
    ]
    env["PYTHONPATH"] = os.pathsep.join([BOOTSTRAP, *(folders if folders != [""] else [])])
    modules = {
        target.path.partition(".")[0]
        for client in callspan.status().clients
        for target in client.targets
    }
    from callspan.frameworks.native import (
        NATIVES,
    )  # here, for it loads OpenTelemetry, which `--help` can do without

    modules |= {
        native.module.partition(".")[0] for native in NATIVES
    }  # which may begin before any client is imported
    env[callspan_start.CLIENT_MODULES] = ",".join(sorted(modules))
    env.setdefault(settings.ENVIRONMENT["extra_metrics"], _EXTRA_METRICS)
    return env


def wrong_variables(env: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """Return one line about each variable of the environment that the program could not use.

    `given` are the variables that came from options, which have been looked at already. A wrong variable counts as not
    set and keeps no program from starting: it may have been set for all programs of a machine.
    """
    from callspan.export.destinations import from_environment

    lines: list[str] = []
    for variable in sorted(_SETTINGS.keys() & env.keys() - given.keys()):
        line = wrong_setting(variable, env)
        if line:
            lines.append(line)
    wanted = from_environment(env, lines.append)
    wanted.targets(env, lines.append)
    if wanted.file and "CALLSPAN_FILE" not in given:
        lines += _complaint(values.file, "CALLSPAN_FILE", wanted.file)
    if wanted.prometheus and "CALLSPAN_PROMETHEUS" not in given:
        lines += _complaint(values.address, "CALLSPAN_PROMETHEUS", wanted.prometheus)
    if not wanted.any and given.get("CALLSPAN_CONSOLE") == "false":
        raise Problem(
            "with --no-console nothing would be recorded: say where it goes, as in --file traces.jsonl"
        )
    return list(dict.fromkeys(lines))


def _complaint(check: Callable[[str, str], str], variable: str, value: str) -> list[str]:
    try:
        check(variable, value)
    except ValueError as error:
        return [str(error)]
    return []


def wrong_setting(variable: str, environ: Mapping[str, str]) -> str | None:
    """Return one line about a variable whose value its setting cannot have, or `None`."""
    text = environ.get(variable, "").strip()
    if not text:
        return None
    clients = values.known_clients()
    known = {"clients": clients, "disabled_clients": clients, "extra_metrics": list(EXTRA)}
    try:
        settings.from_text(_SETTINGS[variable], text, variable, known)
    except ValueError as error:
        return str(error)
    return None
