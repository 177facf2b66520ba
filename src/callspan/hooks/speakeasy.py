"""The hook of clients that Speakeasy generates: the function that sends and retries a request."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from callspan.formats.bodies import parse_json
from callspan.hooks.address import address
from callspan.hooks.attempts import attempt
from callspan.hooks.calls import FollowResult, call_with_span
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.methods import Method, MethodCall
from callspan.hooks.native import policy
from callspan.hooks.paths import by_path, path_values
from callspan.hooks.raw_response import follow_response
from callspan.hooks.refusal import end_refused
from callspan.hooks.speakeasy_streams import make_events, make_stream
from callspan.runtime import guard
from callspan.runtime.patching import Patch
from callspan.runtime.scope import inject
from callspan.telemetry.propagation import sends_context

_Endpoint = tuple[str, "Callable[[str], dict[str, str]] | None"]
"""The name of an endpoint, and the reader of the parts of its path that are parameters."""
_STREAMS = ("Stream", "AsyncStream", "EventStream", "EventStreamAsync")
"""The classes of streams, in the packages of one maker or another."""


def request_methods(
    package: str,
    endpoints: Iterable[str],
    follow: FollowResult = follow_response,
    **options: Any,
) -> list[Method]:
    """Return the functions through which each request of a package passes.

    Args:
        package: The package.
        endpoints: The names of the endpoints whose requests are calls, as `hooks/paths.py` has
            them; where methods differ by nothing else the fragment is a part of the path.
        follow: Lets an observation follow the response.
        options: Further arguments of `Method`.
    """
    find_endpoint = by_path({name: (name, path_values(name)) for name in endpoints})
    sync = Method(
        f"{package}.basesdk",
        "BaseSDK.do_request",
        partial(_read_call, find_endpoint),
        optional=True,
        follow=follow,
        **options,
    )
    return [
        sync,
        replace(sync, path="BaseSDK.do_request_async", asynchronous=True),
        # google-genai has a class of its own for it, mistralai has not
        replace(sync, path="AsyncBaseSDK.do_request_async", asynchronous=True),
    ]


def stream_patches(package: str) -> list[Patch]:
    """Return the patches that follow streams event by event, as the app reads them."""
    module = f"{package}.utils.eventstreaming"
    patches = [Patch(module, f"{kind}.__init__", make_stream, optional=True) for kind in _STREAMS]
    # the app gets the generators of these functions in the oldest versions; newer ones wrap them
    for function in ("stream_events", "stream_events_async"):
        patches.append(Patch(module, function, make_events, optional=True))
    return patches


def attempt_patches(package: str) -> list[Patch]:
    """Return the patches that notice each attempt of a request."""
    module = f"{package}.utils.retries"
    names = ("retry_with_backoff", "retry_with_backoff_async")
    return [Patch(module, name, _retry, optional=True) for name in names]


def error_patches(*classes: tuple[str, str]) -> list[Patch]:
    """Return the patches by which exceptions, each a module and a class, end the refused calls."""
    patches: list[Patch] = []
    for module, name in classes:
        patches.append(Patch(module, f"{name}.__init__", end_refused, optional=True))
    return patches


def own_span_patches(package: str, client_name: str) -> list[Patch]:
    """Return the patches that keep a client from a span of its own where its call has one of ours.

    A client that the app gave a tracer provider goes on: the app asked for those spans.
    """
    module = f"{package}._hooks.tracing"
    start_span = partial(_start_span, client_name)
    return [
        Patch(module, "get_or_create_otel_tracer", _make_tracer, optional=True),
        Patch(module, "get_traced_request_and_span", start_span, optional=True),
    ]


def _read_call(
    find_endpoint: Callable[[str, str], _Endpoint | None],
    sdk: ClientObject,
    _args: Args,
    kwargs: Kwargs,
) -> MethodCall | None:
    """Read the HTTP request that is ready to be sent."""
    request = kwargs["request"]
    endpoint = find_endpoint(request.method, _path(request.url))
    if endpoint is None:
        return None
    name, values_in = endpoint
    body = parse_json(request.content)
    # what is fetched has its id in the path alone
    if request.method == "GET" and values_in is not None:
        body = values_in(request.url.path)
    if not isinstance(body, Mapping):
        return None
    # the request as it is sent, after all settings of the app and of the client were applied
    return MethodCall(
        name,
        body,
        address(str(request.url)),
        body.get("stream") is True,
        # each part of an app's client object is an object of its own; what they share is the hooks
        vars(sdk.sdk_configuration).get("_hooks"),
    )


def _path(url: ClientObject) -> str:
    """Return the path, with the fragment where methods differ by nothing else.

    The fragment `stream` says no more than the body.
    """
    if url.fragment in ("", "stream"):
        return url.path
    return f"{url.path}#{url.fragment}"


def _retry(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap the function that calls its first argument for each attempt."""
    # the client tries again inside this function, and calls its argument once for each attempt
    send, *others = args
    return wrapped(
        lambda *arguments: attempt(send, None, arguments, {}),
        *others,
        **kwargs,
    )


def _start_span(
    client_name: str, wrapped: Function, _instance: object, args: Args, kwargs: Kwargs
) -> Result:
    """Wrap the function that starts the client's own span: return the request without one.

    The function also writes the context of that span into the request, which gets that of ours.
    """
    call = call_with_span(client_name)
    if call is None or not policy.spans or kwargs.get("tracer") in _requested_tracers:
        return wrapped(*args, **kwargs)
    request: ClientObject = kwargs["request"]
    try:
        if kwargs.get("tracing_enabled") and sends_context(call):
            # only where the client would have sent a context of its own span (docs/decisions/0035)
            inject(request.headers)
    except Exception as error:  # noqa: BLE001  the app must reach its model
        guard.report(f"handing on the context of a call of {client_name}", error)
    return request, None


_requested_tracers: weakref.WeakSet[ClientObject] = weakref.WeakSet()
"""Tracers of providers that the app gave to a client."""


def _make_tracer(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap the function that makes a request's tracer: remember tracers of the app's providers."""
    result = wrapped(*args, **kwargs)
    provider = args[0] if args else kwargs.get("provider")
    if provider is not None:
        # weakly, as the client makes a tracer for each request
        _requested_tracers.add(result[1])
    return result
