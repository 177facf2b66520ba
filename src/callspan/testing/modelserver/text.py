"""Text: count its tokens, cut it into pieces, and find it in a request."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

# Chinese and Japanese have no spaces between words: there each sign is one.
_WORD = re.compile(r"\s*[\u2e80-\u9fff\uff00-\uffef]|\s*[^\s\u2e80-\u9fff\uff00-\uffef]+|\s+")
_TEXT_KEYS = (
    "instructions",
    "messages",
    "input",
    "prompt",
    "content",
    "text",
    "tool_calls",
    "function",
    "arguments",
    "output",
    "file",
)
"""The fields of a request whose text a model reads."""
_BYTES_PER_TOKEN = 4
_FRAGMENT_CHARACTERS = 8


def count(text: str | bytes) -> int:
    """Return the tokens of a text: one for every 4 bytes begun, at least 1.

    A test can work it out by hand.
    """
    # Bytes and not characters, so that a Chinese sign counts for more than a letter.
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    return max(1, math.ceil(len(data) / _BYTES_PER_TOKEN))


def pieces(text: str, size: int = 1) -> list[str]:
    """Return the text in pieces of `size` words; joined they are the text again."""
    words = _WORD.findall(text)
    starts = range(0, len(words), max(1, size))
    return ["".join(words[start : start + size]) for start in starts]


def fragments(text: str) -> list[str]:
    """Return the text in pieces of 8 characters.

    They are short, so that even small arguments of tools come in several.
    """
    starts = range(0, len(text), _FRAGMENT_CHARACTERS)
    return [text[start : start + _FRAGMENT_CHARACTERS] for start in starts]


def texts(value: Any) -> Iterator[str | bytes]:
    """Yield all texts in a request's body that a model would read, files among them."""
    if isinstance(value, (str, bytes)):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key in _TEXT_KEYS:
            yield from texts(value.get(key))


def joined(value: Any) -> str:
    """Return the text of a message's content, which is a string or a list of parts."""
    return " ".join(text for text in texts(value) if isinstance(text, str))
