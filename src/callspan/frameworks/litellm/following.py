"""Streams of LiteLLM's: told by what they give, unless a client whose stream is inside tells of itself."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from callspan.formats.format import nothing
from callspan.frameworks.litellm import answers
from callspan.frameworks.litellm.admission import refusal
from callspan.frameworks.litellm.native_answers import EventReader
from callspan.frameworks.litellm.request import Request
from callspan.frameworks.run_context import acall_at, call_at
from callspan.lifecycle.generators import AsyncShell, observe_generator
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import observation_of, observe
from callspan.runtime import scope
from callspan.runtime.background import outside_collector

Decide = Callable[[], None]


def follow_native(request: Request, stream: Any, observation: Observation) -> Any:
    """Let an observation follow a stream of events that are the provider's own; return what the app is to read."""
    reader = EventReader(request.wire_format)
    observation.read, observation.rest = reader, reader.end
    observation.awaits_usage = request.wire_format.usage_follows(request.body)
    request.tell(observation)
    if isinstance(stream, (GeneratorType, AsyncGeneratorType)):
        return observe_generator(stream, observation)
    return observe(stream, observation)


def follow(request: Request, stream: Any, observation: Observation) -> Any:
    """Let an observation that has not begun follow a stream.

    For some providers LiteLLM makes the request when the first chunk is asked for; only then is it known who tells.
    """
    observation.read, observation.rest = answers.chunks(request, stream), answers.rest(stream)
    observation.awaits_usage = request.wire_format.usage_follows(request.told)
    make_call, source = (
        getattr(stream, "make_call", None),
        getattr(stream, "completion_stream", None),
    )

    def decide() -> None:
        if request.waiting:
            request.tell(observation)
        elif request.observation is None:
            observation.read, observation.rest = nothing, None

    request.late = True
    if make_call is not None and source is None:
        stream.make_call = _late(request, make_call, decide)
    elif isinstance(source, GeneratorType):
        stream.completion_stream = _steps(request, source, decide)
    elif isinstance(source, AsyncGeneratorType):
        stream.completion_stream = _AsyncSteps(request, source, decide)
    else:
        request.late = False
        decide()
    if request.late:  # and perhaps never: nobody has to read a stream
        weakref.finalize(stream, outside_collector, request.release).atexit = False
    return observe(stream, observation)


def _late(request: Request, make_call: Callable[..., Any], decide: Decide) -> Callable[..., Any]:
    """What makes the request, in the place in which a client's call is found."""

    def begun(*args: Any, **kwargs: Any) -> Any:
        request.start_now()
        try:
            return call_at(scope.at(request.run_context), make_call, args, kwargs)
        finally:
            decide()

    async def abegun(*args: Any, **kwargs: Any) -> Any:
        request.start_now()
        try:
            return await acall_at(scope.at(request.run_context), make_call, args, kwargs)
        finally:
            decide()

    return abegun if iscoroutinefunction(make_call) else begun


def _steps(request: Request, source: Any, decide: Decide) -> Iterator[Any]:
    """A generator whose first step makes the request."""
    try:
        first = _late(request, source.__next__, decide)()
    except StopIteration:
        return
    yield first
    yield from source


class _AsyncSteps(AsyncShell):
    """An asynchronous generator whose first step makes the request; no generator, which the event loop would close."""

    def __init__(self, request: Request, source: Any, decide: Decide) -> None:
        super().__init__(source)
        self._begin: tuple[Request, Decide] | None = (request, decide)

    async def _step(self, step: Callable[[], Any]) -> Any:
        if self._begin is None:
            return await step()
        request, decide = self._begin
        self._begin = None

        async def first() -> Any:
            return await step()

        return await _late(request, first, decide)()

    async def aclose(self) -> None:
        """Close it: the reader stops."""
        self._begin = None
        await self._source.aclose()


def see_left(stream: Any) -> None:
    """Let the observation of a client's stream know at once when the reader leaves that of LiteLLM's around it.

    LiteLLM's own objects refer to each other, so that the client's stream would go with them only much later.
    """
    inner = getattr(stream, "completion_stream", None)
    while inner is not None and observation_of(inner) is None:
        inner = getattr(inner, "completion_stream", None)
    if inner is not None:
        leaving: Any = _Leaving(observation_of(inner))
        observe(stream, leaving)


class _Leaving:
    """In place of an observation, where that of the client's stream sees all but the reader's leaving."""

    awaitables = ()

    def __init__(self, observation: Any) -> None:
        self._observation = observation
        self.inside = False
        self.drop, self.abandon, self.await_handlers = (
            observation.drop,
            observation.abandon,
            observation.await_handlers,
        )
        self.pause, self.leave_loop = observation.pause, observation.leave_loop

    @property
    def ended(self) -> bool:
        """Whether the end has been told."""
        return self._observation.ended

    def chunk(self, _item: Any) -> bool:
        """Every chunk is the app's."""
        return True

    def finish(self) -> None:
        """The client's stream ends too."""

    def fail(self, error: BaseException) -> None:
        """It fails too, or LiteLLM had all that it wanted of it. What a budget has stopped reaches the app as such."""
        if (stop := refusal(error)) is not None:
            raise stop
