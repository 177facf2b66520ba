"""Numbers that come from outside, as the types and in the range that every exporter takes.

OTLP has integers of 64 bits and doubles. One larger integer makes an exporter lose the whole batch that it stands in,
and once it is part of a sum, all metrics of the process.
"""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from typing import Any

SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""The integers that OTLP has."""
MOST_TOKENS = 2**31 - 1
"""The largest token count that is believed. No model reads or writes as much, and four billion of them fit in a sum."""
_MOST_DIGITS = 10


def whole(value: Any) -> int | None:
    """Return a whole number of 64 bits, of any numeric type; `None` for fractions, booleans and all else."""
    if type(value) is not int:
        value = _as_int(value)
    if value is None or not SMALLEST <= value <= LARGEST:
        return None
    return value


def real(value: Any) -> float | None:
    """Return a finite number as a float, of any numeric type; `None` for booleans and all else."""
    if isinstance(value, bool) or not isinstance(value, (float, int, Decimal, numbers.Real)):
        return None
    try:
        number = float(value)
    except (
        ArithmeticError,
        TypeError,
        ValueError,
    ):  # an integer beyond all floats, or a signalling NaN
        return None
    return number if math.isfinite(number) else None


def token_count(value: Any) -> int | None:
    """Return a count of tokens; `None` for what is none.

    Text is none, even if it has digits only: the formats of all providers have numbers here.
    """
    if type(value) is not int:
        value = _as_int(value)
    if value is None or not 0 <= value <= MOST_TOKENS:
        return None
    return value


def token_count_in_header(text: Any) -> int | None:
    """Return the count of tokens that an HTTP header states."""
    stated = str(text).strip()
    if len(stated) > _MOST_DIGITS or not stated.isascii() or not stated.isdigit():
        return None
    return token_count(int(stated))


def http_status(value: Any) -> int | None:
    """Return an HTTP status code; `None` for what cannot be one."""
    status = whole(value)
    return status if status is not None and 100 <= status <= 999 else None


def _as_int(value: Any) -> int | None:
    number = real(value)
    if number is None or not SMALLEST <= number <= LARGEST:
        return None
    integer = int(value)
    return integer if integer == value else None
