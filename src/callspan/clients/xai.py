"""xAI's client, which speaks by gRPC and makes spans of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from callspan.events import Failure
from callspan.events.exceptions import qualified_name
from callspan.formats.xai.chat import CHAT, request_body
from callspan.hooks.address import Server, address
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.native_tracer import mute_block
from callspan.runtime import guard
from callspan.runtime.patching import Patch
from callspan.semconv.providers import by_address

_NAME = "xai_sdk"
_UNWRAP: dict[str, Callable[[Result], object]] = {
    "sample": lambda result: result.proto,
    "sample_batch": lambda result: result[0].proto,
    "parse": lambda result: result[0].proto,
    "defer": lambda result: result.proto,
    "defer_batch": lambda result: result[0].proto,
    # each chunk stands beside the response so far
    "stream": lambda item: item[1].proto,
    "stream_batch": lambda item: item[1][0].proto,
}
"""The methods of a chat, and the message of Protocol Buffers in what each returns or yields."""


def _read_call(name: str, chat: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall:
    """Read a request, which the app has built in its chat; a batch is given the number of answers."""
    choices = 1
    if name.endswith("_batch"):
        choices = args[0] if args else kwargs["n"]
    # private (xai-sdk 1.4 to 1.21); what all chats of a client object share (tests/test_xai.py)
    stub = chat._stub
    server: Server = getattr(stub, "_callspan_server", (None, None))
    body = request_body(chat._proto, choices)
    return MethodCall("chat", body, server, name.startswith("stream"), stub)


def _explain(error: BaseException) -> Failure:
    """Explain an error; one of gRPC has its code in place of an HTTP status."""
    failure = explain(error)
    code = getattr(error, "code", None)
    if not callable(code):
        return failure
    name = getattr(code(), "name", None)
    return replace(failure, type=name or qualified_name(type(error)))


def _init(wrapped: Function, client_object: ClientObject, args: Args, kwargs: Kwargs) -> None:
    """Wrap what sets a client object up: remember where its requests go, which gRPC does not say."""
    wrapped(*args, **kwargs)
    try:
        host = args[2] if len(args) > 2 else kwargs["api_host"]
        client_object.chat._stub._callspan_server = address(f"https://{host}")
    except Exception as error:  # noqa: BLE001  the app must get its client
        guard.report("looking at a client that was made", error)


def _methods() -> list[Method]:
    methods: list[Method] = []
    for name, unwrap in _UNWRAP.items():
        read_call = partial(_read_call, name)
        method = Method(
            "xai_sdk.sync.chat",
            f"Chat.{name}",
            read_call,
            lazy=name.startswith("stream"),
            unwrap=unwrap,
            optional=name not in ("sample", "stream"),
        )
        methods += [method, replace(method, module="xai_sdk.aio.chat", asynchronous=True)]
    return methods


_calls_hook = methods_hook(*_methods(), explain=_explain)


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    patches = _calls_hook(client, subscriber)
    for kind in ("sync", "aio"):
        patches.append(Patch(f"xai_sdk.{kind}.client", "Client._init", _init, optional=True))
        # the module has taken its tracer when it was imported
        path = "tracer.start_as_current_span"
        patches.append(Patch(f"xai_sdk.{kind}.chat", path, mute_block(_NAME), optional=True))
    return patches


XAI = Client(
    name=_NAME,
    package="xai-sdk",
    module="xai_sdk",
    versions=("1.4", "2"),
    provider=by_address("x_ai"),
    hook=_hook,
    endpoints={"chat": CHAT},
    inner="chat._stub",
)
