"""Values of settings, checked and in their own types.

Errors name the setting, or the variable that has the value, and say what to write.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, cast

from callspan.accounting.prices.own import OwnPrices, PriceError, read
from callspan.content import redaction
from callspan.content.capture import LEAST_LIMIT
from callspan.content.redaction import Redact
from callspan.runtime.errors import SettingsError

NAMES = {
    "clients": "client",
    "disabled_clients": "client",
    "extra_metrics": "extra metric",
    "capture_fields": "kind of content",
    "metric_dimensions": "metric dimension",
}
"""The settings that are lists of names, and the things that are named."""


def check_word(value: Any, source: str, words: tuple[str, ...]) -> Any:
    """Return a value that is one of the words, or raise `SettingsError`."""
    if value in words:
        return value
    hint = suggestion(value, words)
    raise SettingsError(f"{source} is {value!r}{hint}: use one of {', '.join(words)}")


def check_prices(value: Any, source: str | None) -> OwnPrices:
    """Return prices, which may be given as a mapping or a file, or raise `SettingsError`."""
    try:
        return read(value)
    except PriceError as error:
        message = f"{source}: {error}" if source else str(error)
        raise SettingsError(message) from None


def check_redact(value: object, source: str) -> Redact:
    """Return the function that redacts a text, or raise `SettingsError`."""
    if callable(value):
        return cast("Redact", value)
    try:
        return redaction.parse(value if isinstance(value, str) else "")
    except ValueError as error:
        raise SettingsError(f"{source} is {value!r}: {error}") from None


def check_content_limit(value: Any, source: str) -> int | str:
    """Return a number of bytes, or `tempo`, or raise `SettingsError`."""
    if value == "tempo":
        return value
    try:
        size = int(value)
    except (TypeError, ValueError):
        size = 0
    if size < LEAST_LIMIT:
        raise SettingsError(
            f"{source} is {value!r}: use a number of bytes from {LEAST_LIMIT}, or 'tempo'"
        )
    return size


def check_names(
    setting: str, value: object, source: str, choices: Iterable[str] | None
) -> tuple[str, ...]:
    """Return names, which may be one text with commas, or raise `SettingsError`."""
    if isinstance(value, str):
        value = value.split(",")
    items = list(value) if isinstance(value, Iterable) else [value]
    names: list[str] = []
    for item in items:
        if not isinstance(item, str):
            raise SettingsError(f"{source} must be names, such as {setting}=['openai']")
        if item.strip():
            names.append(item.strip())
    kind = NAMES[setting] if source == setting else f"name in {source}"
    for name in names:
        if choices is not None and name not in choices:
            raise unknown(kind, name, choices)
    return tuple(names)


def suggestion(value: object, words: Iterable[str]) -> str:
    """Return a hint at the word that was meant, or an empty text."""
    close = difflib.get_close_matches(str(value), list(words), 1)
    if not close:
        return ""
    return f" (did you mean {close[0]!r}?)"


def unknown(kind: str, name: str, choices: Iterable[str]) -> SettingsError:
    """Return the error for a name that is not among the choices."""
    return SettingsError(
        f"unknown {kind} {name!r}{suggestion(name, choices)}: "
        f"known are {', '.join(sorted(choices))}"
    )
