"""How wide text stands in a terminal, and text made fit to stand in one line of it."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Columns that text takes: two for a wide (Chinese) character, none for one that joins the one before."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, columns: int) -> str:
    """Text filled up with blanks to a number of columns."""
    return text + " " * (columns - width(text))


def one_line(text: str, limit: int = 60) -> str:
    """Text without control characters, cut to a number of columns."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    if width(clean) <= limit:
        return clean
    while width(clean) >= limit:
        clean = clean[:-1]
    return clean + "…"


def encodable(text: str, encoding: str | None) -> bool:
    """Whether a stream with this encoding can show the text."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
