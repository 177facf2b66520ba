"""JSON text that always parses, by orjson where it is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from callspan.runtime.plain import plain


def _load_encoder() -> Callable[[Any], str]:
    """Return orjson's encoder, else the one of Python, which takes several times as long."""
    try:
        import orjson
    except ImportError:
        encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return encoder.encode
    return lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


_encoder: Callable[[Any], str] | None = None


def encode(value: Any) -> str:
    """Return a value as JSON text; one that the encoder refuses is made plain first."""
    global _encoder
    # not with the import: most apps capture nothing, and need no encoder
    if _encoder is None:
        _encoder = _load_encoder()
    try:
        text = _encoder(value)
        # Python's encoder lets lone surrogates through, where orjson (3.13) raises `TypeError`
        if text.isascii() or _is_valid(text):
            return text
    except (TypeError, ValueError, RecursionError):
        # not plain data, or deeper than the encoder accepts
        pass
    return _encoder(plain(value))


def _is_valid(text: str) -> bool:
    """Whether a text is Unicode; half of a surrogate pair is not, and no exporter takes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
