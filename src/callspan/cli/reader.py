"""Which reader of spans an endpoint is of, as far as its address and the names of headers tell."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from callspan.export.endpoints import variable
from callspan.semconv.readers import READERS, Reader
from callspan.settings.choices import ReaderName

_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", variable("traces", "HEADERS"))


def reader_of(url: str, environ: Mapping[str, str]) -> ReaderName | None:
    """Return the reader to which traces go; `None` for a collector, and for one that is not known.

    Args:
        url: Where traces go.
        environ: The environment, whose headers have names that only one reader has.
    """
    parts = urlsplit(url)
    headers = _header_names(environ)
    for name, reader in READERS.items():
        if _is_at(reader, parts) or reader.header in headers:
            return name
    return None


def _is_at(reader: Reader, parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if any(host == end or host.endswith(f".{end}") for end in reader.hosts):
        return True
    if reader.path and reader.path in parts.path:
        return True
    return reader.port is not None and parts.port == reader.port


def _header_names(environ: Mapping[str, str]) -> set[str]:
    """Return the names alone: the values are keys."""
    pairs = ",".join(environ.get(name, "") for name in _HEADERS).split(",")
    names = {pair.partition("=")[0].strip().lower() for pair in pairs}
    return names - {""}
