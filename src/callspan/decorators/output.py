"""What an operation has returned or yielded, as content, and whether it says that it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from callspan.content.values import named
from callspan.decorators.results import ResultReader
from callspan.events import Call, Details, Failure
from callspan.runtime import guard

ITEMS_ROOM = 1_000_000
"""The most characters of a generator's items that are kept in memory."""
_OBJECT_SIZE = 1000
"""The characters that an item counts as if it is no text."""


class Output:
    """The result of an operation, or the items of its generator.

    Attributes:
        result: The result, which is content. The user of a block may set it.
        failure: Why the operation failed, if it raised no exception.
        last_item: The last item of a generator.
        items: The items of a generator as far as there is room; `None` for other operations.
        reader: How results and items are read.
    """

    __slots__ = ("_room", "failure", "items", "last_item", "reader", "result")

    def __init__(self, reader: ResultReader) -> None:
        self.result: object = None
        self.items: list[object] | None = None
        self.last_item: object = None
        self.failure: Failure | None = None
        self.reader = reader
        self._room = ITEMS_ROOM

    def find_failure(self) -> Failure | None:
        """Return the failure that was set, or that the result states, where none was raised."""
        read = self.reader.failure
        # a failure that was set is more exact than one read from the result
        if read is None or self.failure is not None:
            return self.failure
        result = self.result
        if self.items is not None:
            result = self.last_item
        try:
            return read(result)
        except Exception as error:  # noqa: BLE001  odd results must not keep a span open
            guard.report("reading whether a run of a framework failed", error)
            return None

    @property
    def is_whole_when_closed(self) -> bool:
        """Whether a generator that is closed now has done its work."""
        is_last = self.reader.is_last
        if is_last is None:
            return self.reader.is_whole_when_closed
        try:
            return is_last(self.last_item)
        except Exception as error:  # noqa: BLE001  odd items must not keep a span open
            guard.report("reading an item of a framework's run", error)
            return False

    def find_details(self) -> Details:
        """Return the facts of the result that are no content; they are read in any case."""
        if self.reader.details is None:
            return {}
        details = self._read(self.reader.details, self.result)
        return cast("Details", details or {})

    def content(self) -> object:
        """Return the result, or the items of a generator: joined if all of them are text."""
        if not self.items:
            if self.result is None:
                return None
            return self._read(self.reader.output, self.result)
        texts = [item for item in self.items if isinstance(item, str)]
        # pieces of a text make one text; a list with objects in it stays a list
        if len(texts) < len(self.items):
            return self.items
        return "".join(texts)

    def _read(self, read: Callable[[Any], object] | None, value: object) -> object:
        """Return the content of a framework's object, or the object itself without a reader."""
        if read is None:
            return value
        try:
            return read(value)
        except Exception as error:  # noqa: BLE001  odd objects must not keep a span open
            guard.report("reading the result of a framework's run", error)
            return None

    def add_item(self, item: object, call: Call) -> None:
        """Add an item of a generator, if there is room; `call` is the operation's."""
        if self.items is None:
            return
        content = self._read(self.reader.item, item)
        if content is None:
            return
        try:
            self._append(content, self.items, call)
        except Exception as error:  # noqa: BLE001  odd items must reach the app as they are
            guard.report(f"reading what {call.operation} yields", error)

    def _append(self, content: object, items: list[object], call: Call) -> None:
        """Append the content of an item, or count its characters if there is no room."""
        # an object counts a fixed size, for its text is not made here
        size = len(content) if isinstance(content, str) else _OBJECT_SIZE
        if self._room > 0:
            items.append(named(content))
        elif isinstance(content, str):
            call.response.elided += size
        self._room -= size
