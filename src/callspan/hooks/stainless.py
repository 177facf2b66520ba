"""The door of clients that Stainless generates: `request` of their base client, one hit a logical call.

Retries happen inside it; raw responses, helpers, saved bound methods and clients made earlier all pass through it.
"""

from __future__ import annotations

import copy
import sys
import weakref
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from callspan.hooks import gateway
from callspan.hooks.bodies import read_whole
from callspan.hooks.calls import make_async_call, make_call, stands_for_own_span
from callspan.hooks.client import Client, Endpoint, OpenCall, Request, endpoint_at
from callspan.hooks.failure import cause, explain, processed_answer
from callspan.hooks.raw_response import follow, follow_close
from callspan.lifecycle.client_options import inherit
from callspan.lifecycle.observation import Observation, active
from callspan.lifecycle.streams import observe
from callspan.runtime import guard
from callspan.runtime.patching import Patch

_STREAM, _RAW, _WHOLE = "stream", "raw", "whole"
Address = tuple["str | None", "int | None"]
_NOT_GIVEN = ("Omit", "NotGiven")
_PLAIN = frozenset({str, int, float, bool, list, dict, type(None)})


def stainless_hook(client: Client, open_call: OpenCall) -> list[Patch]:
    """The patches that make up the door of one client."""
    module = f"{client.module}._base_client"
    hook = _Hook(client, open_call)
    patches = [
        Patch(module, "SyncAPIClient.request", hook.request),
        Patch(module, "AsyncAPIClient.request", hook.arequest),
        Patch(module, "BaseClient._calculate_retry_timeout", _retry, optional=True),
        Patch(module, "BaseClient.__init__", _client_made, optional=True),
        Patch(module, "SyncAPIClient._process_response", gateway.process, optional=True),
        Patch(module, "AsyncAPIClient._process_response", gateway.process, optional=True),
    ]
    streaming = f"{client.module}._streaming"
    patches += [
        Patch(streaming, f"{kind}.__init__", _made_anew, optional=True)
        for kind in ("Stream", "AsyncStream")
    ]
    if client.tracer_property is not None:
        patches.append(Patch(module, client.tracer_property, hook.tracer, optional=True))
    return patches


class _Hook:
    """One client's door. The thinking is in `_open` and `_received`; the two methods only wait."""

    def __init__(self, client: Client, open_call: OpenCall) -> None:
        self._client = client
        self._open_call = open_call
        self._last: tuple[Any, Address] = None, (None, None)

    def request(
        self, wrapped: Any, client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """In place of the synchronous `request`."""
        observation, args, kwargs = self._open(client_object, args, kwargs, False)
        if observation is None:
            return wrapped(*args, **kwargs)
        return make_call(observation, wrapped, args, kwargs, _follow_result)

    async def arequest(
        self, wrapped: Any, client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """In place of the asynchronous `request`."""
        observation, args, kwargs = self._open(client_object, args, kwargs, True)
        if observation is None:
            return await wrapped(*args, **kwargs)
        return await make_async_call(observation, wrapped, args, kwargs, _follow_result)

    def tracer(
        self, wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Wrap the property for the client's own tracer: none while it makes a call that our span stands for."""
        if stands_for_own_span(self._client.name) and not self._wants_own_spans(args[0]):
            return None
        return wrapped(*args, **kwargs)

    def _wants_own_spans(self, client_object: Any) -> bool:
        asked = self._client.wants_own_spans
        try:
            return asked is not None and asked(client_object)
        except Exception as error:  # noqa: BLE001  our fault must not keep the app from calling its model
            guard.report(f"looking at the options of {self._client.name}", error)
            return False

    def _open(
        self, client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any], asynchronous: bool
    ) -> Any:
        """The observation of a call, or none, and the arguments to call on with."""
        try:
            options = kwargs["options"] if "options" in kwargs else args[1]
            endpoint = endpoint_at(self._client, options.method, options.url)
            if endpoint is None:
                return None, args, kwargs
            body = options.json_data
            if not _is_plain(body):
                if (listed := _listed(body)) is not None:
                    options, args, kwargs = _with_body(listed, options, args, kwargs)
                body = _body(options)
            elif getattr(options, "extra_json", None):
                body = _body(options)
            stream = bool(kwargs.get("stream"))
            server = self._server(client_object)
            request = Request(
                self._client,
                endpoint.wire_format,
                client_object,
                body,
                stream,
                asynchronous,
                server,
            )
            observation = self._open_call(request)
            if observation is not None:
                observation.explain, observation.answer_of = explain, processed_answer
                if observation.asks_usage:
                    args, kwargs = _with_usage(
                        observation, endpoint, request, options, args, kwargs
                    )
            return observation, args, kwargs
        except Exception as error:  # noqa: BLE001  our fault must not keep the app from calling its model
            guard.report(f"looking at a request of {self._client.name}", error)
            return None, args, kwargs

    def _server(self, client_object: Any) -> Address:
        """Where the client's requests go; the last answer is kept, as most apps have one client."""
        # the property of the newest clients imports a module each time
        url = getattr(client_object, "_base_url", None) or client_object.base_url
        known, place = self._last
        if url is not known:
            place = url.host or None, url.port or (80 if url.scheme == "http" else 443)
            self._last = url, place
        return place


def _body(options: Any) -> Mapping[str, Any]:
    if options.method.upper() == "GET":
        # what such a request says is in its address
        return {**(options.params or {}), "id": options.url.partition("?")[0].rpartition("/")[2]}
    body, extra = options.json_data, getattr(options, "extra_json", None)
    body = body if isinstance(body, Mapping) else {}
    if isinstance(extra, Mapping):
        body = {**body, **extra}
    # newer clients take out what was not given only on the way to the server
    return {name: value for name, value in body.items() if type(value).__name__ not in _NOT_GIVEN}


def _is_plain(body: Any) -> bool:
    """Whether a body is made of what JSON knows, as most are, and can be read as it is."""
    return type(body) is dict and _PLAIN.issuperset(map(type, body.values()))


def _listed(body: Any) -> dict[str, Any] | None:
    """A body in which lists stand for iterators, which are read once only; `None` if there are none in it."""
    if not isinstance(body, Mapping) or not any(map(_is_iterator, body.values())):
        return None
    return {name: _drawn(value) if _is_iterator(value) else value for name, value in body.items()}


def _is_iterator(value: Any) -> bool:
    """Whether a value is an iterator, asked of its class: a class is none, and an object may compute its attributes."""
    kind = type(value)
    return hasattr(kind, "__next__") and not hasattr(
        kind, "read"
    )  # an open file is one too, and is left alone


def _drawn(iterator: Iterator[Any]) -> Any:
    """All items of an iterator; if it raises, an iterator that does the same where the client reads it."""
    found: list[Any] = []
    try:
        found.extend(iterator)
    except BaseException as error:  # noqa: BLE001  it is the app's, and is raised to it
        return _raising(found, error)
    return found


def _raising(found: list[Any], error: BaseException) -> Iterator[Any]:
    yield from found
    raise error


def _with_body(
    body: Any, options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """A copy of the options with another body, and the arguments with that copy."""
    options = copy.copy(options)
    options.json_data = body
    if "options" in kwargs:
        return options, args, {**kwargs, "options": options}
    return options, (args[0], options, *args[2:]), kwargs


def _with_usage(
    observation: Observation,
    endpoint: Endpoint,
    request: Request,
    options: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with a copy of the options in which the stream asks for its token counts."""
    body = endpoint.wire_format.with_usage_requested(options.json_data)
    if body is None:
        return args, kwargs
    observation.hides = endpoint.wire_format.only_usage
    observation.awaits_usage = True
    return _with_body(body, options, args, kwargs)[1:]


def _client_made(
    wrapped: Any, client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Wrap the constructor: a variant of a client object has what was attached to that."""
    wrapped(*args, **kwargs)
    try:
        inherit(client_object)
    except Exception as error:  # noqa: BLE001  our fault must not keep the app from having its client
        guard.report("looking at a client that was made", error)


def _follow_result(observation: Observation, result: Any) -> Any:
    """Follow what `request` gave: a stream, a raw response, or a whole answer; the app gets the very object."""
    try:
        kind = _kind(type(result))
        if kind == _STREAM:
            follow_close(observation, result.response)
            observe(result, observation)
            result.response._callspan_stream = weakref.ref(result)
        elif kind == _RAW:
            _received_raw(observation, result)
        else:
            observation.answer(result)
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
        guard.report(f"following an answer of {observation.call.client_name}", error)
        observation.finish()
    return result


def _made_anew(wrapped: Any, stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """In place of a stream's making: helpers of older clients make one of their own over the response of the first."""
    wrapped(*args, **kwargs)
    response: Any = kwargs.get("response")
    first = getattr(response, "_callspan_stream", None)
    if first is not None and (known := first()) is not None:
        response._callspan_stream = None
        known._callspan_drop.detach()
        observe(stream, known._callspan)


@cache
def _kind(result: type) -> str:
    """What `request` may give, told by the class: a model answers slowly what it does not have."""
    if hasattr(result, "__stream__"):
        return _STREAM
    return _RAW if hasattr(result, "http_request") and hasattr(result, "parse") else _WHOLE


def _received_raw(observation: Observation, raw: Any) -> None:
    if raw.http_response.is_closed:
        read_whole(raw.http_response, observation)
    else:
        follow(observation, raw)


def _retry(wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In place of the computation of the wait, which the client asks for only when it will try again."""
    wait = wrapped(*args, **kwargs)
    observation = active.get()
    if observation is not None and isinstance(wait, (int, float)):
        observation.retry(cause(sys.exc_info()[1]), float(wait))
    return wait
