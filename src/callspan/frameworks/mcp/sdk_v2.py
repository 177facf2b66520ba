"""mcp 2.x: methods and parameters are plain data, and one dispatcher a side sends and receives them.

Seen with mcp 2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument
from callspan.frameworks.mcp.connections import (
    Connection,
    connection_of,
    connection_of_http,
    note_http_session,
)
from callspan.frameworks.mcp.exchange import begin
from callspan.frameworks.mcp.requests import CLIENT, SERVER, Request, get, meta_of
from callspan.runtime.patching import Patch

Wrapped = Callable[..., Any]
_VERSION_HEADER = "mcp-protocol-version"
_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"


async def send(wrapped: Wrapped, dispatcher: Any, args: Args, kwargs: Kwargs) -> Any:
    """Send a request and await its answer, with our trace context in its `_meta`."""
    exchange = begin(partial(_outgoing, dispatcher, args, kwargs))
    if exchange is None:
        return await wrapped(*args, **kwargs)
    return await exchange.send(wrapped, args, kwargs, (1, "params"), _with_meta)


def _outgoing(dispatcher: Any, args: Args, kwargs: Kwargs) -> Request:
    options = argument(args, kwargs, 2, "opts") or {}
    request_id = options.get("request_id")
    if request_id is None and _stream(dispatcher) is not None:
        # the id that the dispatcher takes next, unless a handler is awaited before and another
        # request overtakes this one
        request_id = dispatcher._next_id + 1
    return _sent(dispatcher, args, kwargs, request_id)


def _stream(dispatcher: Any) -> Any:
    # in one process there is none
    return getattr(dispatcher, "_write_stream", None)


async def notify(wrapped: Wrapped, dispatcher: Any, args: Args, kwargs: Kwargs) -> Any:
    """Send a notification, with our trace context in its `_meta`."""
    exchange = begin(partial(_sent, dispatcher, args, kwargs))
    if exchange is None:
        return await wrapped(*args, **kwargs)
    return await exchange.send(wrapped, args, kwargs, (1, "params"), _with_meta)


def _sent(dispatcher: Any, args: Args, kwargs: Kwargs, request_id: object = None) -> Request:
    params = argument(args, kwargs, 1, "params")
    options = argument(args, kwargs, 2, "opts") or {}
    # from protocol 2026-07-28 on there is no handshake: each request says its version
    version = meta_of(params).get(_VERSION_KEY) or get(options.get("headers"), _VERSION_HEADER)
    return Request(
        CLIENT,
        argument(args, kwargs, 0, "method"),
        params,
        request_id,
        version if isinstance(version, str) else None,
        connection_of(_stream(dispatcher)),
    )


def _with_meta(params: Any, carrier: dict[str, Any]) -> Any:
    meta = {**meta_of(params), **carrier}
    return {**(params or {}), "_meta": meta}


async def receive(wrapped: Wrapped, receiver: Any, args: Args, kwargs: Kwargs) -> Any:
    """Answer a request, or handle a notification, at either side."""
    exchange = begin(partial(_incoming, receiver, args, kwargs))
    if exchange is None:
        return await wrapped(*args, **kwargs)
    return await exchange.follow(partial(wrapped, *args, **kwargs))


def _incoming(receiver: Any, args: Args, kwargs: Kwargs) -> Request:
    context = argument(args, kwargs, 0, "dctx")
    params = argument(args, kwargs, 2, "params")
    # a server's runner has a connection, and a client is the session itself
    version = getattr(receiver, "connection", receiver).protocol_version
    return Request(
        SERVER,
        argument(args, kwargs, 1, "method"),
        params,
        context.request_id,
        version,
        _connection(context),
        meta_of(params),
    )


def _connection(context: Any) -> Connection:
    """Return the connection on which a request came: over HTTP it brings the server's object of it."""
    # the newest version of the protocol puts an object around the context
    stream = _stream(getattr(getattr(context, "_inner", context), "_dispatcher", None))
    http_request = getattr(context.message_metadata, "request_context", None)
    if http_request is None:
        return connection_of(stream)
    connection = connection_of_http(http_request)
    note_http_session(stream, connection)
    return connection


def patches() -> list[Patch]:
    """Return the patches of what sends and receives; the modules are not there in mcp 1.x."""
    earlier = "mcp.shared.session"
    json_rpc = ("mcp.shared.jsonrpc_dispatcher", "JSONRPCDispatcher.send_raw_request")
    # a client and a server in one process, without JSON-RPC between them
    direct = "mcp.shared.direct_dispatcher"
    # the newest version of the protocol, over HTTP: what a server tells while it answers
    answer = ("mcp.server._streamable_http_modern", "_SingleExchangeDispatchContext.notify")
    server, client = "mcp.server.runner", "mcp.client.session"
    return [
        Patch(*json_rpc, send, elsewhere=earlier),
        Patch(json_rpc[0], "JSONRPCDispatcher.notify", notify, elsewhere=earlier),
        Patch(direct, "DirectDispatcher.send_raw_request", send, elsewhere=earlier),
        # the other side's, as the objects of requests that a server works on call it alone
        Patch(direct, "DirectDispatcher._dispatch_notify", notify, elsewhere=earlier),
        Patch(*answer, notify, optional=True),
        Patch(server, "ServerRunner._on_request", receive, elsewhere=earlier),
        Patch(server, "ServerRunner._on_notify", receive, elsewhere=earlier),
        Patch(client, "ClientSession._on_request", receive, optional=True),
        Patch(client, "ClientSession._on_notify", receive, optional=True),
    ]
