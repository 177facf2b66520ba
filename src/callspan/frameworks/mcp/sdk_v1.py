"""mcp 1.x: requests are models, and a session a side sends and receives them.

It has no tracing of its own. A server catches what its handlers raise, so the answer is read where
it is given to the session. Seen with mcp 1.30.
"""

from __future__ import annotations

import weakref
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
from callspan.frameworks.mcp.exchange import Exchange, begin
from callspan.frameworks.mcp.requests import CLIENT, SERVER, Request, bare, get
from callspan.frameworks.mcp.sessions import note_version, version_of
from callspan.runtime.patching import Patch

Wrapped = Callable[..., Any]
Responder = Any
"""The SDK's object of a request that waits for its answer."""
_exchanges: weakref.WeakKeyDictionary[Responder, Exchange] = weakref.WeakKeyDictionary()


async def send(wrapped: Wrapped, session: Any, args: Args, kwargs: Kwargs) -> Any:
    """Send a request and await its answer, with our trace context in its `_meta`."""
    exchange = begin(partial(_outgoing, session, args, kwargs))
    if exchange is None:
        return await wrapped(*args, **kwargs)
    result = await exchange.send(wrapped, args, kwargs, (0, "request"), _with_meta)
    note_version(session, result)
    return result


def _outgoing(session: Any, args: Args, kwargs: Kwargs) -> Request:
    request = bare(argument(args, kwargs, 0, "request"))
    # private: the id that `BaseSession.send_request` takes next
    return _sent(session, request, session._request_id)


def _sent(session: Any, message: Any, request_id: object = None) -> Request:
    return Request(
        CLIENT,
        message.method,
        message.params,
        request_id,
        version_of(session),
        connection_of(session._write_stream),
    )


async def notify(wrapped: Wrapped, session: Any, args: Args, kwargs: Kwargs) -> Any:
    """Send a notification, with our trace context in its `_meta`."""
    notification = argument(args, kwargs, 0, "notification")
    exchange = begin(lambda: _sent(session, bare(notification)))
    if exchange is None:
        return await wrapped(*args, **kwargs)
    return await exchange.send(wrapped, args, kwargs, (0, "notification"), _with_meta)


def _with_meta(request: Any, carrier: dict[str, Any]) -> Any:
    inner = bare(request)
    if inner.params is None:
        # `ping` and the lists have none; all messages may have `_meta`
        inner = type(inner)(params={"_meta": carrier})
    else:
        meta = inner.params.meta
        if meta is None:
            # requests and notifications have each a class of their own
            meta = type(inner.params).Meta()
        # copies, for the app may send the same request again
        meta = meta.model_copy(update=carrier)
        inner = inner.model_copy(update={"params": inner.params.model_copy(update={"meta": meta})})
    return inner if inner is request else request.model_copy(update={"root": inner})


async def receive(wrapped: Wrapped, _server: object, args: Args, kwargs: Kwargs) -> Any:
    """Answer a request to a server."""
    responder = argument(args, kwargs, 0, "message")
    session = argument(args, kwargs, 2, "session")
    return await _receive(partial(wrapped, *args, **kwargs), session, responder)


async def receive_in_session(wrapped: Wrapped, session: Any, args: Args, kwargs: Kwargs) -> Any:
    """Answer a request that the session answers by itself: of a server's, only the first."""
    responder = argument(args, kwargs, 0, "responder")
    work = partial(wrapped, *args, **kwargs)
    is_server = hasattr(session, "client_params")
    if is_server and bare(responder.request).method != "initialize":
        return await work()
    return await _receive(work, session, responder)


async def _receive(work: Wrapped, session: Any, responder: Responder) -> Any:
    exchange = begin(lambda: _incoming(session, responder))
    if exchange is None:
        return await work()
    _exchanges[responder] = exchange
    # `respond` ends it; the end of this work comes later and does nothing
    return await exchange.follow(work)


def _incoming(session: Any, responder: Responder) -> Request:
    connection = _connection(session, responder)
    return _received(session, bare(responder.request), connection, responder.request_id)


def _received(
    session: Any, message: Any, connection: Connection, request_id: object = None
) -> Request:
    return Request(
        SERVER,
        message.method,
        message.params,
        request_id,
        version_of(session),
        connection,
        _meta_of(message),
    )


def _connection(session: Any, responder: Responder) -> Connection:
    http_request = getattr(responder.message_metadata, "request_context", None)
    if http_request is None:
        return connection_of(session._write_stream)
    connection = connection_of_http(http_request)
    note_http_session(session._write_stream, connection)
    return connection


async def receive_message(wrapped: Wrapped, _server: object, args: Args, kwargs: Kwargs) -> Any:
    """Handle a notification to a server; requests come this way too, and are seen further on."""
    message = argument(args, kwargs, 0, "message")
    session = argument(args, kwargs, 1, "session")
    return await _receive_notification(partial(wrapped, *args, **kwargs), session, message)


async def receive_in_client(wrapped: Wrapped, session: Any, args: Args, kwargs: Kwargs) -> Any:
    """Handle a notification to a client."""
    message = argument(args, kwargs, 0, "notification")
    return await _receive_notification(partial(wrapped, *args, **kwargs), session, message)


async def _receive_notification(work: Wrapped, session: Any, message: Any) -> Any:
    notification = bare(message)
    if not hasattr(notification, "method"):
        # a request as the server keeps it, or an exception of the transport
        return await work()
    exchange = begin(lambda: _received(session, notification, connection_of(session._write_stream)))
    if exchange is None:
        return await work()
    return await exchange.follow(work)


def _meta_of(message: Any) -> dict[str, Any]:
    meta = getattr(message.params, "meta", None)
    return {} if meta is None else meta.model_dump()


async def respond(wrapped: Wrapped, responder: Responder, args: Args, kwargs: Kwargs) -> Any:
    """Send the answer to a request, which ends with it."""
    exchange = _exchanges.pop(responder, None)
    if exchange is not None:
        _end(exchange, responder, argument(args, kwargs, 0, "response"))
    return await wrapped(*args, **kwargs)


def _end(exchange: Exchange, responder: Responder, response: Any) -> None:
    code = get(response, "code")
    if isinstance(code, int):
        exchange.refuse(code, str(get(response, "message")))
        return
    # a server learns the version from its own answer to `initialize`
    note_version(responder._session, response)
    exchange.finish(response)


async def cancel(wrapped: Wrapped, responder: Responder, args: Args, kwargs: Kwargs) -> Any:
    """Cancel a request, as the other side wants it: the server swallows the exception."""
    exchange = _exchanges.pop(responder, None)
    if exchange is not None:
        # not at the top: most programs have no need of it
        from asyncio import CancelledError

        exchange.fail(CancelledError())
    return await wrapped(*args, **kwargs)


def patches() -> list[Patch]:
    """Return the patches of sessions, whose module is not there in mcp 2.x."""
    module, later = "mcp.shared.session", "mcp.shared.jsonrpc_dispatcher"
    return [
        Patch(module, "BaseSession.send_request", send, elsewhere=later),
        Patch(module, "BaseSession.send_notification", notify, elsewhere=later),
        Patch(module, "RequestResponder.respond", respond, elsewhere=later),
        Patch(module, "RequestResponder.cancel", cancel, elsewhere=later),
        Patch("mcp.server.lowlevel.server", "Server._handle_request", receive, optional=True),
        Patch("mcp.server.lowlevel.server", "Server._handle_message", receive_message, True),
        Patch("mcp.server.session", "ServerSession._received_request", receive_in_session, True),
        Patch("mcp.client.session", "ClientSession._received_request", receive_in_session, True),
        Patch(
            "mcp.client.session", "ClientSession._received_notification", receive_in_client, True
        ),
    ]
