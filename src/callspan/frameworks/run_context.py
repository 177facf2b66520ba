"""Run contexts: they link a client's call to the framework's run that it belongs to.

They travel in the OpenTelemetry context, as every run does, and are mutable on purpose: frameworks
report a run in another task or thread than that in which they call the provider, and the object is
all that both share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from callspan.events import Call
from callspan.events.operations import INFERENCE
from callspan.frameworks.integration import Context
from callspan.frameworks.run import ModelRun, Run, RunContext
from callspan.runtime import scope
from callspan.runtime.process import own_lock

Args = tuple[object, ...]
Kwargs = dict[str, object]
Result = object
"""The return value of a wrapped function, which is passed on."""
_adoption_lock = own_lock(sys.modules[__name__], "_adoption_lock")
"""One lock for all run contexts: it is held for a moment only."""


class ModelRunContext:
    """Run context of a model's method: the first client's call inside belongs to the open run.

    Attributes:
        outer: The run context around.
        shared: Whether the model answers all its runs by one request, so that these share an
            observation.
        runs: The runs that have begun here.
    """

    __slots__ = ("outer", "runs", "shared")

    def __init__(
        self, outer: RunContext, shared: bool = False, runs: list[ModelRun] | None = None
    ) -> None:
        self.outer = outer
        self.shared = shared
        if runs is None:
            runs = []
        self.runs = runs

    @property
    def is_complete(self) -> bool:
        """Whether runs have begun here and none of them waits for a client's call."""
        if not self.runs:
            return False
        return all(not run.is_pending for run in self.runs)

    @property
    def call(self) -> Call | None:
        """The observed call in which the model is called."""
        if self.outer is None:
            return None
        return self.outer.call

    def adopt(self, operation: str) -> Run | None:
        """Return the run that a client's call belongs to; that run is not reported by itself."""
        # an embedding inside a model's method is a call of its own
        if operation not in INFERENCE or not self.runs:
            return None
        # several threads may call clients in one model's method, as `batch` does
        with _adoption_lock:
            next_run = self._next_run()
            # under the lock, or two calls would belong to one run and leave another pending
            next_run.adopted = True
            if self.shared:
                for run in self.runs:
                    run.adopted = True
        return next_run

    def _next_run(self) -> ModelRun:
        """Return the first run without a client's call; a further call belongs to the last."""
        for run in self.runs:
            if run.is_pending:
                return run
        return self.runs[-1]

    def add(self, run: ModelRun) -> None:
        """Take in a run that begins here."""
        self.runs.append(run)
        if self.shared:
            run.group = self.runs


class ProxyRunContext(ModelRunContext):
    """Run context of a library between a program and a client, such as LiteLLM.

    A call inside belongs to the run of a framework further out, which knows more, or else to the
    library's own run.
    """

    def adopt(self, operation: str) -> Run | None:
        """Return the run that a client's call belongs to, and adopt the library's own as well."""
        run = self.runs[0]
        run.adopted = True
        # the client's call asks the budgets for itself
        run.release()
        if self.outer is None:
            return run
        # LangChain over LiteLLM over OpenAI: one span, with LangChain's facts
        return self.outer.adopt(operation) or run


class OpaqueRunContext:
    """Run context in which calls belong to no run, though a model's method may be further out.

    It stands around the app's callbacks, whose calls have nothing to do with the run that the
    callback is about.

    Attributes:
        outer: The run context around.
        opens: Whether it stands around a method that begins one run and does that run's work
            itself; then the run's context may stay in force.
        limit: The most documents that such a method is to return, where it is one that searches.
    """

    __slots__ = ("limit", "opens", "outer")

    def __init__(self, outer: RunContext, opens: bool = False, limit: object = None) -> None:
        self.outer = outer
        self.opens = opens
        self.limit = limit

    @property
    def call(self) -> Call | None:
        """The observed call around."""
        if self.outer is None:
            return None
        return self.outer.call

    def adopt(self, _operation: str) -> Run | None:
        """Return `None`: calls here belong to no run."""
        return None


def call_in(context: Context, wrapped: Callable[..., Result], args: Args, kwargs: Kwargs) -> Result:
    """Call a function in a context."""
    token = scope.enter(context)
    try:
        return wrapped(*args, **kwargs)
    finally:
        scope.leave(token)


async def acall_in(
    context: Context, wrapped: Callable[..., Any], args: Args, kwargs: Kwargs
) -> Result:
    """Call an asynchronous function in a context and await it there."""
    token = scope.enter(context)
    try:
        return await wrapped(*args, **kwargs)
    finally:
        scope.leave(token)


def delegate(run: ModelRun) -> None:
    """Let a model run report the work of the model runs around it, whose code called it."""
    for run_context in _outward(run.outer):
        # the run's own method, not one around it
        if run in run_context.runs:
            continue
        for outer_run in run_context.runs:
            if outer_run.is_pending:
                outer_run.delegated = True
                # the inner run is one request, which answers one of the runs outside
                break


def _outward(run_context: RunContext) -> Iterator[ModelRunContext]:
    """Yield the run contexts of models from the inside out, as far as the next opaque one."""
    while run_context is not None and not isinstance(run_context, OpaqueRunContext):
        if isinstance(run_context, ModelRunContext):
            yield run_context
        run_context = run_context.outer
