"""Attributes and values as OTLP writes them in JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


def attribute_list(attributes: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return attributes as a list of keys and values; what OTLP has no type for is left out."""
    if not attributes:
        return []
    pairs = ((key, any_value(value)) for key, value in attributes.items())
    return [{"key": key, "value": value} for key, value in pairs if value is not None]


def any_value(value: Any) -> dict[str, Any] | None:
    """Return one value with its type, or `None` if OTLP has none for it. A bool is an int too, so it comes first."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if _MIN_INT <= value <= _MAX_INT else None
    if isinstance(value, float):
        return {"doubleValue": _double(value)}
    return _compound(value)


def _compound(value: Any) -> dict[str, Any] | None:
    if value is None:
        return {}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {
            "kvlistValue": {
                "values": attribute_list({str(key): item for key, item in value.items()})
            }
        }
    if isinstance(value, Sequence):
        items = [any_value(item) for item in value]
        return {"arrayValue": {"values": [{} if item is None else item for item in items]}}
    return None


def _double(value: float) -> float | str:
    """Return a number as JSON may have it: infinity and NaN are words there."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
