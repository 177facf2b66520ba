"""The hook of clients that Fern generates: the methods of raw clients, each of one request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from types import AsyncGeneratorType, GeneratorType

from callspan.formats.bodies import merge_bodies
from callspan.formats.fields import get
from callspan.hooks.address import address
from callspan.hooks.client import Client, Hook, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.failure import cause
from callspan.hooks.methods import Explain, Method, MethodCall, methods_hook
from callspan.lifecycle.generators import follow_generator
from callspan.lifecycle.observation import Observation, active
from callspan.runtime.patching import Patch

BaseUrl = Callable[[ClientObject], str]
"""Returns the base URL, by the `_client_wrapper` that the parts of an app's client share."""


def hook(package: str, *methods: list[Method], explain: Explain) -> Hook:
    """Return the hook of a client that has these methods, with the retries of its package."""
    calls_hook = methods_hook(*chain.from_iterable(methods), explain=explain)

    def client_hook(client: Client, subscriber: Subscriber) -> list[Patch]:
        return [*calls_hook(client, subscriber), *retry_patches(package)]

    return client_hook


def raw_methods(
    raw_client: tuple[str, str],
    endpoints: Mapping[str, str],
    base_url: BaseUrl,
    managers: Iterable[str] = (),
) -> list[Method]:
    """Return the methods of a raw client and of its asynchronous twin.

    Args:
        raw_client: Its module and its class.
        endpoints: The name of each method's endpoint.
        base_url: Returns the base URL of an app's client.
        managers: The methods that return a context manager though they do not stream: their answer
            is bytes, which are read in pieces.
    """
    module, kind = raw_client
    methods: list[Method] = []
    for name, endpoint in endpoints.items():
        # `chat_stream` in older clients, `stream_with_timestamps` in others
        stream = "stream" in name
        read_call = partial(_read_call, endpoint, base_url, stream)
        sync = Method(
            module,
            f"{kind}.{name}",
            read_call,
            lazy=stream,
            generator=name in managers,
            follow=_follow,
        )
        # Fern generates each class twice, under these two names
        methods += [sync, replace(sync, path=f"Async{kind}.{name}", asynchronous=True)]
    return methods


def retry_patches(package: str) -> list[Patch]:
    """Return the patches that notice a retry, which the client makes inside one call."""
    # for an error response, and for a connection that failed (cohere 7.3)
    names = ("_retry_timeout", "_retry_timeout_from_retries")
    return [Patch(f"{package}.core.http_client", name, _retry, optional=True) for name in names]


def _read_call(
    endpoint: str,
    base_url: BaseUrl,
    stream: bool,
    raw_client: ClientObject,
    _args: Args,
    kwargs: Kwargs,
) -> MethodCall:
    """Read the arguments: they are the fields of the body, by name."""
    body: dict[str, object] = {}
    for name, value in kwargs.items():
        # an ellipsis is Fern's default for a field that is not sent
        if value is not ... and name != "request_options":
            body[name] = value
    extra = get(kwargs.get("request_options"), "additional_body_parameters")
    if isinstance(extra, Mapping):
        body = merge_bodies(body, extra)
    if "model_id" in body:
        # ElevenLabs' name for it
        body["model"] = body["model_id"]
    shared = raw_client._client_wrapper
    return MethodCall(endpoint, body, address(base_url(shared)), stream, shared)


def _follow(observation: Observation, response: ClientObject) -> ClientObject:
    """Follow the data of a raw response: a generator of items, or a whole answer."""
    # private: the app reads it by the property `data` (cohere 5.16 to 7; tests/test_cohere.py)
    data = response._data
    if isinstance(data, (GeneratorType, AsyncGeneratorType)):
        response._data = follow_generator(observation, data)
    else:
        observation.answer(data)
    return response


def _retry(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap the computation of the wait, which the client makes only when it will try again."""
    wait = wrapped(*args, **kwargs)
    observation = active.get()
    if observation is not None and isinstance(wait, (int, float)):
        status = get(kwargs.get("response"), "status_code")
        reason = cause(sys.exc_info()[1]) if status is None else str(status)
        observation.retry(reason, float(wait))
    return wait
