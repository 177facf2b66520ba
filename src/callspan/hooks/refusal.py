"""Responses that refuse a request, where the client raises after its door: the making of its exception is the end."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from callspan.events import Failure
from callspan.hooks.raw_response import follow_response
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import on_drop

_refused: ContextVar[Observation | None] = ContextVar("callspan-refused", default=None)


def follow_or_await(observation: Observation, response: Any) -> Any:
    """Follow a response; a call that it refuses is open until the client has made its exception of it."""
    if response.status_code >= 400:
        _await_error(observation, response)
        return response
    return follow_response(observation, response)


def _await_error(observation: Observation, response: Any) -> None:
    observation.call.response.failure = Failure(
        str(response.status_code), status=response.status_code
    )
    on_drop(response, observation)
    _refused.set(observation)


def error_made(wrapped: Any, error: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """In place of the making of an exception: it is what the response is told by that was refused just before."""
    wrapped(*args, **kwargs)
    observation = _refused.get()
    if observation is not None:
        _refused.set(None)
        observation.fail(error)
        observation.hand_off()
