"""Where a request goes."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit


@lru_cache(maxsize=64)
def address(url: str) -> tuple[str | None, int | None]:
    """Host and port of a URL; the port of its scheme where it names none, and neither where it is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return None, None
