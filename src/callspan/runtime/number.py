"""Numbers that come from outside, in the types and in the range that every exporter takes.

OTLP has integers of 64 bits and doubles. One larger integer makes an exporter lose the whole batch
that it stands in, and once it is part of a sum, all metrics of the process (docs/decisions/0042).
"""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from typing import Any

# in this order, as the abstract class is slow to ask; `Decimal` is none of its kind
_REAL_TYPES = (float, int, Decimal, numbers.Real)
SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""The integers that OTLP has."""
MOST_TOKENS = 2**31 - 1
"""The largest token count that is believed.

No model reads or writes as much, and four billion of such counts fit in a sum.
"""
_MOST_DIGITS = 10
"""The digits of `MOST_TOKENS`; Python refuses to read texts of very many digits."""


def whole(value: Any) -> int | None:
    """Return a whole number of 64 bits, of any numeric type; `None` for fractions and all else."""
    # most values are plain integers and are spared the rest; `bool`, a subclass, is refused there
    if type(value) is not int:
        value = _as_int(value)
    if value is None or not SMALLEST <= value <= LARGEST:
        return None
    return value


def real(value: object) -> float | None:
    """Return a finite number as a float, of any numeric type; `None` for booleans and all else."""
    if isinstance(value, bool) or not isinstance(value, _REAL_TYPES):
        return None
    try:
        number = float(value)
    except (ArithmeticError, TypeError, ValueError):
        return None  # an integer beyond all floats, or a signalling NaN
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


def token_count_in_header(value: object) -> int | None:
    """Return the count of tokens that an HTTP header states."""
    text = str(value).strip()
    # `isdigit` alone is true of digits in other scripts too
    is_number = text.isascii() and text.isdigit()
    if not is_number or len(text) > _MOST_DIGITS:
        return None
    return token_count(int(text))


def http_status(value: Any) -> int | None:
    """Return an HTTP status code; `None` for what cannot be one."""
    status = whole(value)
    if status is None or not 100 <= status <= 999:
        return None
    return status


def _as_int(value: Any) -> int | None:
    number = real(value)
    if number is None or not SMALLEST <= number <= LARGEST:
        return None
    # servers write whole numbers as floats too, such as 12.0
    integer = int(value)
    return integer if integer == value else None
