"""Sessions of MCP: the version of the protocol that each has agreed on, and how long it lasts."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument
from callspan.frameworks.mcp.connections import connection_of
from callspan.frameworks.mcp.exchange import reporter
from callspan.frameworks.mcp.requests import LAST_VERSION_WITH_SESSIONS, bare, get
from callspan.frameworks.reporter import RunStart
from callspan.runtime.patching import Patch

Wrapped = Callable[..., Any]
Begin = tuple[int, float]
"""When a session began: in nanoseconds since 1970, and in seconds by `time.perf_counter()`."""
_CLIENT, _SERVER = "mcp_client_session", "mcp_server_session"
_versions: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
"""The versions that the sessions of mcp 1.x have agreed on, which they do not keep themselves."""
_begins: weakref.WeakKeyDictionary[object, Begin] = weakref.WeakKeyDictionary()
"""When the sessions that are open have begun."""


def note_version(session: object, result: Any) -> None:
    """Take the version of the protocol from the answer to `initialize`."""
    version = get(bare(result), "protocolVersion")
    if isinstance(version, str):
        _versions[session] = version


def version_of(session: object) -> str | None:
    """Return the version that a session has agreed on; `None` before it has."""
    # a client of mcp 2.x keeps it
    return getattr(session, "protocol_version", None) or _versions.get(session)


async def _enter(wrapped: Wrapped, session: Any, args: Args, kwargs: Kwargs) -> Any:
    """Note when a session begins."""
    if not _is_stateless(session):
        _begins[session] = _now()
    return await wrapped(*args, **kwargs)


def _is_stateless(session: Any) -> bool:
    """Whether it is a server's object for one request alone: mcp 1.x makes it as if initialized."""
    state = getattr(session, "_initialization_state", None)
    return getattr(state, "name", None) == "Initialized"


async def _leave(operation: str, wrapped: Wrapped, session: Any, args: Args, kwargs: Kwargs) -> Any:
    """Report a session that ends; an exception that leaves the app's block ends it, too."""
    begin = _begins.pop(session, None)
    error = argument(args, kwargs, 1, "exc_val")
    try:
        return await wrapped(*args, **kwargs)
    except BaseException as another:
        # the app's own, where the session's tasks put a group around it
        error = error or another
        raise
    finally:
        if begin is not None:
            _report(operation, version_of(session), _stream_of(session), begin, error)


def _stream_of(session: Any) -> Any:
    # mcp 2.x has a dispatcher between a session and its streams
    return getattr(getattr(session, "_dispatcher", session), "_write_stream", None)


async def _serve(wrapped: Wrapped, dispatcher: Any, args: Args, kwargs: Kwargs) -> Any:
    """Report a session that a server of mcp 2.x has served; a client runs a dispatcher too."""
    connection = _served_connection(argument(args, kwargs, 1, "on_notify"))
    if connection is None:
        return await wrapped(*args, **kwargs)
    begin = _now()
    error: BaseException | None = None
    try:
        return await wrapped(*args, **kwargs)
    except BaseException as another:
        error = another
        raise
    finally:
        # without a client there was no `initialize`, and so no session
        if connection.client_params is not None:
            _report(_SERVER, connection.protocol_version, _stream_of(dispatcher), begin, error)


def _served_connection(on_notify: Any) -> Any:
    """Return the server's connection that notifications are for.

    A client has none, one of the newest protocol is new with each request, and one that is there
    for a single request cannot send anything of its own.
    """
    connection = getattr(getattr(on_notify, "__self__", None), "connection", None)
    return connection if getattr(connection, "has_standalone_channel", False) else None


def _now() -> Begin:
    return time.time_ns(), time.perf_counter()


def _report(
    operation: str, version: str | None, stream: Any, begin: Begin, error: BaseException | None
) -> None:
    # versions are dates; without one the two sides have never agreed to have a session
    if version is None or version > LAST_VERSION_WITH_SESSIONS:
        return
    facts = connection_of(stream).facts()
    start = RunStart(
        operation,
        parameters={
            "mcp_protocol_version": version,
            "network_protocol_name": facts.get("network_protocol_name"),
            "server_address": facts.get("server_address"),
            "server_port": facts.get("server_port"),
        },
    )
    # a task that is cancelled, or an app that leaves, ends a session as it should end
    reporter.report_past(start, begin, error if isinstance(error, Exception) else None)


def patches() -> list[Patch]:
    """Return the patches of the functions that open and close sessions."""
    client, server = "mcp.client.session", "mcp.server.session"
    leave_client, leave_server = partial(_leave, _CLIENT), partial(_leave, _SERVER)
    earlier = "mcp.shared.session"
    json_rpc = ("mcp.shared.jsonrpc_dispatcher", "JSONRPCDispatcher.run")
    return [
        Patch(client, "ClientSession.__aenter__", _enter),
        Patch(client, "ClientSession.__aexit__", leave_client),
        # in mcp 1.x alone: a server of 2.x runs a dispatcher
        Patch(server, "ServerSession.__aenter__", _enter, optional=True),
        Patch(server, "ServerSession.__aexit__", leave_server, optional=True),
        Patch(*json_rpc, _serve, elsewhere=earlier),
        Patch("mcp.shared.direct_dispatcher", "DirectDispatcher.run", _serve, elsewhere=earlier),
    ]
