"""The environment of the program: it carries the options and starts the start-up hook."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from callspan.bootstrap import callspan_switches
from callspan.cli import values
from callspan.cli.problem import Problem, suggest
from callspan.runtime.requirements import require
from callspan.semconv.conventions import EXTRA
from callspan.settings import resolution, settings
from callspan.settings.environment import VARIABLES

BOOTSTRAP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bootstrap")
"""The folder whose sitecustomize starts callspan in Python processes with it on PYTHONPATH."""

_PREFIX = "CALLSPAN_"
_OWN_PREFIX = "CALLSPAN_RUN_"
"""The beginning of the names by which `callspan run` speaks to the program."""
_SETTINGS = {variable: name for name, variable in settings.ENVIRONMENT.items()}
_SIGNAL_ENDPOINTS = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT" for signal in ("TRACES", "METRICS", "LOGS")
)
_EXTRA_METRICS = "calls,active,retries"


def child_environment(options: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the program.

    Args:
        options: The variables that stand for options on the command line.
        base: The environment of the command, which the options override.
    """
    env = {**base, **options}
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in options:
        # OpenTelemetry prefers a signal's own endpoint to the general one, but `--otlp` is for all.
        for variable in _SIGNAL_ENDPOINTS:
            env.pop(variable, None)
    env["PYTHONPATH"] = _python_path(env.get("PYTHONPATH", ""))
    env[callspan_switches.CLIENT_MODULES] = ",".join(sorted(_awaited_modules()))
    # On under `callspan run`, and not with `instrument()`: see docs/reference/settings.md.
    env.setdefault(settings.ENVIRONMENT["extra_metrics"], _EXTRA_METRICS)
    return env


def _python_path(path: str) -> str:
    """Return a PYTHONPATH with the folder of the start-up hook in front, and there only."""
    folders = [folder for folder in path.split(os.pathsep) if folder != BOOTSTRAP]
    if folders == [""]:  # an empty entry would be the current folder
        folders = []
    return os.pathsep.join([BOOTSTRAP, *folders])


def _awaited_modules() -> set[str]:
    """Return the top modules whose import makes the start-up hook instrument the process."""
    # Here, as `callspan run --help` can do without them.
    from callspan.clients import CLIENTS
    from callspan.frameworks import INTEGRATIONS
    from callspan.frameworks.native import NATIVES

    # what the program's process will load, which it could only complain of
    require("opentelemetry.trace", "wrapt")
    modules: set[str] = set()
    for listing in (*CLIENTS, *INTEGRATIONS):
        modules.update(listing.modules)
    # Frameworks with telemetry of their own may begin a run before any client is imported.
    for native in NATIVES:
        modules.add(native.module)
    return {module.partition(".")[0] for module in modules}


def wrong_variables(env: Mapping[str, str], options: Mapping[str, str]) -> list[str]:
    """Return one line about each variable of the environment that the program could not use.

    A wrong variable counts as not set and keeps no program from starting: it may have been set for
    all programs of a machine.

    Args:
        env: The environment of the program.
        options: The variables in it that came from options, which have been checked already.

    Raises:
        Problem: The options leave nowhere to record to.
    """
    from callspan.export.destinations import from_environment

    lines = [*unknown_variables(env), *_wrong_settings(env, options)]
    destinations = from_environment(env, lines.append)
    destinations.targets(env, lines.append)
    if destinations.file and "CALLSPAN_FILE" not in options:
        lines += _complaint(values.read_file, "CALLSPAN_FILE", destinations.file)
    if destinations.prometheus and "CALLSPAN_PROMETHEUS" not in options:
        lines += _complaint(values.read_address, "CALLSPAN_PROMETHEUS", destinations.prometheus)
    if not destinations.any and options.get("CALLSPAN_CONSOLE") == "false":
        raise Problem(
            "with --no-console nothing would be recorded: "
            "say where it goes, as in --file traces.jsonl"
        )
    # Once each: one variable may be wrong for all three signals.
    return list(dict.fromkeys(lines))


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return one line about each variable that is named as ours, and that nothing reads."""
    names = {*_SETTINGS, *VARIABLES}
    lines: list[str] = []
    for variable in sorted(environ):
        is_ours = variable.startswith(_PREFIX) and not variable.startswith(_OWN_PREFIX)
        if is_ours and variable not in names:
            lines.append(f"{variable} is no variable of callspan{suggest(variable, names)}")
    return lines


def _wrong_settings(env: Mapping[str, str], options: Mapping[str, str]) -> list[str]:
    """Return one line about each wrong setting; options were checked as the command was read."""
    lines: list[str] = []
    for variable in sorted(_SETTINGS.keys() & env.keys() - options.keys()):
        line = wrong_setting(variable, env)
        if line:
            lines.append(line)
    return lines


def _complaint(read: Callable[[str, str], str], variable: str, value: str) -> list[str]:
    """Return the error of a value in a list, which is empty where the value can be used."""
    try:
        read(variable, value)
    except ValueError as error:
        return [str(error)]
    return []


def wrong_setting(variable: str, environ: Mapping[str, str]) -> str | None:
    """Return one line about a variable whose value its setting cannot have, or `None`."""
    text = environ.get(variable, "").strip()
    if not text:
        return None
    clients = values.client_names()
    choices = {"clients": clients, "disabled_clients": clients, "extra_metrics": list(EXTRA)}
    try:
        resolution.from_text(_SETTINGS[variable], text, variable, choices)
    except ValueError as error:
        return str(error)
    return None
