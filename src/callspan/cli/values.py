"""Values of options, checked and put into the words of their environment variables.

Each function gets the option's flag, which messages name, and its value. It returns the text for
the variable, and raises `Problem`, or another `ValueError` of one line, where the value is wrong.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import socket
from collections.abc import Sequence

from callspan.cli.problem import Problem, suggest
from callspan.settings import settings
from callspan.settings.values import CAPTURES

_CAPTURE_TEXTS = {value: text for text, value in CAPTURES.items()}


def read_text(flag: str, value: str) -> str:
    """Return any text that is not empty."""
    if not value.strip():
        raise Problem(f"{flag} is empty: give it a value")
    return value


def read_choice(flag: str, value: str) -> str:
    """Return one of the words of the setting that has the option's name."""
    # `--chunk-metrics` stands for `chunk_metrics`: the names are the same on purpose.
    setting = flag.lstrip("-").replace("-", "_")
    choices = settings.SETTINGS[setting].words
    if value not in choices:
        hint = suggest(value, choices)
        raise Problem(f"{flag} is {value!r}{hint}: use one of {', '.join(choices)}")
    return value


def read_capture(flag: str, value: str) -> str:
    """Return where content is recorded, in the words of OpenTelemetry's variable."""
    return _CAPTURE_TEXTS[read_choice(flag, value)]


def read_clients(flag: str, value: str) -> str:
    """Return names of clients, separated by commas."""
    return _read_names(flag, value, "client", client_names())


def read_readers(flag: str, value: str) -> str:
    """Return names of readers of spans, separated by commas."""
    row = settings.SETTINGS["readers"]
    return _read_names(flag, value, row.noun, row.words)


def _read_names(flag: str, value: str, noun: str, choices: Sequence[str]) -> str:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not names:
        raise Problem(f"{flag} is empty: known {noun}s are {', '.join(choices)}")
    for name in names:
        if name not in choices:
            hint = suggest(name, choices)
            raise Problem(f"{flag}: unknown {noun} {name!r}{hint}: known are {', '.join(choices)}")
    return ",".join(names)


def client_names() -> list[str]:
    """Return the names of all clients that callspan knows."""
    from callspan.clients import CLIENTS
    from callspan.frameworks import INTEGRATIONS

    return sorted(listing.name for listing in (*CLIENTS, *INTEGRATIONS))


def read_file(flag: str, value: str) -> str:
    """Return the absolute path of a file that can be written."""
    # Absolute, since the program may change its folder before it writes.
    path = os.path.abspath(os.path.expanduser(read_text(flag, value)))
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        example = os.path.join(value, "traces.jsonl")
        raise Problem(f"{flag} {value} is a folder: name a file in it, such as {example}")
    if not os.path.isdir(folder):
        raise Problem(
            f"{flag} {value}: there is no folder {folder}: make it with mkdir -p {folder}"
        )
    # A check creates nothing: the program may never write.
    target = path if os.path.exists(path) else folder
    if not os.access(target, os.W_OK):
        raise Problem(
            f"{flag} {value} cannot be written: choose another place, or change its permissions"
        )
    return path


def read_endpoint(flag: str, value: str) -> str:
    """Return a collector's base URL."""
    from callspan.export.destinations import check_endpoint

    return check_endpoint(read_text(flag, value), name=flag)


def read_address(flag: str, value: str) -> str:
    """Return HOST:PORT of this machine, on which nothing listens yet."""
    from callspan.export.destinations import prometheus_address

    host, port = prometheus_address(read_text(flag, value))
    if importlib.util.find_spec("prometheus_client") is None:
        raise Problem(f"{flag} needs an extra: pip install 'callspan[prometheus]'")
    _check_port(flag, host, port)
    is_ipv6 = ":" in host
    return f"[{host}]:{port}" if is_ipv6 else f"{host}:{port}"


def _check_port(flag: str, host: str, port: int) -> None:
    """Listen on a port for a moment; raise `Problem` if that is not possible."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as trial:
            # Without it a server that was just stopped would keep its port for a minute.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except PermissionError:
        raise Problem(
            f"{flag}: port {port} is for root only: choose one above 1023, such as {host}:9464"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Problem(
                f"{flag}: port {port} of {host} is in use: "
                "choose another, or stop what listens there"
            ) from None
        raise Problem(
            f"{flag}: {host} is no address of this machine: use 127.0.0.1 or 0.0.0.0"
        ) from None
