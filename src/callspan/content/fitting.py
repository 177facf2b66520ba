"""Content cut to a number of bytes.

Long texts lose their middle, long conversations their middle messages.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from callspan.content.encoding import encode
from callspan.runtime.plain import plain

Item = dict[str, Any]
_SHARE = 4
"""In a list that is too long, one message takes at most this part of the limit."""
_SHORT = 48
"""Characters below which a text is never cut."""
_ROUNDS = 4
"""The most times that an item is cut: JSON escapes characters, so that one cut may not suffice."""


class Fitted:
    """Items that fit into a number of bytes.

    Attributes:
        value: The items.
        texts: Their JSON texts.
        elided: The number of bytes that were left out.
    """

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
        # with a comma between two texts, and the brackets
        return sum(size(text) for text in self.texts) + len(self.texts) + 1

    @property
    def text(self) -> str:
        """One JSON list."""
        return f"[{','.join(self.texts)}]"

    def _shorten(self, limit: int) -> None:
        """Cut the texts of items that are longer than their share."""
        # fewer than four messages have more than a quarter each; the rest is for comma and brackets
        room = max(limit // _SHARE, limit // max(1, len(self.value))) - 3
        for index, item in enumerate(self.value):
            self.value[index], self.texts[index] = _cut(item, self.texts[index], room)

    def _thin(self, limit: int) -> None:
        """Keep the first item and as many of the last as have room; a marker replaces the others.

        The first message says mostly what the conversation is for, and the last what happened now.
        """
        sizes = [size(text) + 1 for text in self.texts]
        if sum(sizes) + 1 <= limit or len(sizes) < 2:
            return
        # with the largest numbers that it can have: how many are left out is not known yet
        longest_marker = marker(self.value[1], len(sizes), sum(sizes))
        room = limit - size(encode(longest_marker)) - 3
        first = 0
        # only if there is room for the last one besides; else the last one alone stays
        if sizes[0] + sizes[-1] <= room:
            first = 1
            room -= sizes[0]
        end = len(sizes)
        # from the end, as the latest messages are those that the answer is about
        while end > first and sizes[end - 1] <= room:
            end -= 1
            room -= sizes[end]
        replacement = marker(self.value[first], end - first, sum(sizes[first:end]))
        self.value[first:end] = [replacement]
        self.texts[first:end] = [encode(replacement)]


class Single:
    """One value that fits into a number of bytes.

    Attributes:
        value: The value.
        text: Its JSON text, or the value itself where that is text.
        elided: The number of bytes that were left out.
    """

    __slots__ = ("elided", "text", "value")

    def __init__(self, value: Any, limit: int) -> None:
        self.value = value
        if isinstance(value, str):
            self.text = value
        else:
            self.text = encode(value)
        before = self.size
        if before > limit:
            self._shorten(limit)
        self.elided = before - self.size

    def _shorten(self, limit: int) -> None:
        if isinstance(self.value, str):
            self.text = middle_out(self.value, limit)
            self.value = self.text
        else:
            self.value, self.text = _cut(self.value, self.text, limit)

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return size(self.text)


def size(text: str) -> int:
    """Return the bytes of a text."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-8", "replace"))


def marker(example: Any, count: int, size_left_out: int) -> Item:
    """Return the item that stands for `count` others that were left out.

    It has the form of one of them, the example, so that the conventions' schema holds for it.
    """
    note: Item = {"type": "elided", "count": count, "size": size_left_out}
    if "parts" in example:
        message = {"role": example.get("role") or "", "parts": [note]}
        if "finish_reason" in example:
            message["finish_reason"] = example["finish_reason"]
        return message
    if "score" in example:
        # a document, which must have an id and a score in some versions of the conventions
        note.update({"id": "", "score": 0.0, "score_unknown": True})
    if "name" in example:
        note["name"] = f"{count} left out"
    return note


def _cut(item: Any, text: str, room: int) -> tuple[Any, str]:
    """Return an item and its JSON text, its longest texts cut until it fits.

    If it never does, a marker stands in its place.
    """
    before = length = size(text)
    for _ in range(_ROUNDS):
        if length <= room:
            return item, text
        item = plain(item, _shortener(item, length - room))
        text = encode(item)
        length = size(text)
    if length <= room:
        return item, text
    # many short texts, or numbers, cannot be cut any further
    replacement = marker(item, 1, before)
    return replacement, encode(replacement)


def _shortener(item: Any, excess: int) -> Callable[[str], str]:
    """Return a function that cuts all texts to a length by which the item loses `excess` bytes."""
    lengths = sorted(_lengths(item), reverse=True)
    longest = max(_level(lengths, excess), _SHORT)

    def shorten(text: str) -> str:
        if size(text) <= longest:
            return text
        return middle_out(text, longest)

    return shorten


def _level(lengths: list[int], excess: int) -> int:
    """Return the length to which the longest texts are cut to lose `excess` bytes together.

    The lengths are sorted, the longest first. The longest texts are brought down step by step to
    the length of the next shorter one, until the steps have taken enough.
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
    """Return the beginning and the end of a text, in `length` bytes, with a note between them."""
    bytes_of_note = 32
    room = max(0, length - bytes_of_note)
    # more of the beginning, as it mostly says what the text is about
    head = _beginning(text, room * 2 // 3)
    room_of_tail = room - size(head)
    rest = text[max(len(head), len(text) - room_of_tail) :]
    # turned round, as the end is measured from the last character on
    tail = _beginning(rest[::-1], room_of_tail)[::-1]
    left_out = len(text) - len(head) - len(tail)
    if not head and not tail:
        return f"[{left_out} characters]"
    return f"{head} [... {left_out} characters ...] {tail}"


def _beginning(text: str, length: int) -> str:
    """Return as many of the first characters as have room in `length` bytes."""
    # no character has less than one byte, so the rest need not be encoded
    encoded = text[:length].encode("utf-8", "replace")
    # the character at the end may have been cut, and is dropped then
    return encoded[:length].decode("utf-8", "ignore")
