"""Runs of frameworks that report a start and a finish, such as spans of a framework's tracing."""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass

from callspan.decorators.operation import Operation
from callspan.frameworks.reporter import Reporter, RunStart


@dataclass(frozen=True, slots=True)
class _OpenRun:
    """An open run.

    Attributes:
        operation: Its operation.
        is_current: Whether the code from its start to its finish is inside it.
        exception: The exception that was being handled when it started.
    """

    operation: Operation
    is_current: bool
    exception: BaseException | None


class EventRuns:
    """The open runs of one framework, found by the framework's objects that stand for them.

    The objects are referenced weakly: a run whose object is dropped without a finish ends then.

    Attributes:
        reporter: Begins the operations.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self._open: weakref.WeakKeyDictionary[object, _OpenRun] = weakref.WeakKeyDictionary()

    def start(self, key: object, start: RunStart, current: bool) -> None:
        """Begin a run; with `current` the code from here to the finish is inside it.

        A second start with the same object does nothing.
        """
        if key in self._open:
            return
        operation = self.reporter.begin(start)
        if operation is None:
            return
        # a span that is never finished, after an error between start and finish, must not stay open
        operation.end_when_dropped(key)
        self._open[key] = _OpenRun(operation, current, sys.exc_info()[1])
        if current:
            # not in a `with`: start and finish are two calls of the framework's
            operation.__enter__()

    def get(self, key: object) -> Operation | None:
        """Return the operation of an open run."""
        run = self._open.get(key)
        if run is None:
            return None
        return run.operation

    def finish(
        self, key: object, error: BaseException | None = None, result: object = None
    ) -> None:
        """End a run; a second finish of the same does nothing.

        A finish that stands in a `finally` is called while the exception of the run is on its way.
        """
        # taken out first: whoever comes second has nothing to end
        run = self._open.pop(key, None)
        if run is None:
            return
        operation = run.operation
        exception = sys.exc_info()[1]
        # an exception that was being handled at the start already is not the run's
        if error is None and exception is not run.exception:
            error = exception
        if result is not None:
            operation.result = result
        if run.is_current:
            operation.__exit__(None, None, None)
        operation.end(error)
