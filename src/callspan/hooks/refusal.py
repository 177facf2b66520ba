"""Calls that end with the client's exception, which it makes only after its hook has returned."""

from __future__ import annotations

from contextvars import ContextVar

from callspan.events import Failure
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs
from callspan.hooks.raw_response import follow_response
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import on_drop

_unexplained: ContextVar[Observation | None] = ContextVar("callspan-refused", default=None)
"""The call whose error response came last in this context, until the client makes its exception."""


def follow_or_await_error(observation: Observation, response: ClientObject) -> ClientObject:
    """Follow a response; one with an error status leaves the call open for the client's exception.

    Returns the same object.
    """
    if response.status_code >= 400:
        _await_error(observation, response)
        return response
    return follow_response(observation, response)


def _await_error(observation: Observation, response: ClientObject) -> None:
    status = response.status_code
    # the call ends with this failure if no exception follows
    observation.call.response.failure = Failure(str(status), status=status)
    # a client that makes no exception drops its response
    on_drop(response, observation)
    _unexplained.set(observation)


def end_refused(wrapped: Function, error: BaseException, args: Args, kwargs: Kwargs) -> None:
    """Wrap the client's exception constructor: end the call whose error response was just received.

    Clients that Speakeasy generates (mistralai 1.2 to 3) return from the function that sends a
    request, and raise in each of their methods. See tests/test_mistral.py.
    """
    # first, so that handlers get an exception that is complete
    wrapped(*args, **kwargs)
    observation = _unexplained.get()
    if observation is not None:
        _unexplained.set(None)
        observation.fail(error)
        # a constructor awaits nobody, also in asynchronous code
        observation.hand_off()
