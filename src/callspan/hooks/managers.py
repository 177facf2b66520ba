"""Streams that are context managers: the request is made when one is entered, and left with it.

As with other streams the object that the client made stays, and its class becomes a subclass of what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from callspan.hooks.calls import Received, acall, call
from callspan.lifecycle.observation import Observation

Begin = Callable[[], "Observation | None"]


class _Entry:
    """What begins a call, what follows the stream that is given, and the call once it has begun."""

    def __init__(self, begin: Begin, received: Received) -> None:
        self._begin = begin
        self.received = received
        self.observation: Observation | None = None

    def begin(self) -> Observation | None:
        self.observation = self._begin()
        return self.observation

    def leave(self) -> None:
        if self.observation is not None:
            self.observation.abandon()


def lazily_entered(manager: Any, begin: Begin, received: Received) -> Any:
    """Let a call begin when a context manager is entered, and end at the latest when it is left; returns the same."""
    manager._callspan = _Entry(begin, received)
    manager.__class__ = _shell(type(manager))
    return manager


@cache
def _shell(kind: Any) -> type:
    shell = _async_shell(kind) if hasattr(kind, "__aenter__") else _sync_shell(kind)
    shell.__name__, shell.__qualname__, shell.__module__ = (
        kind.__name__,
        kind.__qualname__,
        kind.__module__,
    )
    return shell


def _sync_shell(kind: Any) -> type:
    class Manager(kind):
        _callspan: _Entry

        def __enter__(self) -> Any:
            observation, enter = self._callspan.begin(), super().__enter__
            return (
                enter()
                if observation is None
                else call(observation, enter, (), {}, self._callspan.received)
            )

        def __exit__(self, *error: Any) -> Any:
            self._callspan.leave()
            return super().__exit__(*error)

    return Manager


def _async_shell(kind: Any) -> type:
    class Manager(kind):
        _callspan: _Entry

        async def __aenter__(self) -> Any:
            observation, enter = self._callspan.begin(), super().__aenter__
            if observation is None:
                return await enter()
            return await acall(observation, enter, (), {}, self._callspan.received)

        async def __aexit__(self, *error: Any) -> Any:
            self._callspan.leave()
            if self._callspan.observation is not None:
                await self._callspan.observation.await_handlers()
            return await super().__aexit__(*error)

    return Manager
