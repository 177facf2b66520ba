"""Making the client's own call with an observation around it, in sync and in async code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.hooks.native import policy
from callspan.lifecycle.observation import Observation, active

Received = Callable[[Observation, Any], Any]


def has_span(client: str) -> bool:
    """Whether a call of a client is being made, by the name of its adapter, that has a span of ours."""
    call = None if (observation := active.get()) is None else observation.call
    return call is not None and call.client_name == client and call.span is not None


def stands_for_own_span(client: str) -> bool:
    """Whether a client's own span gives way here: a call of it has a span of ours, and native spans are not kept."""
    return policy.spans and has_span(client)


def call(
    observation: Observation,
    wrapped: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    received: Received,
) -> Any:
    """What the client's function gives, as `received` hands it on; what it raises ends the call."""
    try:
        observation.start()
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        observation.leave()
        observation.fail(error)
        raise
    observation.leave()
    return received(observation, result)


async def acall(
    observation: Observation,
    wrapped: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    received: Received,
) -> Any:
    """The same in asynchronous code, where handlers may ask to be awaited."""
    try:
        observation.start()
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
    result = received(observation, result)
    if observation.awaitables:
        await observation.await_handlers()
    return result
