"""How the results of an operation are read, where they are objects of a framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callspan.events import Details, Failure

Result = Any
"""A framework's object: the return value of a function, or an item of its generator."""


@dataclass(frozen=True, slots=True)
class ResultReader:
    """Reads results; a function that is `None` leaves them as they are.

    Attributes:
        output: Returns the content of a whole result.
        item: Returns the content of an item of a generator; `None` if it has none.
        details: Returns facts of a whole result that are no content.
        failure: Returns the failure that a result, or the last item, tells of: many frameworks
            catch the exception of a tool and return its text.
        is_whole_when_closed: Whether a generator that is closed has done its work: the framework
            closes it, unless the reader of a run around it has left.
        is_last: Whether an item of a generator is the last one, after which the framework may close
            it: then it has done its work, too.
        follow: Lets an operation last as long as the object that its function returned, such as
            a stream of the framework's own, and ends it then; returns whether it does.
    """

    output: Callable[[Result], object] | None = None
    item: Callable[[Result], object] | None = None
    details: Callable[[Result], Details] | None = None
    failure: Callable[[Result], Failure | None] | None = None
    is_whole_when_closed: bool = False
    is_last: Callable[[Result], bool] | None = None
    follow: Callable[[Any, Result], bool] | None = None


def tool_failure(message: object) -> Failure:
    """Return the failure of a tool whose framework hands its error to the model."""
    # the conventions' `error.type` for a tool of MCP that says it failed, used for all frameworks
    return Failure("tool_error", str(message))


PLAIN_RESULTS = ResultReader()
