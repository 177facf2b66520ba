"""Follow LiteLLM's streams: report their chunks, unless a watched client's stream inside does."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from callspan.frameworks.litellm.admission import find_refusal
from callspan.frameworks.litellm.event_reader import EventReader
from callspan.frameworks.litellm.failure import explain
from callspan.frameworks.litellm.request import Request
from callspan.frameworks.run_context import acall_in, call_in
from callspan.lifecycle.generators import AsyncShell, follow_generator
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import follower_of
from callspan.lifecycle.reading import Reading
from callspan.lifecycle.streams import follow_stream
from callspan.runtime import scope
from callspan.runtime.background import outside_collector

Decide = Callable[[], None]
"""Decides who reports a call, once its request has been made."""
Stream = Any
"""A stream of LiteLLM's, or the stream or generator inside it."""


def native_reading(request: Request) -> Reading:
    """Return how a stream of the provider's own events is read."""
    reader = EventReader(request.wire_format)
    awaits_usage = request.wire_format.usage_follows(request.body)
    return Reading(reader, explain, rest=reader.end, awaits_usage=awaits_usage)


def follow_native(request: Request, stream: Stream, observation: Observation) -> Stream:
    """Observe a stream of the provider's own events; return the stream for the app."""
    request.start_observation(observation)
    # the class of a generator cannot be changed, so it is followed by another one
    if isinstance(stream, (GeneratorType, AsyncGeneratorType)):
        return follow_generator(observation, stream)
    return follow_stream(observation, stream)


def follow(request: Request, stream: Stream, observation: Observation) -> Stream:
    """Observe a stream with an observation that has not begun; return the stream for the app.

    For some providers LiteLLM makes the request when the first chunk is asked for. Only then is
    it clear who reports the call.
    """
    make_call = getattr(stream, "make_call", None)
    source = getattr(stream, "completion_stream", None)

    def decide() -> None:
        # a client inside that we watch has adopted the request, or nobody has
        if request.is_pending:
            request.start_observation(observation)

    request.deferred = True
    # `make_call` and `completion_stream` are attributes of LiteLLM's `CustomStreamWrapper`
    # (tested from 1.80); tests/frameworks/litellm/test_calls.py shows who reports which stream
    if make_call is not None and source is None:
        stream.make_call = _making_request(request, make_call, decide)
    elif isinstance(source, GeneratorType):
        stream.completion_stream = _steps(request, source, decide)
    elif isinstance(source, AsyncGeneratorType):
        stream.completion_stream = _AsyncSteps(request, source, decide)
    else:
        request.deferred = False
        decide()
    if request.deferred:
        # nobody has to read a stream: then its request is never made, and the reservation ends
        weakref.finalize(stream, outside_collector, request.release).atexit = False
    return follow_stream(observation, stream)


def _making_request(
    request: Request, make_call: Callable[..., Any], decide: Decide
) -> Callable[..., Any]:
    """Wrap the function that makes the request: run it in the request's context, then decide."""

    def make(*args: object, **kwargs: object) -> Any:
        # the call begins here, and not where the stream was made
        request.set_start_time()
        try:
            return call_in(scope.at(request.run_context), make_call, args, kwargs)
        finally:
            decide()

    async def amake(*args: object, **kwargs: object) -> Any:
        request.set_start_time()
        try:
            return await acall_in(scope.at(request.run_context), make_call, args, kwargs)
        finally:
            decide()

    return amake if iscoroutinefunction(make_call) else make


def _steps(request: Request, source: Stream, decide: Decide) -> Iterator[Any]:
    """Yield the items of a generator whose first step makes the request."""
    try:
        # only the first step is run in the request's context: later ones are the reader's
        first = _making_request(request, source.__next__, decide)()
    except StopIteration:
        return
    yield first
    yield from source


class _AsyncSteps(AsyncShell):
    """An asynchronous generator whose first step makes the request.

    It is an object and no generator, which the event loop would close at its end.
    """

    def __init__(self, request: Request, source: Stream, decide: Decide) -> None:
        super().__init__(source)
        self._begin: tuple[Request, Decide] | None = (request, decide)

    async def _step(self, step: Callable[[], Any]) -> Any:
        if self._begin is None:
            return await step()
        request, decide = self._begin
        self._begin = None

        # a function of its own, for `step` may be no coroutine function
        async def first() -> Any:
            return await step()

        return await _making_request(request, first, decide)()

    async def aclose(self) -> None:
        """Close the generator: the reader stops."""
        self._begin = None
        await self._source.aclose()


def report_leaving(stream: Stream) -> None:
    """Tell the observation of a client's stream when the reader leaves LiteLLM's around it.

    LiteLLM's own objects refer to each other, so the client's stream would be garbage much later.
    """
    inner = getattr(stream, "completion_stream", None)
    while inner is not None and follower_of(inner) is None:
        inner = getattr(inner, "completion_stream", None)
    if inner is not None:
        leaving: Any = _LeavingOnly(follower_of(inner))
        follow_stream(leaving, stream)


class _LeavingOnly:
    """Stand-in for an observation that passes on nothing but the reader's leaving.

    The observation of the client's stream sees all else.
    """

    # `follow_stream` treats it as an observation, and asks for these
    awaitables = ()

    def __init__(self, observation: Any) -> None:
        self._observation = observation
        self.inside = False
        self.drop = observation.drop
        self.abandon = observation.abandon
        self.await_handlers = observation.await_handlers
        self.pause = observation.pause
        self.leave_loop = observation.leave_loop

    @property
    def ended(self) -> bool:
        """Whether the call has ended."""
        return self._observation.ended

    def chunk(self, _item: object) -> bool:
        """Return true: the app shall see every chunk."""
        return True

    def finish(self) -> None:
        """Do nothing: the client's stream ends too."""

    def fail(self, error: BaseException) -> None:
        """Raise the refusal of a budget in place of LiteLLM's exception, if there is one.

        Other errors are the client's stream's, or LiteLLM had all that it wanted of it.
        """
        refusal = find_refusal(error)
        if refusal is not None:
            raise refusal
