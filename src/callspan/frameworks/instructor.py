"""Instructor: a structured answer is one operation around all attempts to get it.

The model is asked again where its answer is not valid. That happens in a loop of two functions,
one for plain and one for asynchronous clients, of every provider. Seen with instructor 1.17.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.events import Call, Retry
from callspan.events.exceptions import qualified_name
from callspan.formats.fields import plain
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart
from callspan.runtime import guard
from callspan.runtime.patching import Patch

_reporter = Reporter("instructor", "instructor")
_INVALID = "invalid answer"
"""The key under which the call of an operation keeps its latest answer that was not valid."""


def _answer(_instance: object, args: Args, kwargs: Kwargs) -> RunStart | None:
    """Return the facts of a structured answer; without a model for it there are no attempts."""
    model = argument(args, kwargs, 1, "response_model")
    if model is None:
        return None
    request = argument(args, kwargs, 7, "kwargs")
    return RunStart("invoke_workflow", _name(model), request.get("messages"))


def _name(model: Any) -> str | None:
    """Return the name of the app's class, of which Instructor may have made another one."""
    # an iterable of the app's class
    model = getattr(model, "task_type", model)
    name = getattr(model, "__name__", None)
    if name is not None and hasattr(model, "get_partial_model"):
        return name.removeprefix("Partial")
    return name


def note_invalid(wrapped: Callable[..., Any], _instance: object, args: Args, kwargs: Kwargs) -> Any:
    """Note an answer that is not valid: the one before it, if any, has led to a new attempt."""
    call = _reporter.enclosing_call()
    if call is not None:
        try:
            _note_retry(call)
            # `_budget_error` is called with keywords, after each answer that is not valid
            attempt = kwargs["failed_attempts"][-1]
            cause = qualified_name(type(attempt.exception))
            call.handler_state[_INVALID] = Retry(attempt.attempt_number, cause, 0.0, time.time_ns())
        except Exception as error:  # noqa: BLE001  the loop of another version must go on
            guard.report("reading an attempt of Instructor", error)
    return wrapped(*args, **kwargs)


def note_valid(wrapped: Callable[..., Any], _instance: object, args: Args, kwargs: Kwargs) -> Any:
    """Note that an answer is valid: the last one that was not has led to it."""
    call = _reporter.enclosing_call()
    if call is not None:
        _note_retry(call)
    return wrapped(*args, **kwargs)


def _note_retry(call: Call) -> None:
    """Record that the latest invalid answer, if any, was not the last attempt."""
    # the last answer of all may be invalid: then nothing was tried again, and it is no retry
    retry = call.handler_state.pop(_INVALID, None)
    if retry is not None:
        call.retries.append(retry)


def patches() -> list[Patch]:
    """Return the patches of the two loops, where they are called, and of their decisions."""
    loops, loop = "instructor.v2.core.patch", "instructor.v2.core.retry"
    # answers are objects of the app's classes, which hold data only
    answer = function_run(_reporter, _answer, ResultReader(output=plain, item=plain))
    return [
        # `patch` has imported them by name, so they are replaced there
        Patch(loops, "retry_sync_v2", answer),
        Patch(loops, "retry_async_v2", answer),
        Patch(loop, "_budget_error", note_invalid),
        Patch(loop, "_finalize_parsed_response", note_valid),
    ]


INSTRUCTOR = _reporter.integration(
    module="instructor",
    versions=("1.16", "2"),
    operations=("invoke_workflow",),
    patches=patches,
)
