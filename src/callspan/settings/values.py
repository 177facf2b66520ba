"""Read the values of settings: check arguments, and parse the texts of environment variables.

Errors name the setting, or the variable that has the value, and say what to write.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, cast

from callspan.accounting.prices.own import OwnPrices, PriceError, read
from callspan.content import redaction, uploads
from callspan.content.capture import LEAST_LIMIT
from callspan.content.redaction import Redact
from callspan.runtime.errors import SettingsError

CAPTURES = {
    "NO_CONTENT": "off",
    "SPAN_ONLY": "span",
    "EVENT_ONLY": "event",
    "SPAN_AND_EVENT": "both",
}
"""The values of OpenTelemetry's variable for capturing content, and ours."""
_OLDER_CAPTURES = {"TRUE": "span", "1": "span", "FALSE": "off", "0": "off"}
"""Values of the same variable in documents of other packages, which capture on spans only."""
# for variables of ours; those of OpenTelemetry take `true` alone, as its specification says
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was set, and the words that are valid there.

    Attributes:
        setting: The name of the setting.
        variable: The environment variable that has the value; `None` for an argument.
        words: The valid words or names; `None` where any name is valid.
        noun: The kind of thing that a name stands for, such as `client`.
    """

    setting: str
    variable: str | None = None
    words: Collection[str] | None = None
    noun: str = ""

    @property
    def name(self) -> str:
        """The name for error messages: the variable's, else the setting's."""
        return self.variable or self.setting


def check_word(value: Any, source: Source) -> str:
    """Return a value that is one of the valid words, or raise `SettingsError`."""
    words = source.words or ()
    if value in words:
        return value
    hint = suggestion(value, words)
    raise SettingsError(f"{source.name} is {value!r}{hint}: use one of {', '.join(words)}")


def check_boolean(value: object, source: Source) -> bool:
    """Return whether a value counts as true; a text is read as in a variable.

    Raises `SettingsError` for a text that is neither yes nor no: `bool("false")` is true.
    """
    if isinstance(value, str):
        return parse_boolean(value, source.name)
    return bool(value)


def check_prices(value: Any, source: Source) -> OwnPrices:
    """Return prices, which a mapping or a file may hold, or raise `SettingsError`."""
    try:
        return read(value)
    except PriceError as error:
        # The error of an argument names the wrong row or file, which is all that its caller needs.
        message = f"{source.variable}: {error}" if source.variable else str(error)
        raise SettingsError(message) from None


def check_redact(value: object, source: Source) -> Redact:
    """Return the function that redacts a text, or raise `SettingsError`."""
    if callable(value):
        return cast("Redact", value)
    try:
        # the empty text is none of the valid ones, so its error tells them
        return redaction.parse(value if isinstance(value, str) else "")
    except ValueError as error:
        raise SettingsError(f"{source.name} is {value!r}: {error}") from None


def check_upload(value: object, source: Source) -> str:
    """Return the path or URL of a folder, or raise `SettingsError`."""
    if not isinstance(value, (str, os.PathLike)):
        raise SettingsError(f"{source.name} is {value!r}: give a path or a URL")
    base = os.fspath(value)
    try:
        uploads.check_base(str(base))
    except ValueError as error:
        raise SettingsError(f"{source.name} is {value!r}: {error}") from None
    return str(base)


def check_content_limit(value: Any, source: Source) -> int | str:
    """Return a number of bytes, or `tempo`, or raise `SettingsError`."""
    if value == "tempo":
        return value
    try:
        # the text of a variable comes here as well
        size = int(value)
    except (TypeError, ValueError):
        size = 0  # refused below, with the message for numbers that are too small
    if size < LEAST_LIMIT:
        raise SettingsError(
            f"{source.name} is {value!r}: use a number of bytes from {LEAST_LIMIT}, or 'tempo'"
        )
    return size


def check_names(value: object, source: Source) -> tuple[str, ...]:
    """Return names, which may be one text with commas, or raise `SettingsError`."""
    names = _read_names(value, source)
    if source.words is None:
        return names
    noun = f"name in {source.variable}" if source.variable else source.noun
    for name in names:
        if name not in source.words:
            raise _unknown(noun, name, source.words)
    return names


def _read_names(value: object, source: Source) -> tuple[str, ...]:
    # before the iterables, as a text is one of its letters
    if isinstance(value, str):
        value = value.split(",")
    items = list(value) if isinstance(value, Iterable) else [value]
    names: list[str] = []
    for item in items:
        if not isinstance(item, str):
            raise SettingsError(f"{source.name} must be names, such as {source.setting}=['openai']")
        if item.strip():
            names.append(item.strip())
    return tuple(names)


def parse_text(text: str, _variable: str) -> str:
    """Return the text of a variable as it is."""
    return text


def parse_word(text: str, _variable: str) -> str:
    """Return the word in a variable, which may be written in upper or lower case."""
    return text.lower()


def parse_boolean(text: str, variable: str) -> bool:
    """Return whether a variable says yes, or raise `SettingsError`."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise SettingsError(f"{variable} is {text!r}: use true or false")


def parse_capture(text: str, variable: str) -> str:
    """Return where content goes, by OpenTelemetry's variable, or raise `SettingsError`."""
    word = text.upper()
    capture = CAPTURES.get(word) or _OLDER_CAPTURES.get(word)
    if capture is None:
        raise SettingsError(
            f"{variable} is {text!r}: use one of {', '.join(CAPTURES)}; no content is captured"
        )
    return capture


def suggestion(value: object, words: Iterable[str]) -> str:
    """Return a hint at the word that was meant, or an empty text."""
    # an argument may be of any type
    close = difflib.get_close_matches(str(value), list(words), 1)
    if not close:
        return ""
    return f" (did you mean {close[0]!r}?)"


def _unknown(noun: str, name: str, words: Collection[str]) -> SettingsError:
    """Return the error for a name that is not among the valid ones."""
    return SettingsError(
        f"unknown {noun} {name!r}{suggestion(name, words)}: known are {', '.join(sorted(words))}"
    )
