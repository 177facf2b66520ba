"""One run of a framework: told as an operation, or only a step on the way from an outer operation to an inner one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from callspan import scope
from callspan.budgets import Hold
from callspan.events import Call, Framework
from callspan.observation import Observation
from callspan.reservations import give_back


class Run:
    """A run, which is also the place where its own code runs.

    `base` is the context in which it began: that in force, or its parent's where the framework began it elsewhere, in
    a bare thread for example. `context` is the one for what it does. `told` is what the framework said at its start,
    and `describe` reads the framework's facts from that.
    """

    __slots__ = (
        "base",
        "children",
        "context",
        "describe",
        "id",
        "mark",
        "moved",
        "observation",
        "outer",
        "parent",
        "start_ns",
        "started",
        "told",
    )

    def __init__(self, run_id: Any, parent: Run | None, told: Any, describe: Callable[[Any], Framework]) -> None:
        place = scope.place()
        self.id = run_id
        self.parent = parent
        self.moved = parent is not None and not _inside(place, parent)
        self.base: Any = parent.context if parent is not None and self.moved else scope.context()
        self.outer: Any = parent if self.moved else place
        self.context: Any = scope.at(self, self.base)
        self.children: set[Run] = set()
        self.observation: Observation | None = None
        self.told = told
        self.mark: Any = None
        self.describe = describe
        self.start_now()
        if parent is not None:
            parent.children.add(self)

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

    def claim(self, _operation: str) -> Run | None:
        """What is called in the code of a run, a tool's for example, is a call of its own."""
        return None

    def tell(self, observation: Observation | None) -> None:
        """Let this run be an operation. It may have begun earlier, so it is told with the time of its beginning."""
        if observation is None:
            return
        observation.call.start_ns, observation.call.started = self.start_ns, self.started
        observation.within = self.base
        observation.budgets, observation.hold = (), self._held()
        observation.start()
        observation.leave()
        self.observation = observation
        self.context = scope.at(self, observation.call.context or self.base)

    def _held(self) -> Hold | None:
        """What budgets have reserved for it before; what has been done when it is told of is not refused any more."""
        return None

    def ended(self) -> None:
        """Leave the parent, which holds the open ones only."""
        if self.parent is not None:
            self.parent.children.discard(self)


class ModelRun(Run):
    """A run of a model. It is told late: only when it ends, or its first token comes, without a client's call having
    been seen in it, is it known that nobody else tells what was called.

    `hold` is what budgets have reserved until then, for one that can be stopped before it sends anything.
    """

    __slots__ = ("asked", "claimed", "closed", "delegated", "group", "hold")

    def __init__(self, run_id: Any, parent: Run | None, told: Any, describe: Callable[[Any], Framework]) -> None:
        super().__init__(run_id, parent, told, describe)
        self.asked: Any = None
        self.hold: Hold | None = None
        self.claimed = False
        self.delegated = False
        self.closed = False
        self.group: list[ModelRun] = [self]

    @property
    def waiting(self) -> bool:
        """Whether it is not known yet who tells of this run."""
        return not (self.closed or self.claimed or self.delegated or self.observation)

    def release(self) -> None:
        """Give back what is reserved: another tells of the call, or nothing was sent."""
        if (hold := self._held()) is not None:
            give_back(hold)

    def _held(self) -> Hold | None:
        hold, self.hold = self.hold, None
        return hold


def around(place: Any) -> Run | None:
    """The run in whose code a place is: the parent where the framework has lost it on the way."""
    while place is not None and not isinstance(place, Run):
        place = place.outer
    return place


def _inside(place: Any, parent: Run) -> bool:
    """Whether the code that runs at a place is the parent's own."""
    while place is not None and not isinstance(place, Run):
        if parent in getattr(place, "runs", ()):
            return True
        place = place.outer
    return place is parent


class Runs:
    """The open runs of one framework, by their ids."""

    def __init__(self) -> None:
        self._open: dict[Any, Run] = {}

    def __len__(self) -> int:
        return len(self._open)

    def get(self, run_id: Any) -> Run | None:
        """An open run."""
        return self._open.get(run_id)

    def add(self, run: Run) -> None:
        """Keep a run until it ends."""
        self._open[run.id] = run

    def take(self, run_id: Any) -> Run | None:
        """A run that ends; `None` if it is unknown or has ended before."""
        run = self._open.pop(run_id, None)
        if run is not None:
            run.ended()
        return run
