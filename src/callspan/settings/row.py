"""One row of the table of settings, and the rows that many settings share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from callspan.settings import values
from callspan.settings.values import Source

ROW = "row"
"""The key under which the field of a setting keeps its row, in the field's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table of settings; name, type and default are those of its field.

    Attributes:
        variable: The environment variable that is read where there is no argument.
        help: The values and their meaning, in the words of the page of settings.
        check: Return a value in the setting's own type, or raise `SettingsError`.
        parse: Return the value that a text of the variable stands for; `check` follows.
        words: The valid words; none where other values are valid too, or a room above knows them.
        noun: The kind of thing that a name stands for, in a list of names.
        unset: The meaning of no value, in a word, if the default is `None`.
        is_argument: Whether `instrument()` has an argument of this name.
        restricts_content: Whether it holds content back: if its variable is invalid, no content
            is captured at all.
    """

    variable: str
    help: str
    check: Callable[[Any, Source], Any]
    parse: Callable[[str, str], Any] = values.parse_text
    words: tuple[str, ...] = ()
    noun: str = ""
    unset: str = ""
    is_argument: bool = True
    restricts_content: bool = False


def words(choice: Any, variable: str, text: str) -> Setting:
    """Return the row of a setting that is one of some words, which a `Literal` lists."""
    return Setting(
        variable=variable,
        help=text,
        # the words are those of the type, so they are written once
        check=values.check_word,
        parse=values.parse_word,
        words=get_args(choice),
    )


def boolean(variable: str, text: str) -> Setting:
    """Return the row of a setting that is true or false."""
    return Setting(
        variable=variable, help=text, check=values.check_boolean, parse=values.parse_boolean
    )
