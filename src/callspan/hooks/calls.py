"""The client's own call with an observation around it, in synchronous and asynchronous code."""

from __future__ import annotations

from collections.abc import Callable

from callspan.events import Call
from callspan.hooks.client_types import Args, Function, Kwargs, Result
from callspan.lifecycle.observation import Observation, active

FollowResult = Callable[[Observation, Result], Result]
"""Lets an observation follow what a client's function returned; returns what the app gets."""


def observation_of(client_name: str, reading: Observation | None = None) -> Observation | None:
    """Return the observation of the call of this client that is being made here, if there is one.

    `reading` is that of a stream whose next item is being made here, outside of its contexts.
    """
    observation = active.get() or reading
    if observation is None or observation.call.client_name != client_name:
        return None
    return observation


def call_with_span(client_name: str) -> Call | None:
    """Return the call of this client that is being made, if it has a span of ours or gets one."""
    observation = observation_of(client_name)
    if observation is None:
        return None
    call = observation.call
    # in a signal handler another thread may be about to start the span (tests/test_signals.py)
    if call.span is None and not observation.is_deferred:
        return None
    return call


def make_call(
    observation: Observation,
    wrapped: Function,
    args: Args,
    kwargs: Kwargs,
    follow_result: FollowResult,
) -> Result:
    """Call the client's function; an exception that it raises ends the observation."""
    try:
        # within the `try`: it raises where a budget refuses the call, and `fail` then does nothing
        observation.start()
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        # first, so that the handlers of the end run in the context of the caller
        observation.leave()
        observation.fail(error)
        raise
    observation.leave()
    return follow_result(observation, result)


async def make_async_call(
    observation: Observation,
    wrapped: Function,
    args: Args,
    kwargs: Kwargs,
    follow_result: FollowResult,
) -> Result:
    """Await the client's function, and the handlers that asked to be awaited by the call."""
    try:
        # the same steps as above, with the handlers that are to be awaited between them
        observation.start()
        # asked first, as an `await` of nothing would still cost a coroutine
        if observation.awaitables:
            await observation.await_handlers()
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        observation.leave()
        observation.fail(error)
        if observation.awaitables:
            await observation.await_handlers()
        raise
    observation.leave()
    result = follow_result(observation, result)
    if observation.awaitables:
        await observation.await_handlers()
    return result
