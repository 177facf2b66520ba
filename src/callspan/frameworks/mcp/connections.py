"""Connections of MCP: what is known of the transport under a session, and of the session itself."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from callspan.decorators.running import Args, Kwargs
from callspan.events import Parameters
from callspan.frameworks.function_runs import argument

Stream = Any
"""The stream of a session's outgoing messages; transports make it, sessions keep it."""
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Connection:
    """The facts of a connection.

    Attributes:
        transport: `pipe` or `tcp`.
        protocol: `http` or `websocket`; `None` over a pipe.
        protocol_version: The version of HTTP, which only servers know.
        url: The address of the server, at the client.
        client: Address and port of the client, at the server.
        session_id: Returns the session's id, which the server gives when it answers first.
    """

    transport: str | None = None
    protocol: str | None = None
    protocol_version: str | None = None
    url: str | None = None
    client: tuple[str | None, int | None] = (None, None)
    session_id: Callable[[], object] = lambda: None

    def facts(self) -> Parameters:
        """Return the facts under plain names."""
        address, port = _address(self.url)
        client_address, client_port = self.client
        return {
            "network_transport": self.transport,
            "network_protocol_name": self.protocol,
            "network_protocol_version": self.protocol_version,
            "server_address": address,
            "server_port": port,
            "client_address": client_address,
            "client_port": client_port,
            "mcp_session_id": self.session_id(),
        }


NO_CONNECTION = Connection()
_by_stream: weakref.WeakKeyDictionary[Stream, Connection] = weakref.WeakKeyDictionary()


def connection_of(stream: Stream) -> Connection:
    """Return the facts of the connection whose outgoing messages go into a stream."""
    try:
        return _by_stream.get(_key(stream), NO_CONNECTION)
    except TypeError:  # no stream, or one of another make that cannot be referenced weakly
        return NO_CONNECTION


def _key(stream: Stream) -> Stream:
    # mcp 2.x puts an object around some streams that cannot be referenced weakly
    return getattr(stream, "_inner", stream)


def connection_of_http(request: Any) -> Connection:
    """Return the connection of a request by Starlette's object, which servers over HTTP have."""
    if request is None:
        return NO_CONNECTION
    client = request.client
    return Connection(
        "tcp",
        "http",
        protocol_version=request.scope.get("http_version"),
        # not every server says it, behind a Unix socket for example
        client=(None, None) if client is None else (client.host, client.port),
        session_id=lambda: request.headers.get("mcp-session-id"),
    )


def note_transport(transport: str, protocol: str | None = None) -> Callable[..., Any]:
    """Return a wrapper for the generator function that opens a transport, which yields its streams.

    It stands inside the function's decorator, as others have taken the function by its name.
    """

    def wrapper(
        wrapped: Callable[..., AsyncIterator[Any]], _instance: object, args: Args, kwargs: Kwargs
    ) -> AsyncIterator[Any]:
        url = argument(args, kwargs, 0, "url") if protocol is not None else None
        return _noted(wrapped, args, kwargs, Connection(transport, protocol, url=url))

    return wrapper


async def _noted(
    wrapped: Callable[..., AsyncIterator[Any]], args: Args, kwargs: Kwargs, connection: Connection
) -> AsyncIterator[Any]:
    # a block of its own: exceptions of the app's block reach the transport as before
    async with contextlib.asynccontextmanager(wrapped)(*args, **kwargs) as streams:
        # a transport yields the stream to read from and the one to write to
        _note(streams[1], connection)
        yield streams


def note_http_transport(
    wrapped: Callable[..., Any], transport: Any, args: Args, kwargs: Kwargs
) -> Any:
    """Wrap the task that posts a client's messages: it has both the stream and the transport."""
    connection = Connection(
        "tcp", "http", url=transport.url, session_id=lambda: transport.session_id
    )
    _note(argument(args, kwargs, 3, "write_stream"), connection)
    return wrapped(*args, **kwargs)


def note_http_session(stream: Stream, connection: Connection) -> None:
    """Keep the facts of a server's session over HTTP, for the requests that the server sends."""
    # the first request is there before the session's id
    session_id = connection.session_id()
    if connection_of(stream).session_id() is None:
        # neither the client's port, which is another with each request, nor the request itself
        lasting = replace(connection, client=(None, None), session_id=lambda: session_id)
        _note(stream, lasting)


def _note(stream: Stream, connection: Connection) -> None:
    # see `connection_of` for the exception
    with contextlib.suppress(TypeError):
        _by_stream[_key(stream)] = connection


def _address(url: object) -> tuple[str | None, int | None]:
    if not isinstance(url, str):
        return None, None
    parts = urlsplit(url)
    # an address without a port means its scheme's
    return parts.hostname, parts.port or _PORTS.get(parts.scheme)
