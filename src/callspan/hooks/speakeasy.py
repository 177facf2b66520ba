"""The door of clients that Speakeasy generates: the function that sends one request, with its retries inside."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from functools import partial
from typing import Any

from callspan.formats.fields import parse_json
from callspan.hooks.address import address
from callspan.hooks.attempts import attempt
from callspan.hooks.calls import stands_for_own_span
from callspan.hooks.methods import Method, MethodCall
from callspan.hooks.raw_response import follow_response
from callspan.hooks.refusal import error_made
from callspan.hooks.speakeasy_streams import events_made, stream_made
from callspan.runtime.patching import Patch

_STREAMS = ("Stream", "AsyncStream", "EventStream", "EventStreamAsync")
"""The classes of its streams, in the packages of one maker or another."""


def requests(package: str, **more: Any) -> list[Method]:
    """The functions through which each request of a package of Speakeasy's passes."""
    module = f"{package}.basesdk"
    told = {"read_call": _read_call, "optional": True, "follow": follow_response, **more}
    return [
        Method(module, "BaseSDK.do_request", **told),
        Method(module, "BaseSDK.do_request_async", asynchronous=True, **told),
        Method(module, "AsyncBaseSDK.do_request_async", asynchronous=True, **told),
    ]


def streams(package: str) -> list[Patch]:
    """The patches by which its streams are followed event by event, as the app reads them."""
    module = f"{package}.utils.eventstreaming"
    made = {f"{kind}.__init__": stream_made for kind in _STREAMS}
    # the oldest clients give what these functions give; newer ones put it into an object
    made |= {"stream_events": events_made, "stream_events_async": events_made}
    return [Patch(module, path, wrapper, optional=True) for path, wrapper in made.items()]


def attempts(package: str) -> list[Patch]:
    """The patches by which each of its attempts is seen."""
    module = f"{package}.utils.retries"
    names = ("retry_with_backoff", "retry_with_backoff_async")
    return [Patch(module, name, _retried, optional=True) for name in names]


def errors(*classes: tuple[str, str]) -> list[Patch]:
    """The patches by which its exceptions, each a module and a class, end the calls that were refused."""
    return [
        Patch(module, f"{name}.__init__", error_made, optional=True) for module, name in classes
    ]


def own_spans(package: str, client_name: str) -> list[Patch]:
    """Return the patches by which it makes no span of its own for a call of this client's that has one of ours.

    A client that the app gave a tracer provider goes on: the app asked for those spans.
    """
    module = f"{package}._hooks.tracing"
    return [
        Patch(module, "get_or_create_otel_tracer", _tracer_made, optional=True),
        Patch(
            module, "get_traced_request_and_span", partial(_untraced, client_name), optional=True
        ),
    ]


def _read_call(sdk: Any, _args: tuple[Any, ...], kwargs: dict[str, Any]) -> MethodCall | None:
    """What an HTTP request says that is ready to be sent."""
    request = kwargs["request"]
    body = parse_json(request.content)
    if not isinstance(body, Mapping):
        return None
    server, stream = address(str(request.url)), body.get("stream") is True
    # each part of an app's client object is an object of its own; what they share is the hooks
    return MethodCall(
        request.method,
        _path(request.url),
        body,
        server,
        stream,
        vars(sdk.sdk_configuration).get("_hooks"),
    )


def _path(url: Any) -> str:
    """The path, with the fragment by which methods that are sent to one path differ; streams stand in the body too."""
    return url.path if url.fragment in ("", "stream") else f"{url.path}#{url.fragment}"


def _retried(wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In place of the function that calls its first argument again and again."""
    ask, *more = args
    return wrapped(lambda *given: attempt(ask, None, given, {}), *more, **kwargs)


def _untraced(
    client_name: str, wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """In place of the function that begins its own span, and gives it back with the request."""
    if stands_for_own_span(client_name) and kwargs.get("tracer") not in _requested_tracers:
        return kwargs["request"], None
    return wrapped(*args, **kwargs)


_requested_tracers: weakref.WeakSet[Any] = weakref.WeakSet()
"""Tracers of providers that the app gave to a client."""


def _tracer_made(wrapped: Any, _none: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Wrap the function that gives a client its tracer, for each request: remember whose provider it is from."""
    result = wrapped(*args, **kwargs)
    provider = args[0] if args else kwargs.get("provider")
    if provider is not None:
        _requested_tracers.add(result[1])
    return result
