"""One run of a framework: told as an operation, or only a step on the way from an outer operation to an inner one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from callspan.accounting.budgets import Reservation
from callspan.accounting.reservations import give_back
from callspan.events import Call, Framework
from callspan.lifecycle.observation import Observation
from callspan.runtime import process, scope

_TURN_SECONDS = 1.0
"""How long a thread waits for another that changes the same run: a handler of the app's may be running in it."""


class Run:
    """A run, which is also the place where its own code runs.

    `base` is the context in which it began: that in force, or its parent's where the framework began it elsewhere, in
    a bare thread for example. `context` is the one for what it does. `told` is what the framework said at its start,
    and `describe` reads the framework's facts from that. `over` says that nothing can be told of it any more, and
    `manager` refers to the framework's object by which its end will be told, if there is one.
    """

    __slots__ = (
        "__weakref__",
        "base",
        "children",
        "context",
        "describe",
        "id",
        "lock",
        "manager",
        "mark",
        "moved",
        "observation",
        "outer",
        "over",
        "parent",
        "start_ns",
        "started",
        "told",
    )

    def __init__(
        self, run_id: Any, parent: Run | None, told: Any, describe: Callable[[Any], Framework]
    ) -> None:
        self.id = run_id
        self.parent = parent
        self.moved = False
        self.base: Any = scope.context()
        self.outer: Any = scope.run_context()
        self.context: Any = None
        self.children: set[Run] = set()
        self.observation: Observation | None = None
        self.told = told
        self.mark: Any = None
        self.manager: Any = None
        self.over = False
        self.lock = process.own_lock(self, "lock")
        self.describe = describe
        self.start_now()
        self._begin()

    def _begin(self) -> None:
        """Stand in the parent, whose context another thread may be replacing right now."""
        parent = self.parent
        if parent is None:
            self.context = scope.at(self, self.base)
            return
        with parent.turn():
            if _inside(self.outer, parent):
                self.context = scope.at(self, self.base)
            else:
                self.move_into(parent)
            parent.children.add(self)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Let one thread at a time change this run; the wait is bounded, for it may be the app's event loop's."""
        locked = self.lock.acquire(timeout=_TURN_SECONDS)
        try:
            yield
        finally:
            if locked:
                self.lock.release()

    def move_into(self, parent: Run) -> None:
        """Let the context of the parent be that in which this run began."""
        self.moved, self.base, self.outer = True, parent.context, parent
        self.context = scope.at(self, parent.context)

    def start_now(self) -> None:
        """Take this moment for the beginning."""
        self.start_ns, self.started = time.time_ns(), time.perf_counter()

    @property
    def call(self) -> Call | None:
        """The observed operation that this is, or in which it stands."""
        if self.observation is not None:
            return self.observation.call
        return self.outer.call if self.outer is not None else None

    @property
    def framework(self) -> Framework:
        """What the framework says of this run; read only for runs of which something is told."""
        return self.describe(self.told)

    def adopt(self, _operation: str) -> Run | None:
        """What is called in the code of a run, a tool's for example, is a call of its own."""
        return None

    def tell(self, observation: Observation | None) -> None:
        """Let this run be an operation. It may have begun earlier, so it is told with the time of its beginning."""
        if observation is None:
            return
        observation.call.start_ns, observation.call.started = self.start_ns, self.started
        observation.start_context = self.base
        observation.budgets, observation.reservation = (), self._held()
        observation.start()
        observation.leave()
        self.observation = observation
        self.context = scope.at(self, observation.call.context or self.base)

    def _held(self) -> Reservation | None:
        """What budgets have reserved for it before; what has been done when it is told of is not refused any more."""
        return None

    def end(self) -> Observation | None:
        """Return what is still to be told of this run; from now on it cannot become an operation."""
        with self.turn():
            self.over = True
            return self.observation

    def ended(self) -> None:
        """Leave the parent, which holds the open ones only."""
        if self.parent is not None:
            self.parent.children.discard(self)


class ModelRun(Run):
    """A run of a model. It is told late: only when it ends, or its first token comes, without a client's call having
    been seen in it, is it known that nobody else tells what was called.

    `reservation` is what budgets have reserved until then, for one that can be stopped before it sends anything.
    """

    __slots__ = ("adopted", "asked", "closed", "delegated", "group", "reservation")

    def __init__(
        self, run_id: Any, parent: Run | None, told: Any, describe: Callable[[Any], Framework]
    ) -> None:
        super().__init__(run_id, parent, told, describe)
        self.asked: Any = None
        self.reservation: Reservation | None = None
        self.adopted = False
        self.delegated = False
        self.closed = False
        self.group: list[ModelRun] = [self]

    @property
    def waiting(self) -> bool:
        """Whether it is not known yet who tells of this run."""
        return not (self.closed or self.adopted or self.delegated or self.observation)

    def release(self) -> None:
        """Give back what is reserved: another tells of the call, or nothing was sent."""
        if (reservation := self._held()) is not None:
            give_back(reservation)

    def _held(self) -> Reservation | None:
        with self.turn():  # two threads must not give it back twice
            reservation, self.reservation = self.reservation, None
            return reservation


def around(run_context: Any) -> Run | None:
    """The run in whose code a place is: the parent where the framework has lost it on the way."""
    while run_context is not None and not isinstance(run_context, Run):
        run_context = run_context.outer
    return run_context


def _inside(run_context: Any, parent: Run) -> bool:
    """Whether the code that runs at a place is the parent's own."""
    while run_context is not None and not isinstance(run_context, Run):
        if parent in getattr(run_context, "runs", ()):
            return True
        run_context = run_context.outer
    return run_context is parent


class Runs:
    """The open runs of one framework, by their ids.

    Requests of a program may share an id (a workflow's), so what tells their runs apart is the object that the id is.
    There is no lock, which a fork could leave taken for ever: each step is one operation of a dictionary.
    """

    def __init__(self) -> None:
        self._by_object: dict[int, Run] = {}
        self._last_by_id: dict[Any, Run] = {}

    def __len__(self) -> int:
        return len(self._by_object)

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._by_object.values()))

    def exact(self, run_id: Any) -> Run | None:
        """Return the open run whose id is this very object."""
        run = self._by_object.get(id(run_id))
        return run if run is not None and run.id is run_id else None

    def get(self, run_id: Any) -> Run | None:
        """Return the open run with this very object as its id; else that in whose code we are, else the last."""
        run = self.exact(run_id)
        if run is None:
            run = self._last_by_id.get(run_id)
            if run is not None:
                run = self._here(run_id) or run
        return run

    def _here(self, run_id: Any) -> Run | None:
        run = around(scope.run_context())
        while run is not None and (run.id != run_id or run.over):
            run = around(run.outer)
        return run

    def add(self, run: Run) -> None:
        """Keep a run until it ends."""
        self._by_object[id(run.id)] = run
        self._last_by_id[run.id] = run

    def take(self, run_id: Any) -> Run | None:
        """Return a run that ends, and forget it; `None` if it is unknown or has ended before."""
        run = self.get(run_id)
        return run if run is not None and self.remove(run) else None

    def remove(self, run: Run) -> bool:
        """Forget a run that has ended; whether it was open until now."""
        was_open = self._by_object.pop(id(run.id), None) is run
        if self._last_by_id.get(run.id) is run:
            self._last_by_id.pop(run.id, None)
        if was_open:
            run.ended()
        return was_open
