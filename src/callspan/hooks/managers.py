"""Streams that are context managers, whose request is made when they are entered."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from callspan.hooks.calls import FollowResult, make_async_call, make_call
from callspan.hooks.client_types import ClientClass, ClientObject, Result
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import as_overlay

Begin = Callable[[], "Observation | None"]
"""Begins the observation of a call, or returns `None` if nobody wants one."""


class _Entry:
    """The call of one context manager: how it begins, and its observation once it has begun."""

    def __init__(self, begin: Begin, follow_result: FollowResult) -> None:
        self._begin = begin
        self.follow_result = follow_result
        self.observation: Observation | None = None

    def begin(self) -> Observation | None:
        self.observation = self._begin()
        return self.observation

    def leave(self) -> None:
        if self.observation is not None:
            # without effect after the last item, with which the call has ended
            self.observation.abandon()


def follow_manager(
    begin: Begin, manager: ClientObject, follow_result: FollowResult
) -> ClientObject:
    """Let a call begin when a context manager is entered, and end at the latest when it is left.

    Returns the same object.
    """
    # contextlib's class of managers, which Fern's streams (cohere 5.16 to 7) are made with; see
    # tests/test_cohere.py
    manager._callspan = _Entry(begin, follow_result)
    manager.__class__ = _overlay(type(manager))
    return manager


@cache
def _overlay(kind: ClientClass) -> type:
    make = _async_overlay if hasattr(kind, "__aenter__") else _sync_overlay
    return as_overlay(kind, make(kind))


def _sync_overlay(kind: ClientClass) -> type:
    class Manager(kind):
        _callspan: _Entry

        def __enter__(self) -> Result:
            enter = super().__enter__
            observation = self._callspan.begin()
            if observation is None:
                return enter()
            return make_call(observation, enter, (), {}, self._callspan.follow_result)

        def __exit__(self, *error: object) -> Result:
            # before the client closes its stream (docs/decisions/0022)
            self._callspan.leave()
            return super().__exit__(*error)

    return Manager


def _async_overlay(kind: ClientClass) -> type:
    class Manager(kind):
        _callspan: _Entry

        async def __aenter__(self) -> Result:
            enter = super().__aenter__
            observation = self._callspan.begin()
            if observation is None:
                return await enter()
            return await make_async_call(observation, enter, (), {}, self._callspan.follow_result)

        async def __aexit__(self, *error: object) -> Result:
            self._callspan.leave()
            if self._callspan.observation is not None:
                await self._callspan.observation.await_handlers()
            return await super().__aexit__(*error)

    return Manager
