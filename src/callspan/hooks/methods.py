"""The hook of clients that have a few functions through which all their calls pass.

A client says of each function how to read the request from its arguments, and the answer from
its result.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import AsyncGeneratorType, GeneratorType

from callspan.events import Delta, Failure
from callspan.formats.format import Format
from callspan.hooks.address import Server
from callspan.hooks.attempts import attempt
from callspan.hooks.calls import FollowResult, make_async_call, make_call
from callspan.hooks.client import Client, Hook, Request, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.failure import explain
from callspan.hooks.managers import follow_manager
from callspan.lifecycle.generators import follow_generator, follow_lazily
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.lifecycle.streams import follow_stream
from callspan.runtime import guard
from callspan.runtime.patching import Patch

Explain = Callable[[BaseException], Failure]
"""Reads the reason why a call failed from an exception of the client's."""


@dataclass(frozen=True, slots=True)
class MethodCall:
    """One call of a function that is watched: its endpoint, and the request as plain data.

    Attributes:
        endpoint: The endpoint's name; a call is not watched if the client has no such endpoint.
        body: The fields of the request.
        server: Where the request goes.
        stream: Whether the answer is a stream.
        client_object: The app's client object, where the function belongs to another object.
    """

    endpoint: str | None
    body: Mapping[str, object]
    server: Server = (None, None)
    stream: bool = False
    client_object: ClientObject = None


def _unchanged(result: Result) -> Result:
    return result


def follow(observation: Observation, result: Result) -> Result:
    """Let an observation follow a generator, a stream of the client's own, or a whole answer.

    Returns the object for the app: for a generator another one, else the very object.
    """
    # the class of a generator cannot be changed, so another generator stands around it
    if isinstance(result, (GeneratorType, AsyncGeneratorType)):
        return follow_generator(observation, result)
    if observation.call.stream and (hasattr(result, "__next__") or hasattr(result, "__anext__")):
        return follow_stream(observation, result)
    observation.answer(result)
    return result


@dataclass(frozen=True, slots=True)
class Method:
    """One function that is watched: where it is, and how its calls and results are read.

    Attributes:
        module: The module that has it.
        path: Its dotted path in the module.
        read_call: Reads a call from the object, the positional and the named arguments; `None` for
            calls that are not watched.
        asynchronous: Whether it returns a coroutine.
        lazy: Whether a stream's request is made later: the function returns, perhaps from a
            coroutine, a generator, which makes it for its first item, or a context manager, which
            makes it when it is entered.
        generator: Whether it returns such a generator for each request, though none streams.
        unwrap: Returns the plain answer, or chunk, of a result.
        optional: Whether some versions of the client lack it.
        follow: Lets an observation follow what the function returns; returns what the app gets.
        skips: Whether an item of a stream is no chunk.
        answer_of: Finds the answer in an exception that the client's own parsing has raised.
        within: Returns the function to call in place of the client's, which it calls, by the object
            that has it; for facts that come to light while the call is made.
    """

    module: str
    path: str
    read_call: Callable[[ClientObject, Args, Kwargs], MethodCall | None]
    asynchronous: bool = False
    lazy: bool = False
    generator: bool = False
    unwrap: Callable[[Result], object] = _unchanged
    optional: bool = False
    follow: FollowResult = follow
    skips: Callable[[Result], bool] | None = None
    answer_of: Callable[[BaseException], object] | None = None
    within: Callable[[Function, ClientObject], Function] | None = None


def read_no_call(_client_object: ClientObject, _args: Args, _kwargs: Kwargs) -> None:
    """Return `None`, for functions that are watched only within the calls of others."""
    return None


def methods_hook(
    *methods: Method, explain: Explain = explain, attempts: Iterable[tuple[str, str]] = ()
) -> Hook:
    """Return the hook that these functions make up.

    Args:
        methods: The functions.
        explain: Reads the client's exceptions.
        attempts: Functions, by module and dotted path, that the client calls once for each of its
            attempts, where it has any.
    """

    def hook(client: Client, subscriber: Subscriber) -> list[Patch]:
        patches: list[Patch] = []
        for method in methods:
            wrapper = _MethodHook(client, subscriber, method, explain).wrapper
            patches.append(Patch(method.module, method.path, wrapper, method.optional))
        # optional, as such functions are private: without them only retries are not seen
        for module, path in attempts:
            patches.append(Patch(module, path, attempt, optional=True))
        return patches

    return hook


def _reading(wire_format: Format, method: Method, explain: Explain) -> Reading:
    """Return how the results of a function are read that speaks a format."""
    read = wire_format.read
    unwrap = method.unwrap
    # most results are plain already: their chunks are spared a call
    if unwrap is not _unchanged:
        wrapped_read = read

        def read_unwrapped(item: Result, needs_text: bool) -> Delta | None:
            return wrapped_read(unwrap(item), needs_text)

        read = read_unwrapped
    return Reading(
        read, explain, method.answer_of, skips=method.skips, in_lines=wire_format.in_lines
    )


class _MethodHook:
    """The wrapper of one function of one client."""

    def __init__(
        self, client: Client, subscriber: Subscriber, method: Method, explain: Explain
    ) -> None:
        self._client = client
        self._open_call = subscriber.open_call
        self._method = method
        # made once for each endpoint, so that a call only looks its reading up
        self._readings: dict[str, Reading] = {}
        self._formats = subscriber.formats_of(client)
        for name, wire_format in self._formats.items():
            self._readings[name] = _reading(wire_format, method, explain)

    def wrapper(
        self, wrapped: Function, client_object: ClientObject, args: Args, kwargs: Kwargs
    ) -> Result:
        """Wrap the function: observe its call, and return the kind of object that it returns."""
        request = self._request(client_object, args, kwargs)
        if self._method.within is not None:
            wrapped = self._method.within(wrapped, client_object)
        if request is None:
            return wrapped(*args, **kwargs)
        # the function makes no request yet, so no observation is around it
        if self._method.generator or (self._method.lazy and request.stream):
            result = wrapped(*args, **kwargs)
            if hasattr(result, "__await__"):
                return self._await_lazy(result, request)
            return self._observe_lazy(result, request)
        if self._method.asynchronous:
            # not awaited: the app gets a coroutine as ever, and the call begins when that runs
            return self._call_async(request, wrapped, args, kwargs)
        return self._call(request, wrapped, args, kwargs)

    def _observe_lazy(self, result: Result, request: Request) -> Result:
        """Let the call begin with the client's request: at the first step, or at the entry."""
        # opened later, in whatever context the app reads or enters it
        begin = partial(self._open, request)
        if isinstance(result, (AbstractContextManager, AbstractAsyncContextManager)):
            return follow_manager(begin, result, self._follow_result)
        return follow_lazily(begin, result)

    async def _await_lazy(self, result: Awaitable[Result], request: Request) -> Result:
        return self._observe_lazy(await result, request)

    def _call(self, request: Request, wrapped: Function, args: Args, kwargs: Kwargs) -> Result:
        observation = self._open(request)
        if observation is None:
            return wrapped(*args, **kwargs)
        return make_call(observation, wrapped, args, kwargs, self._follow_result)

    async def _call_async(
        self, request: Request, wrapped: Function, args: Args, kwargs: Kwargs
    ) -> Result:
        observation = self._open(request)
        if observation is None:
            return await wrapped(*args, **kwargs)
        return await make_async_call(observation, wrapped, args, kwargs, self._follow_result)

    def _request(self, client_object: ClientObject, args: Args, kwargs: Kwargs) -> Request | None:
        """Return the request of a call, or `None` for a call that is not watched."""
        try:
            call = self._method.read_call(client_object, args, kwargs)
            if call is None:
                return None
            name = call.endpoint
            # such as the counting of tokens, where no model is called (docs/decisions/0057)
            if name is None or name not in self._readings:
                return None
            # per-client options belong to the app's object, which may be another
            if call.client_object is not None:
                client_object = call.client_object
            return Request(
                self._client,
                self._formats[name],
                client_object,
                call.body,
                call.stream,
                self._method.asynchronous,
                call.server,
                self._readings[name],
            )
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report(f"looking at a request of {self._client.name}", error)
            return None

    def _open(self, request: Request) -> Observation | None:
        try:
            return self._open_call(request)
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report(f"looking at a request of {self._client.name}", error)
            return None

    def _follow_result(self, observation: Observation, result: Result) -> Result:
        try:
            return self._method.follow(observation, result)
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
            guard.report(f"following an answer of {observation.call.client_name}", error)
            # the app reads the answer without us, and nobody else would end the call
            observation.finish()
        return result
