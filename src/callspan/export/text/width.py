"""How wide text stands in a terminal, and text made fit to stand in one line of it."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Return the columns that text takes.

    A wide (Chinese) character takes two, and one that joins the character before it takes none.
    """
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    # marks above or below another character, and signs of format such as the zero-width joiner
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, columns: int) -> str:
    """Fill text up with blanks to a number of columns."""
    return text + " " * (columns - width(text))


def one_line(text: str, limit: int = 60) -> str:
    """Return text with blanks for control characters, cut to `limit` columns.

    A name may hold an escape sequence, which the terminal would obey.
    """
    clean = "".join(character if character.isprintable() else " " for character in text)
    if width(clean) <= limit:
        return clean
    length = columns = 0
    for character in clean:
        columns += _columns(character)
        if columns >= limit:  # a column is for the sign that something was cut
            break
        length += 1
    return clean[:length] + "…"


def encodable(text: str, encoding: str | None) -> bool:
    """Whether a stream with this encoding can show the text."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
