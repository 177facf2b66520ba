"""Where clients that Stainless generates open websockets, and what of a session stands there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from callspan.formats.fields import Body
from callspan.formats.session import SessionFormat
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.sessions import Session
from callspan.hooks.sockets import SessionSource, Socket, follow_socket
from callspan.runtime import guard
from callspan.runtime.patching import Patch


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections of one kind that a client opens.

    Attributes:
        modules: Modules with their managers, which older and newer versions have elsewhere.
        name: The name of the manager, which the asynchronous one has behind `Async`.
        session_format: How their events are read.
    """

    modules: tuple[str, ...]
    name: str
    session_format: SessionFormat


def connection_patches(
    client: Client, subscriber: Subscriber, kinds: Iterable[Connections]
) -> list[Patch]:
    """Return the patches by which the sessions of a client are caught."""
    patches: list[Patch] = []
    for kind in kinds:
        hook = _ManagerHook(client, subscriber, kind.session_format)
        for module in kind.modules:
            # each method is in the class under two names
            for method in ("__enter__", "enter"):
                patches.append(Patch(module, f"{kind.name}.{method}", hook.enter, optional=True))
            for method in ("__aenter__", "enter"):
                path = f"Async{kind.name}.{method}"
                patches.append(Patch(module, path, hook.enter_async, optional=True))
    return patches


class _ManagerHook:
    """The wrappers of the context managers that open connections of one kind."""

    def __init__(
        self, client: Client, subscriber: Subscriber, session_format: SessionFormat
    ) -> None:
        self._sessions = SessionSource(client, subscriber, session_format, asynchronous=False)
        self._async_sessions = replace(self._sessions, asynchronous=True)

    def enter(self, wrapped: Function, manager: ClientObject, args: Args, kwargs: Kwargs) -> Result:
        """Wrap the entering of a manager: follow the connection that it has opened."""
        connection = wrapped(*args, **kwargs)
        _follow(self._sessions, manager, connection)
        return connection

    async def enter_async(
        self, wrapped: Function, manager: ClientObject, args: Args, kwargs: Kwargs
    ) -> Result:
        """Wrap the entering of a manager: follow the connection that it has opened."""
        connection = await wrapped(*args, **kwargs)
        _follow(self._async_sessions, manager, connection)
        return connection


def _follow(sessions: SessionSource, manager: ClientObject, connection: ClientObject) -> None:
    try:
        # private (openai 1.59 to 3.57), as the two below; see tests/test_realtime.py
        socket = connection._connection
        client_object = getattr(manager, f"_{type(manager).__name__}__client", None)
        session = sessions.follow(socket, client_object, _settings(socket.request.path))
        # newer versions connect anew where the app has asked for that
        connect = getattr(connection, "_make_ws", None)
        if connect is not None:
            connection._make_ws = _following(connect, session, sessions.asynchronous)
    except Exception as error:  # noqa: BLE001  the app must get its connection
        guard.report(f"following a connection of {sessions.client.name}", error)


def _following(connect: Function, session: Session, asynchronous: bool) -> Function:
    """Wrap the function that connects anew: the session goes on with its new connection."""

    def connect_and_follow(*args: object, **kwargs: object) -> Socket:
        socket = connect(*args, **kwargs)
        follow_socket(socket, session)
        return socket

    async def connect_and_follow_async(*args: object, **kwargs: object) -> Socket:
        socket = await connect(*args, **kwargs)
        follow_socket(socket, session)
        return socket

    return connect_and_follow_async if asynchronous else connect_and_follow


def _settings(path: str) -> Body:
    """Return the model, which is in the address; Azure names a deployment."""
    query = dict(parse_qsl(urlsplit(path).query))
    model = query.get("model") or query.get("deployment")
    return {} if model is None else {"model": model}
