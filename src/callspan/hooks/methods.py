"""The door of clients that have a few functions through which all their calls pass, each known by name.

An adapter tells of each function how to read what is asked for, and how to find the answer in what the function gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from callspan.events import Failure
from callspan.hooks.attempts import attempt
from callspan.hooks.calls import acall, call
from callspan.hooks.client import Adapter, Opener, Request, Route, route_of
from callspan.hooks.failure import explain
from callspan.hooks.managers import lazily_entered
from callspan.lifecycle.generators import observe_generator, observe_lazily
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.streams import observe
from callspan.runtime import guard
from callspan.runtime.patching import Patch


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call of a function asks for: an endpoint among the adapter's routes, and the request as plain data.

    `client` stands for the app's client object where that is not the one whose function it is.
    """

    method: str
    path: str
    body: Mapping[str, Any]
    server: tuple[str | None, int | None] = (None, None)
    stream: bool = False
    client: Any = None


def _itself(given: Any) -> Any:
    return given


def _followed(observation: Observation, result: Any) -> Any:
    """Follow a generator, a stream of the client's own, or a whole answer."""
    if isinstance(result, (GeneratorType, AsyncGeneratorType)):
        return observe_generator(result, observation)
    if observation.call.stream and (hasattr(result, "__next__") or hasattr(result, "__anext__")):
        return observe(result, observation)
    observation.answer(result)
    return result


@dataclass(frozen=True, slots=True)
class Method:
    """One function: its module and dotted path, and how it is read.

    `asks` has the object, the positional and the named arguments, and says `None` for what is not watched. `said` finds
    the plain answer, or chunk, in what the function gave. Where a stream is asked for, a `lazy` one gives a generator
    (or a coroutine that gives one), which makes the request when its first item is asked for, or a context manager,
    which makes it when it is entered. `follow` is how what it gave is followed to its end; the app gets what this
    returns. `skips` picks out what a stream gives that is no chunk. `answer_of` finds the answer in an exception that
    the client's own parsing has raised.
    """

    module: str
    path: str
    asks: Callable[[Any, tuple[Any, ...], dict[str, Any]], Asked | None]
    asynchronous: bool = False
    lazy: bool = False
    said: Callable[[Any], Any] = _itself
    optional: bool = False
    follow: Callable[[Observation, Any], Any] = _followed
    skips: Callable[[Any], bool] | None = None
    answer_of: Callable[[BaseException], Any] | None = None


def methods(
    *watched: Method,
    why: Callable[[BaseException], Failure] = explain,
    attempts: Iterable[tuple[str, str]] = (),
) -> Callable[[Adapter, Opener], list[Patch]]:
    """The door that these functions make up; `why` reads the client's exceptions.

    `attempts` are functions (module and path) that the client calls once for each of its attempts, where it has any.
    """

    def door(adapter: Adapter, opener: Opener) -> list[Patch]:
        hinges = [(method, _Hinge(adapter, opener, method, why)) for method in watched]
        patches = [
            Patch(method.module, method.path, hinge.wrapper, method.optional)
            for method, hinge in hinges
        ]
        return [
            *patches,
            *(Patch(module, path, attempt, optional=True) for module, path in attempts),
        ]

    return door


class _Hinge:
    """One function of one client."""

    def __init__(
        self,
        adapter: Adapter,
        opener: Opener,
        method: Method,
        why: Callable[[BaseException], Failure],
    ) -> None:
        self._adapter = adapter
        self._opener = opener
        self._method = method
        self._why = why

    def wrapper(
        self, wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """In place of the function; gives what it gives: an answer, a coroutine or a generator."""
        request = self._request(client, args, kwargs)
        if request is None:
            return wrapped(*args, **kwargs)
        if self._method.lazy and request.stream:
            source = wrapped(*args, **kwargs)
            return (
                self._alazily(source, request)
                if hasattr(source, "__await__")
                else self._lazily(source, request)
            )
        return (self._acall if self._method.asynchronous else self._call)(
            request, wrapped, args, kwargs
        )

    def _lazily(self, source: Any, request: Request) -> Any:
        begin = partial(self._open, request)
        if isinstance(source, (AbstractContextManager, AbstractAsyncContextManager)):
            return lazily_entered(source, begin, self._received)
        return observe_lazily(source, begin)

    async def _alazily(self, coming: Any, request: Request) -> Any:
        return self._lazily(await coming, request)

    def _call(
        self, request: Request, wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        observation = self._open(request)
        if observation is None:
            return wrapped(*args, **kwargs)
        return call(observation, wrapped, args, kwargs, self._received)

    async def _acall(
        self, request: Request, wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        observation = self._open(request)
        if observation is None:
            return await wrapped(*args, **kwargs)
        return await acall(observation, wrapped, args, kwargs, self._received)

    def _request(
        self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Request | None:
        try:
            asked = self._method.asks(client, args, kwargs)
            route = None if asked is None else route_of(self._adapter, asked.method, asked.path)
            return None if asked is None or route is None else self._watched(client, asked, route)
        except Exception as error:  # noqa: BLE001  our fault must not keep the app from calling its model
            guard.report(f"looking at a request of {self._adapter.name}", error)
            return None

    def _watched(self, client: Any, asked: Asked, route: Route) -> Request:
        speaker, asynchronous = (
            client if asked.client is None else asked.client,
            self._method.asynchronous,
        )
        return Request(
            self._adapter,
            route.wire_format,
            speaker,
            asked.body,
            asked.stream,
            asynchronous,
            asked.server,
        )

    def _open(self, request: Request) -> Observation | None:
        try:
            observation = self._opener(request)
            if observation is not None:
                said, read = self._method.said, observation.read
                observation.read = lambda item, full: read(said(item), full)
                observation.explain, observation.skips = self._why, self._method.skips
                observation.answer_of = self._method.answer_of
            return observation
        except Exception as error:  # noqa: BLE001  our fault must not keep the app from calling its model
            guard.report(f"looking at a request of {self._adapter.name}", error)
            return None

    def _received(self, observation: Observation, result: Any) -> Any:
        """Follow what the function gave; the app gets the very object, but for generators."""
        try:
            return self._method.follow(observation, result)
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
            guard.report(f"following an answer of {observation.call.client_name}", error)
            observation.finish()
        return result
