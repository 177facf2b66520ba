"""Plays one scene: a client is made, a reader reads, and what the program saw of it is kept as plain data."""

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
    """What the program saw. `held` is what was looked up while a name still held the stream that was left."""

    items: list[str] = field(default_factory=list)
    error: tuple[type, str] | None = None
    held: Any = None

    @property
    def error_class(self) -> str:
        """The qualified name of the exception's class."""
        assert self.error is not None
        return f"{self.error[0].__module__}.{self.error[0].__qualname__}"


class Stage:
    """What a reader works with: `open()` or `await aopen()`, then `note(item)` for each item that it is given."""

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
        """Ask for the stream or the answer."""
        return self._mode.open(self.kind, self._client, self._stack)

    async def aopen(self, stack: AsyncExitStack | None = None) -> Any:
        """Ask for the stream or the answer; a helper is left with the reader's own stack, else with the scene."""
        return await self._mode.aopen(self.kind, self._client, stack or self._stack)

    def note(self, item: Any) -> None:
        """Keep what an item says."""
        self.seen.items.append(
            re.sub(self.kind.varies, "", repr(item)) if self.kind.varies else repr(item)
        )
        self.first.set()

    def held(self, _stream: Any) -> None:
        """Look at the telemetry while the stream is still held."""
        self.seen.held = self._look()

    async def reached(self) -> None:
        """Wait until the server has the request."""
        while not self.server.requests:
            await asyncio.sleep(0.002)

    def play(self, read: Callable[[Stage], None]) -> Seen:
        """Let a reader read."""
        try:
            with self.kind.make(self.server.url) as self._client, ExitStack() as self._stack:
                read(self)
        except Exception as error:  # noqa: BLE001  what the program saw, to be compared
            self.seen.error = type(error), str(error)
        finally:
            self.gate.set()
        return self._over()

    def aplay(self, read: Callable[[Stage], Any]) -> Seen:
        """Let an asynchronous reader read, on an event loop of its own."""
        asyncio.run(self._aplay(read))
        return self._over()

    async def _aplay(self, read: Callable[[Stage], Any]) -> None:
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
        await _closed()

    def _over(self) -> Seen:
        self._client = self._stack = None
        return self.seen


async def _closed() -> None:
    """Let the event loop close the generators that were left, for which any program has the time but one that ends."""
    await asyncio.sleep(0)
    closing = [
        task
        for task in asyncio.all_tasks()
        if type(task.get_coro()).__name__ == "async_generator_athrow"
    ]
    await asyncio.gather(*closing, return_exceptions=True)
