"""Operations of the app's own code: how one begins, where its code runs, and how it ends."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from callspan.content.values import named
from callspan.decorators.run_context import OperationContext, agent_at, framework_tells
from callspan.events import Call
from callspan.lifecycle.control_flow import is_control_flow
from callspan.lifecycle.observation import Observation, Reader
from callspan.lifecycle.streams import on_drop
from callspan.runtime import guard, scope
from callspan.runtime.background import outside_collector
from callspan.runtime.cancellation import current_task
from callspan.runtime.scope import Scope

Opener = Callable[[Call, Reader, Scope], Observation]
"""Begins to observe a call in a scope, given what reads its result."""
_opener: Opener | None = None
ITEMS_ROOM = 1_000_000
"""Characters kept of what a generator yields; an item that is no text takes the place of a thousand."""
_ENDS = (StopIteration, StopAsyncIteration)


def listen(begins: Opener | None) -> None:
    """Take what begins observations, or `None` when nobody listens any more; what has begun still ends."""
    global _opener
    _opener = begins


def heard() -> bool:
    """Whether anybody listens."""
    return _opener is not None


class Operation:
    """An operation of the app's own, while it runs. `result` is what it gave, which is content; a block may set it.

    Its code runs in `with`, all of it at once or, if it yields `items`, step by step. What a step raises ends it.
    """

    __slots__ = (
        "_before",
        "_context",
        "_mark",
        "_observation",
        "_room",
        "_run_context",
        "items",
        "result",
    )

    def __init__(self, observation: Observation | None = None, around: Any = None) -> None:
        self.result: Any = None
        self.items: list[Any] | None = None
        self._room = ITEMS_ROOM
        self._mark: Any = None
        self._before: Any = None
        self._context: Any = None
        self._run_context: Any = None
        self._observation = observation
        if observation is not None:
            observation.start()
            observation.leave()
            self._run_context = OperationContext(observation.call, around)
            self._context = scope.at(self._run_context, observation.call.context)

    def __enter__(self) -> Operation:
        if self._context is not None:
            self._before = scope.context()
            self._mark = scope.enter(self._context)
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if self._mark is None:
            return
        # a coroutine or a block may be left where something else has begun since, which is not to be put out of force
        if (
            self.items is not None or self._run_context.is_around(scope.run_context())
        ) and not self._left():
            scope.enter(self._before)  # a generator's steps may be run in copies of one context
        self._before = self._mark = None
        if error is not None:
            self.end(error)

    def _left(self) -> bool:
        self._context = scope.context()  # what a step has put in force is in force in the next
        return scope.leave(self._mark)

    @property
    def runs(self) -> bool:
        """Whether some of its code is being run."""
        return self._mark is not None

    @property
    def here(self) -> bool:
        """Whether its code is what runs here."""
        return self._context is scope.context()

    def end(self, error: BaseException | None = None) -> None:
        """End, with what was given or by what was raised; a second time changes nothing."""
        observation = self._observation
        if not self.runs:
            self._context = self._run_context = None
        if observation is None or observation.ended:
            return
        if self.items is not None and isinstance(error, _ENDS):
            error = None
        # the collector may be the one that ends it, by closing a coroutine or a generator
        outside_collector(partial(_end, observation, self._given(), error))
        if not observation.awaitables:
            self._observation = None  # the traceback of what was raised refers to this object

    def _given(self) -> Any:
        if self.items and all(isinstance(item, str) for item in self.items):
            return "".join(self.items)
        return self.items or self.result

    async def settle(self) -> None:
        """Await the handlers that asked to be awaited."""
        observation = self._observation
        if observation is not None:
            await observation.await_handlers()
            if observation.ended:
                self._observation = None

    def note(self, item: Any) -> None:
        """Keep an item that was yielded, where somebody reads it and there is room."""
        observation, items = self._observation, self.items
        if observation is None or items is None or not observation.needs_text:
            return
        size = len(item) if isinstance(item, str) else 1000
        try:
            if self._room > 0:
                items.append(named(item))
            elif isinstance(item, str):
                observation.call.response.elided += size
            self._room -= size
        except Exception as error:  # noqa: BLE001  an odd item must reach its reader
            guard.report(f"reading what {observation.call.operation} yields", error)

    def read_here(self) -> None:
        """Note that the task which runs here is the one that reads the items."""
        task = current_task()
        if self._observation is not None:
            self._observation.reader = None if task is None else weakref.ref(task)

    def end_with(self, owner: Any) -> None:
        """End at the latest when an object is gone that stands for what is still to run."""
        if self._observation is not None:
            on_drop(owner, self._observation)


def begin(call: Call, read: Reader) -> Operation | None:
    """Begin an operation, unless nobody listens, telemetry is suppressed, or a framework tells of it already."""
    opener = _opener
    off, around, in_force = scope.look(scope.context())
    if opener is None or off:
        return None
    try:
        if call.operation == "execute_tool" and around is not None:
            if framework_tells(around, call):
                return None
            call.parameters = {**call.parameters, **agent_at(around)}
        observation = opener(call, read, in_force)
        return Operation(observation, around)
    except Exception as error:  # noqa: BLE001  our fault must not keep the app's code from running
        guard.report(f"beginning {call.operation}", error)
        return None


def _end(observation: Observation, given: Any, error: BaseException | None) -> None:
    if given is not None and observation.needs_text:
        _take(observation, given)
    if isinstance(error, GeneratorExit):
        observation.drop()
    elif error is None or is_control_flow(error):
        observation.finish()
    else:
        observation.fail(error)


def _take(observation: Observation, given: Any) -> None:
    try:
        delta = observation.read(given, True)
        if delta is not None:
            observation.call.response.add(delta)
    except Exception as error:  # noqa: BLE001  an odd result must not cost the call its end
        guard.report(f"reading what {observation.call.operation} gave", error)
