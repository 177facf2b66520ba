"""OTLP endpoints: read as the specification says, or refused in one line that names the fix."""

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
"""The package that has the exporters of a protocol; the last one is seldom installed."""

_PORTS = {"http": 80, "https": 443}
# seconds; only an end by a signal pays it, for each URL at most once
_LOOK_SECONDS = 0.5


def refuse(message: str) -> None:
    """Raise `ConfigurationError`: the way to complain where a wrong variable must not be ignored."""
    raise ConfigurationError(message)


Complain = Callable[[str], None]
"""Called with one line about each wrong variable, which then counts as not set, unless it raises."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one signal goes.

    Attributes:
        signal: `traces`, `metrics` or `logs`.
        protocol: `grpc`, `http/protobuf` or `http/json`.
        url: The URL as the exporter takes it: with the signal's path, unless it is gRPC.
    """

    signal: str
    protocol: str
    url: str


def variable(signal: str, setting: str) -> str:
    """Return the variable of one signal, such as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`."""
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_{setting}"


def targets(
    signals: tuple[str, ...],
    endpoint: str | None,
    environ: Mapping[str, str],
    complain: Complain = refuse,
) -> tuple[Target, ...]:
    """Return where each signal goes; an `endpoint` in code wins over the environment."""
    usable: list[Target] = []
    for signal in signals:
        try:
            usable.append(_target(signal, endpoint, environ, complain))
        except ConfigurationError as error:
            complain(str(error))
    return tuple(usable)


def _target(
    signal: str, endpoint: str | None, environ: Mapping[str, str], complain: Complain
) -> Target:
    name = variable(signal, "ENDPOINT")
    own_endpoint = environ.get(name, "").strip()
    # of one signal: taken as it is, with no path added (OTLP exporter specification)
    if own_endpoint and not endpoint:
        protocol = chosen_protocol(signal, own_endpoint, environ, complain)
        return Target(signal, protocol, check_endpoint(own_endpoint, protocol, name))
    base = endpoint or environ.get(GENERAL, "").strip()
    protocol = chosen_protocol(signal, base, environ, complain)
    if not base:
        # the two ports that OTLP has by default
        base = "http://localhost:4317" if protocol == "grpc" else "http://localhost:4318"
    url = check_endpoint(base, protocol, "otlp" if endpoint else GENERAL)
    if protocol != "grpc":
        url = f"{url}/v1/{signal}"
    return Target(signal, protocol, url)


def chosen_protocol(
    signal: str, endpoint: str, environ: Mapping[str, str], complain: Complain = refuse
) -> str:
    """Return the protocol of the variables, else gRPC on its usual port 4317, else http/protobuf."""
    # the variable of one signal wins over the general one
    for name in (variable(signal, "PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environ.get(name, "").strip().lower()
        if not protocol:
            continue
        try:
            return check_protocol(protocol, name)
        except ConfigurationError as error:
            complain(str(error))
    return "grpc" if endpoint.rstrip("/").endswith(":4317") else "http/protobuf"


def check_protocol(value: str, name: str = "OTEL_EXPORTER_OTLP_PROTOCOL") -> str:
    """Return a protocol; raise `ConfigurationError` if no exporter has it."""
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
    """Return the endpoint without a trailing slash.

    Args:
        value: The endpoint as the user wrote it.
        protocol: Its protocol, which decides whether there may be a path.
        name: The variable or argument. Only that of one signal may have a path such as /v1/traces.

    Raises:
        ConfigurationError: In one line that names the fix.
    """
    value = value.strip()
    # the commonest mistake: urlsplit would take `localhost` of `localhost:4318` for a scheme
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
    # an HTTP exporter takes the endpoint of one signal as it is, and a slash may matter there
    is_exact = _is_for_one_signal(name) and protocol != "grpc"
    return value if is_exact else value.rstrip("/")


def _split(value: str) -> SplitResult:
    try:
        return urlsplit(value)
    except ValueError:  # half a pair of brackets
        return SplitResult("http", "", "", "", "")


def _check_host(parts: SplitResult, value: str, name: str) -> None:
    try:
        # urlsplit checks the port only when it is asked for
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
    """Raise for a path with gRPC, which has none, or for a signal's path in a general endpoint."""
    if protocol == "grpc" and parts.path.strip("/"):
        raise ConfigurationError(
            f"{name} is {value!r}, but gRPC takes no path: write {parts.scheme}://{parts.netloc}"
            " or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        )
    signal = _signal_of_path(parts.path)
    if signal and not _is_for_one_signal(name):
        base = value.rstrip("/").removesuffix(f"/v1/{signal}")
        raise ConfigurationError(
            f"{name} is {value!r}, but /v1/{signal} is added to it: write {base}"
            f" or put it in {variable(signal, 'ENDPOINT')}"
        )


def _signal_of_path(path: str) -> str | None:
    for signal in SIGNALS:
        if path.rstrip("/").endswith(f"/v1/{signal}"):
            return signal
    return None


def _is_for_one_signal(name: str) -> bool:
    return name.startswith("OTEL_EXPORTER_OTLP_") and name != GENERAL


def is_absent(url: str) -> bool:
    """Whether nobody listens at a URL of this form; false where that cannot be seen, as behind a proxy."""
    import urllib.request  # takes long to import, and is needed at the end at most

    parts = urlsplit(url)
    host = parts.hostname or ""
    # through a proxy a connection says nothing about the collector
    if urllib.request.getproxies().get(parts.scheme) and not urllib.request.proxy_bypass(host):
        return False
    try:
        socket.create_connection((host, parts.port or _PORTS[parts.scheme]), _LOOK_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
