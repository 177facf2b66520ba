"""Run one case: make a client, let a reader read, and record what the program sees as plain data."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Any

from callspan.testing.modelserver import ModelServer
from table.kinds import Kind
from table.modes import Mode


@dataclass
class Seen:
    """What a program sees of a call.

    `held` is the value that was read while a name still held the stream that the program left.
    """

    items: list[str] = field(default_factory=list)
    error: tuple[type, str] | None = None
    held: Any = None

    @property
    def error_class(self) -> str:
        """The qualified name of the exception's class."""
        assert self.error is not None
        return f"{self.error[0].__module__}.{self.error[0].__qualname__}"


class Runner:
    """Runs a reader, which calls `open()` or `await aopen()`, and then `note(item)` for each item."""

    def __init__(
        self, kind: Kind, mode: Mode, server: ModelServer, look: Callable[[], Any] = lambda: None
    ) -> None:
        self.server = server
        self.gate = threading.Event()
        self.seen = Seen()
        self.first = asyncio.Event()
        self.kind, self._mode, self._look = kind, mode, look
        self._client: Any = None
        self._stack: Any = None

    def open(self) -> Any:
        """Request the stream or the answer."""
        return self._mode.open(self.kind, self._client, self._stack)

    async def aopen(self, stack: AsyncExitStack | None = None) -> Any:
        """Request the stream or the answer.

        A context manager is left with the stack of the reader, if it has one, else with the case.
        """
        return await self._mode.aopen(self.kind, self._client, stack or self._stack)

    def note(self, item: Any) -> None:
        """Record an item as text, without the parts that differ from run to run."""
        text = repr(item)
        if self.kind.varies:
            text = re.sub(self.kind.varies, "", text)
        self.seen.items.append(text)
        self.first.set()

    def held(self, _stream: Any) -> None:
        """Read the telemetry while the program still holds the stream."""
        self.seen.held = self._look()

    async def reached(self) -> None:
        """Wait until the server has the request."""
        while not self.server.requests:
            await asyncio.sleep(0.002)

    def run(self, read: Callable[[Runner], None]) -> Seen:
        """Let a reader read, and return what the program saw."""
        try:
            with self.kind.make(self.server.url) as self._client, ExitStack() as self._stack:
                read(self)
        except Exception as error:  # noqa: BLE001  what the program saw, to be compared
            self.seen.error = type(error), str(error)
        finally:
            self.gate.set()
        return self._over()

    def arun(self, read: Callable[[Runner], Any]) -> Seen:
        """Let an asynchronous reader read, on an event loop of its own."""
        asyncio.run(self._arun(read))
        return self._over()

    async def _arun(self, read: Callable[[Runner], Any]) -> None:
        try:
            async with (
                self.kind.amake(self.server.url) as self._client,
                AsyncExitStack() as self._stack,
            ):
                await read(self)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  the same
            self.seen.error = type(error), str(error)
        finally:
            self.gate.set()
        await _close_generators()

    def _over(self) -> Seen:
        self._client = self._stack = None
        return self.seen


async def _close_generators() -> None:
    """Let the event loop close the generators that were left."""
    # Any program has the time for that, unless it ends at once.
    await asyncio.sleep(0)
    closing = [
        task
        for task in asyncio.all_tasks()
        if type(task.get_coro()).__name__ == "async_generator_athrow"
    ]
    await asyncio.gather(*closing, return_exceptions=True)
