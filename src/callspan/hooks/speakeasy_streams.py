"""Streams that a client makes of a response's events: what they give is followed, not the bytes, which come ahead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from callspan.events import Failure
from callspan.formats.format import loaded
from callspan.lifecycle.generators import observe_generator
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import observe
from callspan.runtime import guard


def stream_made(wrapped: Any, stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """In place of the making of a stream, of a response and of a function that decodes the text of an event."""
    observation, args, kwargs = _taken_over(wrapped, args, kwargs)
    wrapped(*args, **kwargs)
    if observation is not None:
        observe(stream, observation)


def events_made(wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The same for a function that gives a generator."""
    observation, args, kwargs = _taken_over(wrapped, args, kwargs)
    events = wrapped(*args, **kwargs)
    return events if observation is None else observe_generator(events, observation)


def _taken_over(wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The observation of a response that somebody else reads from here on, once only, and what to call on with."""
    try:
        given = inspect.signature(wrapped).bind(*args, **kwargs)
        response = given.arguments["response"]
        observation = getattr(response, "_callspan", None)
        if (
            isinstance(observation, Observation)
            and not observation.ended
            and response._callspan_body is not None
        ):
            given.arguments["decoder"] = _decoder(given.arguments["decoder"], observation)
            response._callspan_body = None
            return observation, given.args, given.kwargs
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its stream
        guard.report("following the events of a response", error)
    return None, args, kwargs


def _decoder(decode: Callable[[str], Any], observation: Observation) -> Callable[[str], Any]:
    """The same, which looks at what cannot be decoded: by that a provider says that it has failed."""

    def decoded(event: str) -> Any:
        try:
            return decode(event)
        except Exception:
            _look_at(event, observation)
            raise

    return decoded


def _look_at(event: str, observation: Observation) -> None:
    try:
        told = loaded(event.encode())
        delta = observation.read(told.get("data"), True) if isinstance(told, Mapping) else None
        if delta is not None and delta.failure is not None:
            observation.explain = _told(delta.failure)
    except Exception as error:  # noqa: BLE001  an odd event must reach the app as its client's error
        guard.report(f"reading an event of {observation.call.operation}", error)


def _told(failure: Failure) -> Callable[[BaseException], Failure]:
    return lambda error: replace(failure, exception=error)
