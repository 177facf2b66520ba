"""The server that a request goes to."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

Server = tuple["str | None", "int | None"]
"""Host and port; each is `None` where it is not known."""


@lru_cache(maxsize=64)
def address(url: str) -> Server:
    """Return the host and the port of a URL; both are `None` if it is no URL.

    The port is that of the scheme where the URL names none.
    """
    try:
        parts = urlsplit(url)
        if parts.port:
            return parts.hostname, parts.port
    except ValueError:
        # `port` raises it for a port that is no number
        return None, None
    if parts.scheme == "http":
        return parts.hostname, 80
    return parts.hostname, 443
