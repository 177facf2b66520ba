"""Whether something listens where telemetry is to go."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_SECONDS = 1.0
_PORTS = {"http": 80, "https": 443}


def connection_error(url: str) -> str | None:
    """Return why the host of a URL cannot be connected to, or `None` if it can."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    try:
        with socket.create_connection((parts.hostname or "", port), _SECONDS):
            return None
    # Before OSError, of which it is one.
    except TimeoutError:
        return f"no answer within {_SECONDS:.0f} s"
    except OSError as error:
        reason = error.strerror or str(error)
        return reason.lower()
