"""Numbers of any type, at the edges of what is taken for one."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from callspan.runtime import number

LARGEST = 9_223_372_036_854_775_807
"""The largest integer of OTLP, as a fact that the code must agree with."""
MOST_TOKENS = 2_147_483_647


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        *[(value, value) for value in (0, 1, -1, LARGEST, -LARGEST - 1)],
        *[(value, None) for value in (LARGEST + 1, -LARGEST - 2, 10**400, -(10**400))],
        *[(value, 7) for value in (7.0, Decimal(7), Decimal("7.00"), Fraction(14, 2))],
        *[
            (value, None)
            for value in (
                7.5,
                Decimal("7.1"),
                Fraction(1, 2),
                math.nan,
                math.inf,
                -math.inf,
                1e19,
                -1e19,
            )
        ],
        *[
            (value, None)
            for value in (True, False, "7", b"7", None, [7], 7j, Decimal("NaN"), Decimal("sNaN"))
        ],
    ],
    ids=repr,
)
def test_whole_numbers(value: Any, whole: int | None) -> None:
    """Those of 64 bits, as `int`."""
    assert number.whole(value) == whole
    assert type(number.whole(value)) is (int if whole is not None else type(None))


@pytest.mark.parametrize(
    ("value", "real"),
    [
        *[(value, 0.5) for value in (0.5, Decimal("0.5"), Fraction(1, 2))],
        *[(value, float(value)) for value in (0, -3, LARGEST, 10**300, 1e308)],
        *[
            (value, None)
            for value in (10**400, math.nan, math.inf, -math.inf, Decimal("1e400"), Decimal("sNaN"))
        ],
        *[(value, None) for value in (True, False, "0.5", None, [0.5], 1j)],
    ],
    ids=repr,
)
def test_real_numbers(value: Any, real: float | None) -> None:
    """Finite ones, as `float`."""
    assert number.real(value) == real
    assert type(number.real(value)) is (float if real is not None else type(None))


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *[(value, value) for value in (0, 1, MOST_TOKENS)],
        *[(value, 6) for value in (6.0, Decimal(6))],
        *[
            (value, None)
            for value in (-1, MOST_TOKENS + 1, float(MOST_TOKENS + 1), 6.5, -1.0, True, "6", None)
        ],
    ],
    ids=repr,
)
def test_counts_of_tokens(value: Any, count: int | None) -> None:
    """No less than nothing, and no more than any model reads or writes."""
    assert number.token_count(value) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *[(str(value), value) for value in (0, 12, MOST_TOKENS)],
        *[(" 12\r", 12), ("0000000012", 12), (12, 12)],
        *[(value, None) for value in (str(MOST_TOKENS + 1), "00000000012", "9" * 5000)],
        *[(value, None) for value in ("", "-1", "1.0", "1e3", "١٢", "²", None)],
    ],
    ids=repr,
)
def test_counts_of_tokens_in_headers(text: Any, count: int | None) -> None:
    """Ten digits at most, and those of ASCII."""
    assert number.token_count_in_header(text) == count


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (100, 100),
        (999, 999),
        (200.0, 200),
        (99, None),
        (1000, None),
        ("200", None),
        (None, None),
        (True, None),
    ],
)
def test_http_statuses(value: Any, status: int | None) -> None:
    """Three digits."""
    assert number.http_status(value) == status
