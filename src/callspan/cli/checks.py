"""The parts of `callspan doctor`, each of which fills one section of the report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import Protocol

from callspan.bootstrap import callspan_start
from callspan.cli import deferred as late
from callspan.cli import environment, reachable, tokens, values
from callspan.cli.clients import patched
from callspan.cli.probe import probe
from callspan.frameworks.native import NATIVES
from callspan.settings import settings

_PACKAGES = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
    "wrapt",
    "protobuf",
    "tiktoken",
)
_SECONDS = 30


class Report(Protocol):
    """The section that a check fills."""

    def add(self, *cells: str, problem: str | None = None) -> None:
        """One line, all of a section with as many cells."""


def versions(report: Report) -> None:
    """Python and the packages on which callspan stands."""
    report.add("python", platform.python_version(), sys.executable)
    for package in _PACKAGES:
        version = _version(package)
        missing = None if version else f"{package} is not installed: pip install {package}"
        report.add(package, version or "missing", "", problem=missing)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def clients(report: Report) -> None:
    """Each client, and each function of it that is patched."""
    found = probe()
    for client in found.status.clients:
        report.add(
            client.name,
            client.installed or "not installed",
            f"{client.versions}, patched: {patched(client)}",
        )
        for target in client.targets if client.installed else ():
            report.add("", target.state, target.path)
        for other in client.foreign:
            report.add("", "foreign", other)
    for native in NATIVES:
        version = _version(native.package)
        if version:
            report.add(native.name, version, f"its own telemetry gives way to ours: {native.muted}")
    for problem in found.problems:
        report.add("", "attention", problem, problem=problem)


def start_up(report: Report) -> None:
    """Whether `callspan run` and its kin can work here."""
    works = _hook_works()
    fix = f"{sys.executable} does not import sitecustomize from PYTHONPATH: call callspan.instrument() in the program"
    report.add(
        "callspan run", "works" if works else "does not work", problem=None if works else fix
    )
    report.add(
        "python -I, -E, -S", "switch it off: call callspan.instrument() in the program there"
    )
    version = _version("opentelemetry-instrumentation")
    report.add(
        "opentelemetry-instrument",
        f"installed, {version}" if version else "not installed (not needed)",
    )
    for name, package in _others():
        report.add(
            "another instrumentation",
            f"{package} is installed: opentelemetry-instrument starts it too, unless"
            f" OTEL_PYTHON_DISABLED_INSTRUMENTATIONS={name}",
        )


def _hook_works() -> bool:
    env = environment.child_environment({}, os.environ)
    code = "import sys; sys.exit('callspan_start' not in sys.modules)"
    try:
        return (
            subprocess.run(
                [sys.executable, "-c", code], env=env, timeout=_SECONDS, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _others() -> list[tuple[str, str]]:
    """Instrumentations of the same clients that `opentelemetry-instrument` would start."""
    known = values.known_clients()
    return [
        (entry.name, entry.dist.name if entry.dist else entry.value)
        for entry in importlib.metadata.entry_points(group="opentelemetry_instrumentor")
        if any(client in entry.name for client in known) and not entry.value.startswith("callspan.")
    ]


def settings_in_force(report: Report) -> None:
    """Each setting, with where its value comes from."""
    if variable := callspan_start.switched_off(os.environ):
        problem = f"{variable} is {os.environ[variable]!r}, so nothing is recorded: unset it"
        report.add("recording", "off", variable, problem=problem)
    resolved = settings.resolve({})
    for name, variable in settings.ENVIRONMENT.items():
        given = os.environ.get(variable, "").strip()
        problem = environment.wrong_setting(variable, os.environ)
        value = getattr(resolved, name)
        shown = (
            ", ".join(value)
            if isinstance(value, tuple)
            else "all"
            if value is None
            else str(value).lower()
        )
        report.add(
            name, shown or "none", variable if given and not problem else "default", problem=problem
        )


def telemetry(report: Report) -> None:
    """Where `callspan run` would send, and whether something is there."""
    wrong: list[str] = []
    found = late.destinations(os.environ, wrong.append)
    targets = found.targets(os.environ, wrong.append)
    for line in wrong:
        report.add("wrong", line, "", problem=line)
    if not found.any:
        report.add("nowhere", "the environment switches all of it off", "")
    if found.console:
        report.add("console", "a tree per trace and a table of tokens on stderr", "")
    for target in targets:
        why = reachable.failure(target.url)
        fix = f"nothing takes {target.signal} at {target.url} ({why}): start a collector there, or change the endpoint"
        report.add(
            target.signal,
            f"{target.url} ({target.protocol})",
            why or "answers",
            problem=fix if why else None,
        )
    for name, value, check in (
        ("file", found.file, values.file),
        ("prometheus", found.prometheus, values.address),
    ):
        if value:
            problem = _wrong(check, f"CALLSPAN_{name.upper()}", value)
            report.add(name, value, "cannot be used" if problem else "can be used", problem=problem)


def _wrong(check: Callable[[str, str], str], name: str, value: str) -> str | None:
    try:
        check(name, value)
    except ValueError as error:
        return str(error)
    return None


def token_counts(report: Report) -> None:
    """How tokens are estimated here, where that is asked for."""
    for name in tokens.ENCODINGS:
        way, why = tokens.found(name)
        report.add(name, way, why, problem=why if "damaged" in why else None)


CHECKS = (
    ("versions", versions),
    ("clients, each imported here to look at its patches", clients),
    ("start-up", start_up),
    ("settings", settings_in_force),
    ("token estimates", token_counts),
    ("telemetry, as `callspan run` would send it", telemetry),
)
