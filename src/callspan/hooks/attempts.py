"""Functions that a client calls once for each attempt: a second one within one call is a retry."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from callspan.formats.fields import get
from callspan.hooks.client_types import Args, Function, Kwargs, Result
from callspan.hooks.failure import cause
from callspan.lifecycle.observation import Observation, active
from callspan.runtime.number import http_status


def attempt(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap a function that makes one attempt, and that may return a coroutine."""
    observation = active.get()
    if observation is None:
        return wrapped(*args, **kwargs)
    with _watch(observation):
        # an asynchronous function only makes its coroutine here, and is watched while that runs
        result = wrapped(*args, **kwargs)
    if hasattr(result, "__await__"):
        return _await_attempt(observation, result)
    _note_refusal(observation, result)
    return result


async def _await_attempt(observation: Observation, result: Awaitable[Result]) -> Result:
    with _watch(observation):
        response = await result
    _note_refusal(observation, response)
    return response


def _note_refusal(observation: Observation, response: Result) -> None:
    """Remember that an attempt was refused, where the client reads the status after it."""
    status = http_status(get(response, "status_code"))
    if status is not None and status >= 400:
        observation.fail_attempt(str(status))


@contextmanager
def _watch(observation: Observation) -> Iterator[None]:
    """Record a retry if the attempt before this one failed, and remember how this one fails."""
    observation.begin_attempt()
    try:
        yield
    except Exception as error:
        # whether the client tries again is known only when the next attempt begins
        observation.fail_attempt(cause(error))
        raise
