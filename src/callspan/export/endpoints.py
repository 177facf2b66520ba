"""OTLP endpoints as people write them: taken as the specification means them, or refused in one line."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from callspan.runtime.errors import ConfigurationError

GENERAL = "OTEL_EXPORTER_OTLP_ENDPOINT"
SIGNALS = ("traces", "metrics", "logs")
PACKAGES = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "http/json": "opentelemetry.exporter.otlp.json.http",
}
"""Which package has the exporters of a protocol; the last one is seldom installed."""

_PORTS = {"http": 80, "https": 443}
_LOOK_SECONDS = 0.5


def refuse(message: str) -> None:
    """Raise for a wrong variable. Who would rather go on without it gives a function of another kind."""
    raise ConfigurationError(message)


Complain = Callable[[str], None]
"""Is given one line about each wrong variable, which then counts as not set, unless it raises."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one signal goes: its protocol, and the URL in the form in which the exporter wants it."""

    signal: str
    protocol: str
    url: str


def variable(signal: str, what: str) -> str:
    """The name of the variable for one signal, such as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`."""
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}"


def targets(
    signals: tuple[str, ...],
    given: str | None,
    environ: Mapping[str, str],
    complain: Complain = refuse,
) -> tuple[Target, ...]:
    """Where each signal goes; an endpoint given in code wins over the environment."""
    usable: list[Target] = []
    for signal in signals:
        try:
            usable.append(_target(signal, given, environ, complain))
        except ConfigurationError as error:
            complain(str(error))
    return tuple(usable)


def _target(
    signal: str, given: str | None, environ: Mapping[str, str], complain: Complain
) -> Target:
    own = "" if given else environ.get(variable(signal, "ENDPOINT"), "").strip()
    base = given or environ.get(GENERAL, "").strip()
    protocol = chosen_protocol(signal, own or base, environ, complain)
    if own:
        return Target(signal, protocol, check_endpoint(own, protocol, variable(signal, "ENDPOINT")))
    if not base:
        base = "http://localhost:4317" if protocol == "grpc" else "http://localhost:4318"
    url = check_endpoint(base, protocol, "otlp" if given else GENERAL)
    return Target(signal, protocol, url if protocol == "grpc" else f"{url}/v1/{signal}")


def chosen_protocol(
    signal: str, endpoint: str, environ: Mapping[str, str], complain: Complain = refuse
) -> str:
    """The protocol that was asked for, else gRPC on its usual port 4317, else http/protobuf."""
    for name in (variable(signal, "PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL"):
        asked = environ.get(name, "").strip().lower()
        if not asked:
            continue
        try:
            return check_protocol(asked, name)
        except ConfigurationError as error:
            complain(str(error))
    return "grpc" if endpoint.rstrip("/").endswith(":4317") else "http/protobuf"


def check_protocol(value: str, name: str = "OTEL_EXPORTER_OTLP_PROTOCOL") -> str:
    """The protocol, or `ConfigurationError`."""
    if value not in PACKAGES:
        raise ConfigurationError(f"{name} is {value!r}: use grpc or http/protobuf")
    if value == "http/json" and not is_installed(PACKAGES[value]):
        raise ConfigurationError(
            f"{name} is 'http/json', which no installed exporter has: use http/protobuf"
        )
    return value


def is_installed(module: str) -> bool:
    """Whether a module is there to be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def check_endpoint(value: str, protocol: str = "", name: str = GENERAL) -> str:
    """The endpoint without a trailing slash, or `ConfigurationError` in one line that names the fix.

    `name` is the variable or argument that held it: only a variable of one signal may have a path such as /v1/traces.
    """
    value = value.strip()
    if "://" not in value:
        raise ConfigurationError(
            f"{name} is {value!r}, which has no scheme: write http://{value or 'localhost:4318'}"
        )
    parts = _split(value)
    if parts.scheme not in ("http", "https"):
        raise ConfigurationError(
            f"{name} is {value!r}, whose scheme is unknown: write http://{parts.netloc} or https://{parts.netloc}"
        )
    _check_host(parts, value, name)
    _check_path(parts, value, name, protocol)
    return value if _for_one_signal(name) and protocol != "grpc" else value.rstrip("/")


def _split(value: str) -> SplitResult:
    try:
        return urlsplit(value)
    except ValueError:  # half a pair of brackets
        return SplitResult("http", "", "", "", "")


def _check_host(parts: SplitResult, value: str, name: str) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ConfigurationError(
            f"{name} is {value!r}, whose port is not a number from 1 to 65535: write a port such as 4318"
        )
    if not parts.hostname:
        shown = f"{parts.scheme}://localhost:{port or 4318}"
        raise ConfigurationError(f"{name} is {value!r}, which has no host: write {shown}")


def _check_path(parts: SplitResult, value: str, name: str, protocol: str) -> None:
    """gRPC has no path, and over HTTP a general endpoint gets the signal's path added."""
    signal = next((s for s in SIGNALS if parts.path.rstrip("/").endswith(f"/v1/{s}")), None)
    base = value.rstrip("/")
    base = base[: -len(f"/v1/{signal}")] if signal else base
    if protocol == "grpc" and parts.path.strip("/"):
        raise ConfigurationError(
            f"{name} is {value!r}, but gRPC takes no path: write {parts.scheme}://{parts.netloc}"
            " or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        )
    if signal and not _for_one_signal(name):
        raise ConfigurationError(
            f"{name} is {value!r}, but /v1/{signal} is added to it: write {base}"
            f" or put it in {variable(signal, 'ENDPOINT')}"
        )


def _for_one_signal(name: str) -> bool:
    return name.startswith("OTEL_EXPORTER_OTLP_") and name != GENERAL


def is_absent(url: str) -> bool:
    """Whether nobody listens at a URL of this form. Behind a proxy that cannot be seen."""
    import urllib.request  # takes long to import, and is needed at the end at most

    parts = urlsplit(url)
    host = parts.hostname or ""
    if urllib.request.getproxies().get(parts.scheme) and not urllib.request.proxy_bypass(host):
        return False
    try:
        socket.create_connection((host, parts.port or _PORTS[parts.scheme]), _LOOK_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
