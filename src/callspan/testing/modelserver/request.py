"""A request as the server received it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from .form import read_form

_DEEPEST = 920
"""The most levels of a JSON text: Python's stack ends at about 1,000 calls within each other."""


@dataclass(frozen=True)
class Request:
    """One request on the wire; header names are in lower case, the path is without its query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def is_form(self) -> bool:
        """Whether the body is a form with files."""
        return self.headers.get("content-type", "").startswith("multipart/form-data")

    @cached_property
    def json(self) -> Any:
        """The body as JSON, or the fields of a form with files as bytes; None if malformed."""
        try:
            if self.is_form:
                return read_form(self.headers["content-type"], self.raw)
            return _read_json(self.raw)
        # Python's parser of JSON is recursive, and gives up before `_check_depth` is asked.
        except (ValueError, RecursionError):
            return None


def _read_json(raw: bytes) -> Any:
    # Nothing is let in that an answer could not repeat as JSON.
    value = json.loads(raw, parse_float=_read_float, parse_constant=_refuse_constant)
    _check_depth(value)
    return value


def _read_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is too large to be answered with")
    return value


def _refuse_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python reads though JSON has none."""
    raise ValueError(f"{name} is no JSON")


def _check_depth(value: Any) -> None:
    """Raise `ValueError` if a value is nested too deep."""
    level = [value]
    for _ in range(_DEEPEST):
        # Level by level and not by recursion, as it looks for what recursion cannot read.
        level = list(chain.from_iterable(map(_children, level)))
        if not level:
            return
    raise ValueError("the body is nested too deep")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    return []
