"""How wide text stands in a terminal, and text made fit to stand in one line of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_JOINER = "\u200d"
"""Joins emoji to one picture, such as a family."""
_PICTURE_SIGN = "\ufe0f"
"""Makes a picture, which is wide, of the character before it."""


def width(text: str) -> int:
    """Return the columns that text takes.

    A wide (Chinese) character takes two, and one that joins the character before it takes none.
    """
    # by far the most texts, and much faster
    if text.isascii():
        return len(text)
    return sum(_columns(text))


def _columns(text: str) -> Iterator[int]:
    """Yield the columns that each character adds."""
    before, columns_before = "", 0
    for character in text:
        columns = _columns_after(character, before, columns_before)
        yield columns
        before = character
        columns_before = columns or columns_before


def _columns_after(character: str, before: str, columns_before: int) -> int:
    """Return the columns that a character adds behind another one, which has some columns."""
    if character == _PICTURE_SIGN:
        return 1 if columns_before == 1 else 0
    if before == _JOINER or _is_mark(character):
        return 0
    is_skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    if is_skin_tone and columns_before == 2:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_mark(character: str) -> bool:
    """Whether it stands above or below another one, or is a sign of format such as the joiner."""
    if unicodedata.combining(character):
        return True
    return unicodedata.category(character) in ("Mn", "Me", "Cf")


def pad(text: str, columns: int) -> str:
    """Fill text up with blanks to a number of columns."""
    return text + " " * (columns - width(text))


def one_line(text: str, limit: int = 60) -> str:
    """Return text with blanks for control characters, cut to `limit` columns.

    A name may hold an escape sequence, which the terminal would obey.
    """
    clean = "".join(character if _is_printable(character) else " " for character in text)
    if width(clean) <= limit:
        return clean
    length = columns = 0
    # by characters with their columns, so that a joined picture is kept whole or left out
    for added in _columns(clean):
        columns += added
        if columns >= limit:  # a column is for the sign that something was cut
            break
        length += 1
    return clean[:length] + "…"


def _is_printable(character: str) -> bool:
    return character.isprintable() or character == _JOINER


def encodable(text: str, encoding: str | None) -> bool:
    """Whether a stream with this encoding can show the text."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
