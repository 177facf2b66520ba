"""Functions of which each call is one attempt: what follows another one in the same call of the app's is a retry."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

from callspan.hooks.failure import cause
from callspan.lifecycle.observation import Observation, active


def attempt(wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In place of such a function, or of one that gives a coroutine."""
    observation = active.get()
    if observation is None:
        return wrapped(*args, **kwargs)
    with _tried(observation):
        made = wrapped(*args, **kwargs)
    return _awaited(observation, made) if hasattr(made, "__await__") else made


async def _awaited(observation: Observation, made: Awaitable[Any]) -> Any:
    with _tried(observation):
        return await made


@contextmanager
def _tried(observation: Observation) -> Iterator[None]:
    if observation.failed_attempt is not None:
        why, since = observation.failed_attempt
        observation.failed_attempt = None
        observation.retry(why, time.perf_counter() - since)
    try:
        yield
    except Exception as error:
        observation.failed_attempt = cause(error), time.perf_counter()
        raise
