"""Where in a framework's program code runs, when that is a model's own method.

It is carried in the OpenTelemetry context, as every run is, and it is mutable on purpose: frameworks tell of a run in
another task or thread than that in which they then call the provider, and what all of them share is this object.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from callspan.events import Call
from callspan.frameworks.run import ModelRun, Run
from callspan.runtime import scope
from callspan.runtime.process import own_lock
from callspan.semconv.names import INFERENCE

_adoption_lock = own_lock(sys.modules[__name__], "_adoption_lock")
"""One lock for all run contexts: it is held for a moment only."""


class ModelRunContext:
    """Inside a model's method. The first call of a client here is what the model's open run stands for.

    `shared` is for models that answer all their runs by one request; they have one observation.
    """

    __slots__ = ("outer", "runs", "shared")

    def __init__(
        self, outer: Any, shared: bool = False, runs: list[ModelRun] | None = None
    ) -> None:
        self.outer = outer
        self.shared = shared
        self.runs: list[ModelRun] = runs or []

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be claimed."""
        return bool(self.runs) and not any(run.waiting for run in self.runs)

    @property
    def call(self) -> Call | None:
        """The observed operation in which the model is called."""
        return self.outer.call if self.outer is not None else None

    def adopt(self, operation: str) -> Run | None:
        """The run that a client's call belongs to; from now on that run says nothing by itself."""
        if operation not in INFERENCE or not self.runs:
            return None
        with _adoption_lock:
            found = next((run for run in self.runs if run.waiting), self.runs[-1])
            for run in self.runs if self.shared else (found,):
                run.adopted = True
        return found

    def add(self, run: ModelRun) -> None:
        """Take in a run that begins here."""
        self.runs.append(run)
        if self.shared:
            run.group = self.runs


class ProxyRunContext(ModelRunContext):
    """Inside a library that stands between a program and a client, as LiteLLM does.

    Whatever is called here is what its run stands for, and also the run of a framework around it, which knows more.
    """

    def adopt(self, operation: str) -> Run | None:
        """The run that a client's call belongs to: that of the framework around, else the library's own."""
        run = self.runs[0]
        run.adopted = True
        run.release()
        around = self.outer.adopt(operation) if self.outer is not None else None
        return around or run


class OpaqueRunContext:
    """Where nothing is to be claimed, though a model's method may be further out.

    Inside somebody's callback: what is called there has nothing to do with the run that the callback hears of.
    Inside a method that begins one run and does that run's work itself: `opens` lets the run's context stay in force.
    """

    __slots__ = ("opens", "outer")

    def __init__(self, outer: Any, opens: bool = False) -> None:
        self.outer = outer
        self.opens = opens

    @property
    def call(self) -> Call | None:
        """The observed operation around."""
        return self.outer.call if self.outer is not None else None

    def adopt(self, _operation: str) -> Run | None:
        """Nothing is to be claimed here."""
        return None


def call_at(context: Any, wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a function gives, called in a context, that of a place for example."""
    mark = scope.enter(context)
    try:
        return wrapped(*args, **kwargs)
    finally:
        scope.leave(mark)


async def acall_at(
    context: Any, wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The same for an asynchronous function."""
    mark = scope.enter(context)
    try:
        return await wrapped(*args, **kwargs)
    finally:
        scope.leave(mark)


def delegate(run: ModelRun) -> None:
    """A model that calls another model does not speak for itself: the run that waits further out keeps silent."""
    for run_context in _outwards(run.outer):
        waiting = [outer for outer in run_context.runs if outer.waiting and outer is not run]
        if waiting and run not in run_context.runs:
            waiting[0].delegated = True


def _outwards(run_context: Any) -> Iterator[ModelRunContext]:
    while run_context is not None and not isinstance(run_context, OpaqueRunContext):
        if isinstance(run_context, ModelRunContext):
            yield run_context
        run_context = run_context.outer
