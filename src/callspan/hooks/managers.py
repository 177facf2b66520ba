"""Streams that are context managers: the request is made when one is entered, and left with it.

As with other streams the object that the client made stays, and its class becomes a subclass of what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from callspan.hooks.calls import FollowResult, make_async_call, make_call
from callspan.lifecycle.observation import Observation

Begin = Callable[[], "Observation | None"]


class _Entry:
    """What begins a call, what follows the stream that is given, and the call once it has begun."""

    def __init__(self, begin: Begin, follow_result: FollowResult) -> None:
        self._begin = begin
        self.follow_result = follow_result
        self.observation: Observation | None = None

    def begin(self) -> Observation | None:
        self.observation = self._begin()
        return self.observation

    def leave(self) -> None:
        if self.observation is not None:
            self.observation.abandon()


def lazily_entered(manager: Any, begin: Begin, follow_result: FollowResult) -> Any:
    """Let a call begin when a context manager is entered, and end at the latest when it is left; returns the same."""
    manager._callspan = _Entry(begin, follow_result)
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
                else make_call(observation, enter, (), {}, self._callspan.follow_result)
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
            return await make_async_call(observation, enter, (), {}, self._callspan.follow_result)

        async def __aexit__(self, *error: Any) -> Any:
            self._callspan.leave()
            if self._callspan.observation is not None:
                await self._callspan.observation.settle()
            return await super().__aexit__(*error)

    return Manager
