"""Content cut to the bytes that there are: long texts lose their middle, long conversations their middle messages."""

from __future__ import annotations

from collections.abc import Callable
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
        self.value = items
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
        pairs = [_cut(item, text, room) for item, text in zip(self.value, self.texts, strict=True)]
        self.value, self.texts = [item for item, _ in pairs], [text for _, text in pairs]

    def _thin(self, limit: int) -> None:
        """Keep the first item and as many of the last as there is room for; one stands for those between."""
        sizes = [size(text) + 1 for text in self.texts]
        if sum(sizes) + 1 <= limit or len(sizes) < 2:
            return
        mark = marker(self.value[1], len(sizes), sum(sizes))
        room = limit - size(encode(mark)) - 3
        first = 1 if sizes[0] + sizes[-1] <= room else 0
        room -= sizes[0] * first
        kept = len(sizes)
        while kept > first and sizes[kept - 1] <= room:
            kept -= 1
            room -= sizes[kept]
        mark = marker(self.value[first], kept - first, sum(sizes[first:kept]))
        self.value[first:kept] = [mark]
        self.texts[first:kept] = [encode(mark)]


class Single:
    """One value that fits, and its text: JSON, or the value itself where that is text."""

    __slots__ = ("elided", "text", "value")

    def __init__(self, value: Any, limit: int) -> None:
        self.value = value
        self.text = value if isinstance(value, str) else encode(value)
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
    """Bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def marker(like: Any, count: int, left_out: int) -> Item:
    """What stands for items that were left out, in the form of one of them."""
    note: Item = {"type": "elided", "count": count, "size": left_out}
    if "parts" in like:
        return {"role": like.get("role") or "", "parts": [note], **_ending(like)}
    return {**note, "name": f"{count} left out"} if "name" in like else note


def _ending(message: Item) -> Item:
    return {"finish_reason": message["finish_reason"]} if "finish_reason" in message else {}


def _cut(item: Any, text: str, room: int) -> tuple[Any, str]:
    """An item with its longest texts cut until it fits, or else what stands for it."""
    before = length = size(text)
    for _ in range(_ROUNDS):
        if length <= room:
            return item, text
        item = plain(item, _shortener(item, length - room))
        text = encode(item)
        length = size(text)
    return (item, text) if length <= room else _replaced(marker(item, 1, before))


def _replaced(item: Item) -> tuple[Item, str]:
    return item, encode(item)


def _shortener(item: Any, excess: int) -> Callable[[str], str]:
    """Cuts all texts above one length, chosen so that what is too much goes."""
    lengths = sorted(_lengths(item), reverse=True)
    keep = _level(lengths, excess)
    return lambda text: (
        text if size(text) <= max(keep, _SHORT) else middle_out(text, max(keep, _SHORT))
    )


def _level(lengths: list[int], excess: int) -> int:
    """The length to which the longest are cut, so that together they lose `excess`."""
    for position, length in enumerate(lengths, 1):
        shorter = lengths[position] if position < len(lengths) else 0
        if position * (length - shorter) >= excess:
            return length - -(-excess // position)
        excess -= position * (length - shorter)
    return 0


def _lengths(value: Any) -> list[int]:
    found: list[int] = []

    def note(text: str) -> str:
        found.append(size(text))
        return text

    plain(value, note)
    return found


def middle_out(text: str, length: int) -> str:
    """The beginning and the end of a text, in so many bytes, with how much was between."""
    keep = max(0, length - 32) * len(text) // size(text)
    head = keep * 2 // 3
    tail = keep - head
    left_out = len(text) - keep
    return (
        f"{text[:head]} [... {left_out} characters ...] {text[len(text) - tail :]}"
        if keep
        else f"[{left_out} characters]"
    )
