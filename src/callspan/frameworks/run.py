"""Runs of frameworks: each becomes an observed operation, or stays a step between two of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from callspan.accounting.budgets import Reservation
from callspan.accounting.reservations import give_back
from callspan.events import Call, Framework
from callspan.events.ending import Retry
from callspan.frameworks.integration import Context
from callspan.lifecycle.observation import Observation
from callspan.runtime import process, scope

_LOCK_SECONDS = 1.0
"""How long a thread waits for another that changes the same run.

A handler of the app's may be running there, and the thread that waits may run an event loop.
"""
Arguments = Mapping[str, Any]
"""The keyword arguments with which a framework reports an event, or with which it was called."""
RunId = Any
"""A framework's id of a run: a UUID, text, or whatever else the app uses."""
RunContext = Any
"""A `Run`, or a run context of another kind; they share `call`, `outer` and `adopt`."""


class Run:
    """A run of a framework, which is also the run context of its code.

    Attributes:
        base: The context in which it began: the one in force then, or its parent's where the
            framework began it elsewhere, in a bare thread for example.
        moved: Whether `base` is the parent's.
        context: The context for the code of the run.
        outer: The run context around.
        arguments: The arguments with which the framework reported the start.
        describe: Reads the framework's facts from the arguments.
        input: What went into a chain, until it has ended.
        over: Whether nothing of it can be reported any more.
        manager: A reference to the framework's object that will report the end, if there is one.
        context_token: Detaches the context, if the run has put it in force itself.
    """

    __slots__ = (
        # `own_lock` refers to the run weakly
        "__weakref__",
        "arguments",
        "base",
        "children",
        "context",
        "context_token",
        "describe",
        "id",
        "input",
        "lock",
        "manager",
        "moved",
        "observation",
        "outer",
        "over",
        "parent",
        "start_ns",
        "started",
    )

    def __init__(
        self,
        run_id: RunId,
        parent: Run | None,
        arguments: Arguments,
        describe: Callable[[Arguments], Framework],
    ) -> None:
        self.id = run_id
        self.parent = parent
        self.moved = False
        self.base: Context = scope.context()
        self.outer: RunContext = scope.run_context()
        self.context: Context = None
        # only those that are open: `leave_parent` removes a child at its end
        self.children: set[Run] = set()
        self.observation: Observation | None = None
        self.arguments = arguments
        self.context_token: Any = None
        self.manager: Any = None
        self.input: Any = None
        self.over = False
        # a forked child gets a new one, for the thread that holds this may not be there
        self.lock = process.own_lock(self, "lock")
        self.describe = describe
        # the observation, if there will be one, starts at this time
        self.set_start_time()
        self._enter_parent()

    def _enter_parent(self) -> None:
        """Stand in the parent's context, unless the code around is inside the parent already."""
        parent = self.parent
        if parent is None:
            self.context = scope.at(self, self.base)
            return
        # another thread may be replacing the parent's context right now
        with parent.exclusive():
            if _is_inside(self.outer, parent):
                self.context = scope.at(self, self.base)
            else:
                self.move_into(parent)
            # under the same lock, or `Tree.start_graph` would leave this run outside of the graph
            parent.children.add(self)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let one thread at a time change this run; wait at most `_LOCK_SECONDS` for it."""
        locked = self.lock.acquire(timeout=_LOCK_SECONDS)
        try:
            yield
        finally:
            # without the lock we go on as well: a wrong tree is better than an app that hangs
            if locked:
                self.lock.release()

    def move_into(self, parent: Run) -> None:
        """Take the parent's context as the one in which this run began."""
        self.moved = True
        self.base = parent.context
        self.outer = parent
        self.context = scope.at(self, parent.context)

    def set_start_time(self) -> None:
        """Take this moment for the start."""
        # wall time for the span; durations are taken by a clock that nobody sets
        self.start_ns = time.time_ns()
        self.started = time.perf_counter()

    @property
    def call(self) -> Call | None:
        """The observed call of this run, or of the nearest run around it that has one."""
        if self.observation is not None:
            return self.observation.call
        if self.outer is None:
            return None
        return self.outer.call

    @property
    def framework(self) -> Framework:
        """The framework's facts of this run, read only for runs that are reported."""
        return self.describe(self.arguments)

    def adopt(self, _operation: str) -> Run | None:
        """Return `None`: a client's call in the code of a run, a tool's for example, is its own."""
        return None

    def start_observation(self, observation: Observation | None) -> None:
        """Make this run an observed operation, which started when the run did."""
        if observation is None:
            return
        observation.start_late(self.start_ns, self.started, self._take_reservation())
        self.observation = observation
        # without a handler that makes spans the call has no context of its own
        self.context = scope.at(self, observation.call.context or self.base)

    def _take_reservation(self) -> Reservation | None:
        """Return the reservation of budgets, which then belongs to the observation."""
        return None

    def end(self) -> Observation | None:
        """Return the observation to be ended; from now on the run cannot become an operation."""
        with self.exclusive():
            # a thread that waits for its turn must not begin an observation after this
            self.over = True
            self.input = None
            return self.observation

    def leave_parent(self) -> None:
        """Leave the children of the parent, which are the open ones only."""
        if self.parent is not None:
            self.parent.children.discard(self)


class ModelRun(Run):
    """A run of a model, whose observation begins late.

    A client's call inside it reports the same work. That there is none is known only when the run
    ends or its first token comes.

    Attributes:
        model_input: The operation, and the prompts or messages.
        reservation: The amount that budgets have reserved before the observation begins.
        retries: The retries before the observation begins.
        adopted: Whether a client's call reports it.
        delegated: Whether another model run inside reports it.
        closed: Whether the framework has reported its end.
        group: The runs that are answered by one request and share one observation.
    """

    __slots__ = (
        "adopted",
        "closed",
        "delegated",
        "group",
        "model_input",
        "reservation",
        "retries",
    )

    def __init__(
        self,
        run_id: RunId,
        parent: Run | None,
        arguments: Arguments,
        describe: Callable[[Arguments], Framework],
    ) -> None:
        super().__init__(run_id, parent, arguments, describe)
        self.model_input: tuple[str, Any] = ("", None)
        self.reservation: Reservation | None = None
        self.retries: list[Retry] = []
        self.adopted = False
        self.delegated = False
        self.closed = False
        self.group: list[ModelRun] = [self]

    @property
    def is_pending(self) -> bool:
        """Whether nobody reports this run yet."""
        if self.closed or self.adopted or self.delegated:
            return False
        return self.observation is None

    def start_observation(self, observation: Observation | None) -> None:
        """Make this run an observed operation, which has its earlier retries as well."""
        super().start_observation(observation)
        if observation is not None:
            observation.call.retries.extend(self.retries)

    def release(self) -> None:
        """Give the reservation back: another run reports the call, or nothing was sent."""
        reservation = self._take_reservation()
        if reservation is not None:
            give_back(reservation)

    def _take_reservation(self) -> Reservation | None:
        # two threads must not give it back twice
        with self.exclusive():
            reservation, self.reservation = self.reservation, None
            return reservation


def enclosing_run(run_context: RunContext) -> Run | None:
    """Return the run whose code has this run context: the parent, where the framework lost it."""
    while run_context is not None and not isinstance(run_context, Run):
        run_context = run_context.outer
    return run_context


def _is_inside(run_context: RunContext, parent: Run) -> bool:
    """Whether the code in a run context is the parent's own, and not that of a run inside it."""
    while run_context is not None and not isinstance(run_context, Run):
        # the method of a model whose run is the parent
        if parent in getattr(run_context, "runs", ()):
            return True
        run_context = run_context.outer
    return run_context is parent
