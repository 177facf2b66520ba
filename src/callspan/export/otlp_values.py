"""Attributes and values as OTLP writes them in JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


def attribute_list(attributes: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return attributes as a list of keys and values, without those for which OTLP has no type."""
    if not attributes:
        return []
    pairs: list[dict[str, Any]] = []
    for key, attribute in attributes.items():
        value = any_value(attribute)
        if value is not None:
            pairs.append({"key": key, "value": value})
    return pairs


def any_value(value: Any) -> dict[str, Any] | None:
    """Return one value with its type, or `None` if OTLP has none for it."""
    if isinstance(value, str):
        return {"stringValue": value}
    # before int, as a bool is one
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
        fields = {str(key): item for key, item in value.items()}
        return {"kvlistValue": {"values": attribute_list(fields)}}
    if isinstance(value, Sequence):
        # an item without a type stays as an empty value, so that the others keep their places
        return {"arrayValue": {"values": [any_value(item) or {} for item in value]}}
    return None


def _double(value: float) -> float | str:
    """Return a number for JSON, where infinity and NaN are words."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
