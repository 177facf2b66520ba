"""Whether something answers where telemetry is to go."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_SECONDS = 1.0
_PORTS = {"http": 80, "https": 443}


def failure(url: str) -> str | None:
    """Why no connection to the host of a URL can be made, or None where one can."""
    parts = urlsplit(url)
    try:
        with socket.create_connection(
            (parts.hostname or "", parts.port or _PORTS[parts.scheme]), _SECONDS
        ):
            return None
    except TimeoutError:
        return f"no answer within {_SECONDS:.0f} s"
    except OSError as error:
        return (error.strerror or str(error)).lower()
