"""Rules for text: how it is counted, cut in pieces and found in a request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Chinese and Japanese write no spaces: there each sign is a word.
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
)
_TEXT_KEYS += ("arguments", "output", "file")


def count(text: str | bytes) -> int:
    """One token for every 4 bytes begun, at least 1; so a test can work it out by hand."""
    size = len(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    return max(1, -(-size // 4))


def pieces(text: str, size: int = 1) -> list[str]:
    """The text in chunks of `size` words; joined they are the text again."""
    words = _WORD.findall(text)
    return ["".join(words[at : at + size]) for at in range(0, len(words), max(1, size))]


def fragments(text: str) -> list[str]:
    """The text in pieces of 8 characters: short, so that even small tool arguments come in several."""
    return [text[at : at + 8] for at in range(0, len(text), 8)]


def texts(value: Any) -> Iterator[str | bytes]:
    """All that a model would read in a request body: messages, input, prompt, instructions, files."""
    if isinstance(value, (str, bytes)):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key in _TEXT_KEYS:
            yield from texts(value.get(key))


def joined(value: Any) -> str:
    """The text of one message's content, whether a string or a list of parts."""
    return " ".join(text for text in texts(value) if isinstance(text, str))
