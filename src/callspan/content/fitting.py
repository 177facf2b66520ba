"""Content cut to the bytes that there are: long texts lose their middle, long conversations their middle messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from callspan.content.encoding import encode
from callspan.runtime.plain import plain

Item = dict[str, Any]
_SHARE = 4
"""One message takes at most this part of what a list may take, if the list is too long."""
_SHORT = 48
"""Characters below which a text is never cut."""
_ROUNDS = 4


class Fitted:
    """Items that fit, their JSON texts, and how many bytes were left out."""

    __slots__ = ("elided", "texts", "value")

    def __init__(self, items: list[Item], limit: int) -> None:
        self.value = list(items)
        self.texts = [encode(item) for item in items]
        self.elided = 0
        before = self.size
        if before > limit:
            self._shorten(limit)
            self._thin(limit)
            self.elided = before - self.size

    @property
    def size(self) -> int:
        """Bytes of the JSON text."""
        return sum(size(text) for text in self.texts) + len(self.texts) + 1

    @property
    def text(self) -> str:
        """One JSON list."""
        return f"[{','.join(self.texts)}]"

    def _shorten(self, limit: int) -> None:
        room = max(limit // _SHARE, limit // max(1, len(self.value))) - 3
        for index, item in enumerate(self.value):
            self.value[index], self.texts[index] = _cut(item, self.texts[index], room)

    def _thin(self, limit: int) -> None:
        """Keep the first item and as many of the last as there is room for; one stands for those between."""
        sizes = [size(text) + 1 for text in self.texts]
        if sum(sizes) + 1 <= limit or len(sizes) < 2:
            return
        longest_marker = marker(self.value[1], len(sizes), sum(sizes))
        room = limit - size(encode(longest_marker)) - 3
        first = 0
        if sizes[0] + sizes[-1] <= room:
            first = 1
            room -= sizes[0]
        end = len(sizes)
        while end > first and sizes[end - 1] <= room:
            end -= 1
            room -= sizes[end]
        stand_in = marker(self.value[first], end - first, sum(sizes[first:end]))
        self.value[first:end] = [stand_in]
        self.texts[first:end] = [encode(stand_in)]


class Single:
    """One value that fits, and its text: JSON, or the value itself where that is text."""

    __slots__ = ("elided", "text", "value")

    def __init__(self, value: Any, limit: int) -> None:
        self.value = value
        if isinstance(value, str):
            self.text = value
        else:
            self.text = encode(value)
        before = self.size
        if before > limit and isinstance(value, str):
            self.value = self.text = middle_out(value, limit)
        elif before > limit:
            self.value, self.text = _cut(value, self.text, limit)
        self.elided = before - self.size

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return size(self.text)


def size(text: str) -> int:
    """Return the bytes of a text."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-8", "replace"))


def marker(like: Any, count: int, left_out: int) -> Item:
    """Return the item that stands for others that were left out, in the form of one of them.

    `count` is their number, and `left_out` their bytes.
    """
    note: Item = {"type": "elided", "count": count, "size": left_out}
    if "parts" in like:
        message = {"role": like.get("role") or "", "parts": [note]}
        if "finish_reason" in like:
            message["finish_reason"] = like["finish_reason"]
        return message
    if "name" in like:
        note["name"] = f"{count} left out"
    return note


def _cut(item: Any, text: str, room: int) -> tuple[Any, str]:
    """Return an item and its JSON text, its longest texts cut until it fits; a marker if it never does."""
    before = length = size(text)
    for _ in range(_ROUNDS):
        if length <= room:
            return item, text
        item = plain(item, _shortener(item, length - room))
        text = encode(item)
        length = size(text)
    if length <= room:
        return item, text
    stand_in = marker(item, 1, before)
    return stand_in, encode(stand_in)


def _shortener(item: Any, excess: int) -> Callable[[str], str]:
    """Return a function that cuts all texts above one length, chosen so that `excess` bytes go."""
    lengths = sorted(_lengths(item), reverse=True)
    longest = max(_level(lengths, excess), _SHORT)

    def shorten(text: str) -> str:
        if size(text) <= longest:
            return text
        return middle_out(text, longest)

    return shorten


def _level(lengths: list[int], excess: int) -> int:
    """Return the length to which the longest texts are cut, so that together they lose `excess` bytes.

    The lengths are sorted, the longest first. The longest texts are brought down step by step to the
    length of the next shorter one, until the steps have taken enough.
    """
    for number, (length, shorter) in enumerate(pairwise([*lengths, 0]), 1):
        gain = number * (length - shorter)
        if gain >= excess:
            bytes_from_each = math.ceil(excess / number)
            return length - bytes_from_each
        excess -= gain
    return 0


def _lengths(value: Any) -> list[int]:
    """Return the bytes of all texts in a value."""
    lengths: list[int] = []

    def measure(text: str) -> str:
        lengths.append(size(text))
        return text

    plain(value, measure)
    return lengths


def middle_out(text: str, length: int) -> str:
    """Return the beginning and the end of a text, in `length` bytes, and between them how much was left out."""
    kept_characters = max(0, length - 32) * len(text) // size(text)
    left_out = len(text) - kept_characters
    if not kept_characters:
        return f"[{left_out} characters]"
    head = kept_characters * 2 // 3
    tail = kept_characters - head
    return f"{text[:head]} [... {left_out} characters ...] {text[len(text) - tail :]}"
