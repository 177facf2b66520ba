"""Streams that clients of Speakeasy's make of a response's events.

The events are observed and not the bytes, which a client may read ahead of the app.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from callspan.formats.bodies import parse_json
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.lifecycle.generators import follow_generator
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import follower_of
from callspan.lifecycle.streams import follow_stream
from callspan.runtime import guard

Decode = Callable[[str], ClientObject]
"""Makes a client's object of the text of an event."""


def make_stream(wrapped: Function, stream: ClientObject, args: Args, kwargs: Kwargs) -> None:
    """Wrap `EventStream.__init__` so that the new stream continues the response's call."""
    # before the constructor, which may give the response to the function that `make_events` wraps
    observation, args, kwargs = _take_over(wrapped, args, kwargs)
    wrapped(*args, **kwargs)
    if observation is not None:
        follow_stream(observation, stream)


def make_events(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap a function that returns a generator of events, which continues the response's call."""
    observation, args, kwargs = _take_over(wrapped, args, kwargs)
    events = wrapped(*args, **kwargs)
    if observation is None:
        return events
    return follow_generator(observation, events)


def _take_over(
    wrapped: Function, args: Args, kwargs: Kwargs
) -> tuple[Observation | None, Args, Kwargs]:
    """Return the observation of the response in the arguments, and the arguments to go on with.

    From here on the events are observed and no longer the response's body. A response is taken over
    once: a stream passes it on to a function of events.
    """
    try:
        # by name, whether the client passes them by position or not
        arguments = inspect.signature(wrapped).bind(*args, **kwargs)
        response = arguments.arguments["response"]
        observation = follower_of(response)
        if not isinstance(observation, Observation) or observation.ended:
            return None, args, kwargs
        if response._callspan_body is None:
            return None, args, kwargs
        decode = arguments.arguments["decoder"]
        arguments.arguments["decoder"] = _read_failures(decode, observation)
        # from here on the bytes are no longer read, and a second taker finds nothing
        response._callspan_body = None
        return observation, arguments.args, arguments.kwargs
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its stream
        guard.report("following the events of a response", error)
    return None, args, kwargs


def _read_failures(decode: Decode, observation: Observation) -> Decode:
    """Wrap a decoder: read the events that it cannot decode, as a provider's errors are."""

    def decode_or_read(event: str) -> ClientObject:
        try:
            return decode(event)
        except Exception:
            _read_failure(event, observation)
            raise

    return decode_or_read


def _read_failure(event: str, observation: Observation) -> None:
    """Let the provider's reason explain the exception that the client raises, if it states one."""
    try:
        content = parse_json(event.encode())
        if not isinstance(content, Mapping):
            return
        # for its failure alone: the client is about to raise
        delta = observation.read(content.get("data"), True)
        if delta is not None and delta.failure is not None:
            observation.expect_error(delta.failure)
    except Exception as error:  # noqa: BLE001  the app must get the client's error
        guard.report(f"reading an event of {observation.call.operation}", error)
