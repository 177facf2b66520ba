"""The limits that a budget may have, by unit."""

from __future__ import annotations

import sys

from callspan.runtime.errors import SettingsError

UNITS = ("usd", "tokens", "calls", "seconds")
"""The units of limits, in the order of the arguments of `budget()`."""


def check_limits(**arguments: object) -> dict[str, float]:
    """Return the limits by unit; raises `SettingsError` where there are none."""
    limits: dict[str, float] = {}
    for unit, value in arguments.items():
        if value is not None:
            limits[unit] = _limit(unit, value)
    if not limits:
        raise SettingsError(f"a budget needs a limit: give one of {', '.join(UNITS)}")
    return limits


def _limit(unit: str, value: object) -> float:
    """Return a limit that is a finite number of 0 or more; raises `SettingsError` for others."""
    message = f"the budget's limit in {unit} is {value!r}: give a number, 0 or more"
    # `True` is an `int` in Python, and never meant as a limit of 1
    if isinstance(value, bool):
        raise SettingsError(message)
    if not isinstance(value, (int, float)):
        raise SettingsError(message)
    # NaN fails this as well: it is neither less nor more than a number
    if not 0 <= value <= sys.float_info.max:
        raise SettingsError(message)
    return value
