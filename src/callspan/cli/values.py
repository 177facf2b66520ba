"""Reading a value that a user gave: the text for the environment variable, or one line that says what is wrong."""

from __future__ import annotations

import errno
import importlib.util
import os
import socket

from callspan.cli.problem import Problem, meant
from callspan.settings import settings

_VARIABLE_OF_CAPTURE = {value: text for text, value in settings.CAPTURES.items()}


def text(flag: str, value: str) -> str:
    """Any text but none at all."""
    if not value.strip():
        raise Problem(f"{flag} is empty: give it a value")
    return value


def choice(flag: str, value: str) -> str:
    """One of the values of the setting with the option's name."""
    return one_of(settings.CHOICES[flag.lstrip("-").replace("-", "_")], flag, value)


def one_of(known: tuple[str, ...], flag: str, value: str) -> str:
    """One of the values known."""
    if value not in known:
        raise Problem(f"{flag} is {value!r}{meant(value, known)}: use one of {', '.join(known)}")
    return value


def capture(flag: str, value: str) -> str:
    """Where content is recorded, in the words of OpenTelemetry's variable."""
    return _VARIABLE_OF_CAPTURE[choice(flag, value)]


def clients(flag: str, value: str) -> str:
    """Names of clients, all of them known."""
    known = known_clients()
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not names:
        raise Problem(f"{flag} is empty: known clients are {', '.join(known)}")
    for name in names:
        if name not in known:
            raise Problem(
                f"{flag}: unknown client {name!r}{meant(name, known)}: known are {', '.join(known)}"
            )
    return ",".join(names)


def known_clients() -> list[str]:
    """The names of all clients that callspan knows."""
    import callspan

    return sorted(client.name for client in callspan.status().clients)


def file(flag: str, value: str) -> str:
    """A file that can be written, as an absolute path: the program may change its folder."""
    path = os.path.abspath(os.path.expanduser(text(flag, value)))
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        raise Problem(
            f"{flag} {value} is a folder: name a file in it, such as {os.path.join(value, 'traces.jsonl')}"
        )
    if not os.path.isdir(folder):
        raise Problem(
            f"{flag} {value}: there is no folder {folder}: make it with mkdir -p {folder}"
        )
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise Problem(
            f"{flag} {value} cannot be written: choose another place, or change its permissions"
        )
    return path


def endpoint(flag: str, value: str) -> str:
    """A collector's base URL."""
    from callspan.export.destinations import check_endpoint

    return check_endpoint(text(flag, value), name=flag)


def address(flag: str, value: str) -> str:
    """HOST:PORT of this machine, on which nothing listens yet."""
    from callspan.export.destinations import prometheus_address

    host, port = prometheus_address(text(flag, value))
    if importlib.util.find_spec("prometheus_client") is None:
        raise Problem(f"{flag} needs an extra: pip install 'callspan[prometheus]'")
    _must_be_free(flag, host, port)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _must_be_free(flag: str, host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(found[0], found[1]) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(found[4])
    except PermissionError:
        raise Problem(
            f"{flag}: port {port} is for root only: choose one above 1023, such as {host}:9464"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Problem(
                f"{flag}: port {port} of {host} is in use: choose another, or stop what listens there"
            ) from None
        raise Problem(
            f"{flag}: {host} is no address of this machine: use 127.0.0.1 or 0.0.0.0"
        ) from None
