"""The hook of clients that Stainless generates: `request` of their base client, once for each call.

Retries happen inside it; raw responses, helpers, saved bound methods and clients made earlier all
pass through it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from callspan.formats.format import Format
from callspan.hooks import gateway
from callspan.hooks.address import Server
from callspan.hooks.bodies import read_content
from callspan.hooks.calls import make_async_call, make_call
from callspan.hooks.client import Client, Request, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.failure import cause, explain, processed_answer
from callspan.hooks.native_tracer import NativeTracer
from callspan.hooks.paths import by_path, path_values
from callspan.hooks.raw_response import follow_close, follow_raw
from callspan.hooks.stainless_options import body_of, is_plain, with_lists, with_whole_body
from callspan.lifecycle.client_options import inherit
from callspan.lifecycle.observation import Observation, active
from callspan.lifecycle.reading import Reading
from callspan.lifecycle.streams import follow_stream
from callspan.runtime import guard
from callspan.runtime.patching import Patch

_STREAM, _LINES, _RAW, _BYTES, _WHOLE = "stream", "lines", "raw", "bytes", "whole"


def stainless_hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    """Return the patches by which the calls of one client are caught."""
    base = f"{client.module}._base_client"
    streaming = f"{client.module}._streaming"
    hook = _RequestHook(client, subscriber)
    # the optional ones add facts, or serve helpers; without them calls are seen all the same
    patches = [
        Patch(base, "SyncAPIClient.request", hook.request),
        Patch(base, "AsyncAPIClient.request", hook.async_request),
        Patch(base, "BaseClient._calculate_retry_timeout", _retry, optional=True),
        Patch(base, "BaseClient.__init__", _make_client, optional=True),
        Patch(base, "SyncAPIClient._process_response", gateway.process, optional=True),
        Patch(base, "AsyncAPIClient._process_response", gateway.process, optional=True),
        Patch(streaming, "Stream.__init__", _make_stream, optional=True),
        Patch(streaming, "AsyncStream.__init__", _make_stream, optional=True),
    ]
    if client.tracer_property is not None:
        tracer = NativeTracer(client)
        patches.append(Patch(base, client.tracer_property, tracer.find, optional=True))
    return patches


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One endpoint; `reading_with_usage` hides the chunk that is there because callspan asked.

    `path_values` reads the parts of the path that are parameters, where it has any.
    """

    wire_format: Format
    reading: Reading
    reading_with_usage: Reading
    path_values: Callable[[str], dict[str, str]] | None

    def whole_body(self, url: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """Return a body with the parameters in the path, which are not sent in it."""
        if self.path_values is None:
            return body
        return {**self.path_values(url), **(body or {})}


class _RequestHook:
    """The wrappers of one client: `_open` and `_follow` decide, the wrappers only wait."""

    def __init__(self, client: Client, subscriber: Subscriber) -> None:
        self._client = client
        self._open_call = subscriber.open_call
        self._requests_usage = subscriber.requests_usage
        # first, so that a job's path is not taken for the endpoint whose path it ends in
        endpoints: dict[str, _Endpoint | None] = dict.fromkeys(client.jobs)
        for name, wire_format in subscriber.formats_of(client).items():
            reading = Reading(
                wire_format.read, explain, processed_answer, in_lines=wire_format.in_lines
            )
            hiding = replace(reading, hides=wire_format.only_usage, awaits_usage=True)
            endpoints[name] = _Endpoint(wire_format, reading, hiding, path_values(name))
        self._endpoint_at = by_path(endpoints)
        # one tuple: a thread must not see the URL of one client object with the server of another
        self._latest_server: tuple[ClientObject, Server] = None, (None, None)

    def request(
        self, wrapped: Function, client_object: ClientObject, args: Args, kwargs: Kwargs
    ) -> Result:
        """Wrap `SyncAPIClient.request`: observe calls of the client's endpoints, and no others."""
        observation, args, kwargs = self._open(client_object, args, kwargs, False)
        if observation is None:
            return wrapped(*args, **kwargs)
        return make_call(observation, wrapped, args, kwargs, _follow)

    async def async_request(
        self, wrapped: Function, client_object: ClientObject, args: Args, kwargs: Kwargs
    ) -> Result:
        """Wrap `AsyncAPIClient.request`: observe calls of the client's endpoints, and no others."""
        observation, args, kwargs = self._open(client_object, args, kwargs, True)
        if observation is None:
            return await wrapped(*args, **kwargs)
        return await make_async_call(observation, wrapped, args, kwargs, _follow)

    def _open(
        self, client_object: ClientObject, args: Args, kwargs: Kwargs, asynchronous: bool
    ) -> tuple[Observation | None, Args, Kwargs]:
        """Return the observation of a call, or `None`, and the arguments to go on with."""
        try:
            # clients call `request` in both ways; `cast_to` comes first
            options = kwargs["options"] if "options" in kwargs else args[1]
            endpoint = self._endpoint_at(options.method, options.url)
            if endpoint is None:
                return None, args, kwargs
            body = options.json_data
            # most bodies are plain, and are spared being copied (docs/decisions/0029)
            if not is_plain(options):
                options, args, kwargs = with_lists(options, args, kwargs)
                body = body_of(options)
            stream = bool(kwargs.get("stream"))
            body_with_usage = None
            # a body that is bytes is nobody's to write into
            if stream and self._requests_usage and isinstance(options.json_data, Mapping):
                body_with_usage = endpoint.wire_format.with_usage_requested(body)
            has_usage = body_with_usage is not None
            reading = endpoint.reading_with_usage if has_usage else endpoint.reading
            request = Request(
                self._client,
                endpoint.wire_format,
                client_object,
                endpoint.whole_body(options.url, body),
                stream,
                asynchronous,
                self._server(client_object),
                reading,
            )
            observation = self._open_call(request)
            if body_with_usage is not None and observation is not None:
                # only for an observed call, as the observation hides the chunk that this brings
                args, kwargs = with_whole_body(body_with_usage, options, args, kwargs)
            return observation, args, kwargs
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report(f"looking at a request of {self._client.name}", error)
            return None, args, kwargs

    def _server(self, client_object: ClientObject) -> Server:
        """Return where the client object's requests go."""
        # the property of the newest clients imports a module each time
        url = getattr(client_object, "_base_url", None) or client_object.base_url
        latest_url, server = self._latest_server
        if url is latest_url:  # most apps have one client object
            return server
        port = url.port
        if not port:
            port = 80 if url.scheme == "http" else 443
        server = url.host or None, port
        self._latest_server = url, server
        return server


def _make_client(
    wrapped: Function, client_object: ClientObject, args: Args, kwargs: Kwargs
) -> None:
    """Wrap the constructor: a variant of a client object inherits its per-client options."""
    wrapped(*args, **kwargs)
    try:
        inherit(client_object)
    except Exception as error:  # noqa: BLE001  the app must get its client
        guard.report("looking at a client that was made", error)


def _follow(observation: Observation, result: Result) -> Result:
    """Let an observation follow a stream, a raw response, or a whole answer.

    Returns the same object.
    """
    try:
        kind = _kind(type(result))
        if kind == _STREAM:
            # some helpers close the response and leave their stream alone
            follow_close(observation, result.response)
            follow_stream(observation, result)
            # weakly: a stream that its reader drops must go at once, and its response with it
            result.response._callspan_stream = weakref.ref(result)
        elif kind == _LINES:
            follow_stream(observation, result)
        elif kind == _BYTES and observation.reading.in_lines:
            read_content(result.response, observation)
        elif kind in (_WHOLE, _BYTES):
            observation.answer(result)
        elif result.http_response.is_closed:
            read_content(result.http_response, observation)
        else:
            follow_raw(observation, result)
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
        guard.report(f"following an answer of {observation.call.client_name}", error)
        observation.finish()
    return result


def _make_stream(wrapped: Function, stream: ClientObject, args: Args, kwargs: Kwargs) -> None:
    """Wrap `Stream.__init__`: a second stream over a response continues the call of the first.

    Helpers of older versions (anthropic 0.40) make a stream of their own over the response of the
    one that `request` returned. See tests/test_anthropic.py.
    """
    wrapped(*args, **kwargs)
    response: ClientObject = kwargs.get("response")
    reference = getattr(response, "_callspan_stream", None)
    first = reference() if reference is not None else None
    if first is not None:
        response._callspan_stream = None
        # the helper drops the first stream unread, which says nothing of the call
        first._callspan_drop.detach()
        follow_stream(first._callspan, stream)


@cache
def _kind(result: type) -> str:
    """Classify a result of `request` by its type.

    Cached, and never by the object: `hasattr` on a pydantic model is slow.
    """
    if hasattr(result, "__stream__"):
        return _STREAM
    if hasattr(result, "http_request") and hasattr(result, "parse"):
        return _RAW
    # the results of a batch of Anthropic's: an iterator over lines of JSON
    if hasattr(result, "__decode__"):
        return _LINES
    # a file, or sound, that is received already
    if hasattr(result, "iter_bytes"):
        return _BYTES
    return _WHOLE


def _retry(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap the computation of the wait, which the client makes only when it will try again."""
    wait = wrapped(*args, **kwargs)
    observation = active.get()
    if observation is not None and isinstance(wait, (int, float)):
        observation.retry(cause(sys.exc_info()[1]), float(wait))
    return wait
