"""Guardrails: a guarded answer is one operation around all attempts to get it.

The model is asked again where a validator refuses its answer and the guard says so. All ways to use
a guard go through one function, of plain and of asynchronous guards, also where a text is checked
that is there already. Seen with guardrails-ai 0.11.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.events import Failure, Retry
from callspan.events.exceptions import qualified_name
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import Reporter, RunStart
from callspan.runtime import guard
from callspan.runtime.patching import Patch

reporter = Reporter("guardrails", "guardrails-ai")


def _answer(app_guard: Any, _args: Args, kwargs: Kwargs) -> RunStart:
    # a text to check takes the place of a model's answer
    question = kwargs.get("messages") or kwargs.get("llm_output")
    return RunStart("invoke_workflow", _name(app_guard), question)


def _name(app_guard: Any) -> str | None:
    """Return the guard's name, if the app has given one: else it is made of the guard's id."""
    name = app_guard.name
    if name == f"gr-{app_guard.id}":
        return None
    return name


def _output(outcome: Any) -> object:
    return outcome.validated_output


def _item(outcome: Any) -> object:
    """Return the next piece of a streamed text; objects are streamed as they grow."""
    output = outcome.validated_output
    return output if isinstance(output, str) else None


def _failure(outcome: Any) -> Failure | None:
    """Return the failure of a guard that has asked as often as it may, and has no valid answer."""
    reask = outcome.reask
    # of a text that a validator can mend, Guardrails takes the mended one after the last attempt
    if reask is None or outcome.validation_passed:
        return None
    results = getattr(reask, "fail_results", None) or ()
    messages = [result.error_message for result in results]
    return Failure(qualified_name(type(reask)), "\n".join(messages))


def note_attempt(wrapped: Callable[..., Any], _runner: object, args: Args, kwargs: Kwargs) -> Any:
    """Note an answer for which the model is asked again, as the loop decides."""
    goes_on = wrapped(*args, **kwargs)
    call = reporter.enclosing_call()
    if goes_on and call is not None:
        try:
            number = argument(args, kwargs, 0, "attempt_number") + 1
            reask = argument(args, kwargs, 1, "reasks")[0]
            cause = qualified_name(type(reask))
            call.retries.append(Retry(number, cause, 0.0, time.time_ns()))
        except Exception as error:  # noqa: BLE001  the loop of another version must go on
            guard.report("reading an attempt of Guardrails", error)
    return goes_on


def patches() -> list[Patch]:
    """Return the patches of the two kinds of guards, and of the decision to ask again."""
    reader = ResultReader(output=_output, item=_item, failure=_failure)
    answer = function_run(reporter, _answer, reader)
    return [
        Patch("guardrails.guard", "Guard._execute", answer),
        Patch("guardrails.async_guard", "AsyncGuard._execute", answer),
        Patch("guardrails.run.runner", "Runner.do_loop", note_attempt),
    ]


GUARDRAILS = reporter.integration(
    module="guardrails",
    versions=("0.11", "0.12"),
    operations=("invoke_workflow",),
    patches=patches,
)
