"""The checks of `callspan doctor`, each of which fills one section of the report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from callspan.bootstrap import callspan_switches
from callspan.cli import deferred, environment, reachable, tokens, values
from callspan.cli.clients import patch_count
from callspan.cli.probe import is_watched, probe_clients
from callspan.cli.reader import reader_of
from callspan.export.collector import METRIC_EXPORT_MS
from callspan.frameworks.native import NATIVES
from callspan.runtime.packages import installed_version
from callspan.semconv.readers import READERS
from callspan.settings import others, resolution, settings
from callspan.settings.choices import ReaderName

if TYPE_CHECKING:
    from callspan.setup.inspection import ClientStatus

_PACKAGES = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
    "wrapt",
    "protobuf",
    "tiktoken",
)
# The most seconds for a Python process to start, on a machine that is busy.
_SECONDS = 30
_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
# Rates of the dashboards are over two minutes, which then hold four exports.
_LONGEST_INTERVAL_MS = 30_000.0


class Report(Protocol):
    """The section that a check fills."""

    def add(self, *cells: str, problem: str | None = None) -> None:
        """Add one row, and the problem that it shows; all rows have the same number of cells."""


def check_versions(report: Report) -> None:
    """Report the versions of Python and of the packages that callspan needs."""
    report.add("python", platform.python_version(), sys.executable)
    for package in _PACKAGES:
        version = installed_version(package)
        if version:
            report.add(package, version, "")
        else:
            problem = f"{package} is not installed: pip install {package}"
            report.add(package, "missing", "", problem=problem)


def check_clients(report: Report) -> None:
    """Report each client, and each function of it that is patched."""
    probe = probe_clients()
    for client in probe.status.clients:
        _add_client(report, client)
    for native in NATIVES:
        version = installed_version(native.package)
        if version:
            report.add(native.name, version, f"its own telemetry gives way to ours: {native.muted}")
    for problem in probe.problems:
        report.add("", "attention", problem, problem=problem)


def _add_client(report: Report, client: ClientStatus) -> None:
    version = client.installed or "not installed"
    if not is_watched(client):
        report.add(client.name, version, "left out by the settings")
        return
    report.add(client.name, version, f"{client.versions}, patched: {patch_count(client)}")
    if client.installed:
        for target in client.targets:
            report.add("", target.state, target.path)
    for other in client.foreign:
        report.add("", "foreign", other)


def check_start_up(report: Report) -> None:
    """Report whether `callspan run` works here, and whether it meets other instrumentations."""
    if _hook_works():
        report.add("callspan run", "works")
    else:
        problem = (
            f"{sys.executable} does not import sitecustomize from PYTHONPATH: "
            "call callspan.instrument() in the program"
        )
        report.add("callspan run", "does not work", problem=problem)
    report.add(
        "python -I, -E, -S", "switch it off: call callspan.instrument() in the program there"
    )
    version = installed_version("opentelemetry-instrumentation")
    report.add(
        "opentelemetry-instrument",
        f"installed, {version}" if version else "not installed (not needed)",
    )
    for name, package in _other_instrumentations():
        report.add(
            "another instrumentation",
            f"{package} is installed: opentelemetry-instrument starts it too, unless"
            f" OTEL_PYTHON_DISABLED_INSTRUMENTATIONS={name}",
        )


def _hook_works() -> bool:
    """Whether a Python process that is started here imports our sitecustomize."""
    # Tried out, since distributions and virtual environments may have a sitecustomize of theirs.
    env = environment.child_environment({}, os.environ)
    code = "import sys; sys.exit('callspan_start' not in sys.modules)"
    command = [sys.executable, "-c", code]
    try:
        child = subprocess.run(command, env=env, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return child.returncode == 0


def _other_instrumentations() -> list[tuple[str, str]]:
    """Return name and package of other instrumentations of our clients."""
    clients = values.client_names()
    others: list[tuple[str, str]] = []
    # These are the ones that `opentelemetry-instrument` starts.
    for entry in importlib.metadata.entry_points(group="opentelemetry_instrumentor"):
        is_ours = entry.value.startswith("callspan.")
        if not is_ours and any(client in entry.name for client in clients):
            package = entry.dist.name if entry.dist else entry.value
            others.append((entry.name, package))
    return others


def check_settings(report: Report) -> None:
    """Report each setting, and where its value comes from."""
    variable = callspan_switches.switched_off(os.environ)
    if variable:
        problem = f"{variable} is {os.environ[variable]!r}, so nothing is recorded: unset it"
        report.add("recording", "off", variable, problem=problem)
    for line in environment.unknown_variables(os.environ):
        report.add("unknown", line, "", problem=line)
    for line in others.lines_about():
        report.add("not read", line, "")
    # No arguments, as `callspan run` has none: the environment and the defaults.
    resolved = resolution.resolve({})
    for name in settings.ENVIRONMENT:
        problem = environment.wrong_setting(settings.ENVIRONMENT[name], os.environ)
        value = _setting_text(getattr(resolved, name), settings.SETTINGS[name].unset)
        # A variable that is wrong counts as not set, here as in the program.
        source = _default_source(name) if problem else _source(name)
        report.add(name, value, source, problem=problem)


def _source(name: str) -> str:
    variable = settings.ENVIRONMENT[name]
    if os.environ.get(variable, "").strip():
        return variable
    return _default_source(name)


def _default_source(name: str) -> str:
    return others.OPT_IN if name in others.settings_of() else "default"


def _setting_text(value: object, unset: str) -> str:
    if value is None:
        return unset
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value).lower() or "none"


def check_token_counts(report: Report) -> None:
    """Report how tokens are estimated here, if estimates are switched on."""
    for encoding in tokens.ENCODINGS:
        method, reason = tokens.counting_method(encoding)
        # A file that is not there is no problem: estimates are optional, and there is a fallback.
        problem = reason if "damaged" in reason else None
        report.add(encoding, method, reason, problem=problem)


def check_telemetry(report: Report) -> None:
    """Report where `callspan run` would send telemetry, and whether something listens there."""
    complaints: list[str] = []
    destinations = deferred.destinations(os.environ, complaints.append)
    targets = destinations.targets(os.environ, complaints.append)
    for line in complaints:
        report.add("wrong", line, "", problem=line)
    # `deferred.destinations` adds the console where nothing is chosen, so this was a choice.
    if not destinations.any:
        report.add("nowhere", "the environment switches all of it off", "")
    if destinations.console:
        content = "with what was said" if destinations.content else ""
        report.add("console", "a tree per trace and a table of tokens on stderr", content)
    for target in targets:
        _add_target(report, target.signal, target.url, target.protocol)
        if target.signal == "traces":
            _add_reader(report, reader_of(target.url, os.environ))
    if any(target.signal == "metrics" for target in targets):
        _add_interval(report, os.environ.get(_INTERVAL, "").strip())
    _add_destination(report, "file", destinations.file, values.read_file)
    _add_destination(report, "prometheus", destinations.prometheus, values.read_address)


def _add_target(report: Report, signal: str, url: str, protocol: str) -> None:
    # Only a connection is made: `doctor` sends nothing.
    reason = reachable.connection_error(url)
    address = f"{url} ({protocol})"
    if reason is None:
        report.add(signal, address, "answers")
        return
    problem = (
        f"nothing takes {signal} at {url} ({reason}): "
        "start a collector there, or change the endpoint"
    )
    report.add(signal, address, reason, problem=problem)


def _add_reader(report: Report, name: ReaderName | None) -> None:
    """Report the reader that shows the spans, and whether it gets its attributes beyond the conventions."""
    if name is None:
        return
    title = READERS[name].title
    setting = settings.ENVIRONMENT["readers"]
    if not READERS[name].has_needs:
        report.add("reader", title, "needs nothing beyond the conventions")
    elif name in resolution.resolve({}).readers:
        report.add("reader", title, f"gets what it needs: {setting} has {name}")
    else:
        report.add("reader", title, f"shows more with {setting}={name}")


def _add_interval(report: Report, text: str) -> None:
    """Report how often metrics are exported: a rate on the dashboards needs several exports."""
    if not text:
        # Only the app could say whether it has a set-up of its own, and it does not run here.
        default = f"{METRIC_EXPORT_MS // 1000} s"
        fix = f"set {_INTERVAL}={METRIC_EXPORT_MS} for that"
        note = f"60 s in an app with OpenTelemetry of its own: {fix}"
        report.add("interval", f"metrics each {default}", note)
        return
    setting = f"{_INTERVAL}={text}"
    try:
        is_too_long = float(text) > _LONGEST_INTERVAL_MS
    except ValueError:
        report.add("interval", setting, "no number", problem=f"{setting}: write milliseconds")
        return
    if not is_too_long:
        report.add("interval", setting, "fits the dashboards")
        return
    problem = (
        f"{setting}: rates on the dashboards go up and down under a steady load; "
        f"set it to {METRIC_EXPORT_MS}, "
        "or `timeInterval` of their data source to the same time"
    )
    report.add("interval", setting, "too long for the dashboards", problem=problem)


def _add_destination(
    report: Report, name: str, value: str | None, read: Callable[[str, str], str]
) -> None:
    if not value:
        return
    try:
        read(f"CALLSPAN_{name.upper()}", value)
    except ValueError as error:
        report.add(name, value, "cannot be used", problem=str(error))
    else:
        report.add(name, value, "can be used")


CHECKS = (
    ("versions", check_versions),
    ("clients, each imported here to look at its patches", check_clients),
    ("start-up", check_start_up),
    ("settings", check_settings),
    ("token estimates", check_token_counts),
    ("telemetry, as `callspan run` would send it", check_telemetry),
)
