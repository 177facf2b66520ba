"""The hook of sessions over websockets: the connections that the package `websockets` makes.

Clients differ in how they send and receive, but each speaks through one object of `websockets`: so
its class is changed, as that of a stream is (docs/decisions/0013).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from inspect import iscoroutinefunction

from callspan.events import Failure
from callspan.events.exceptions import message_of, qualified_name
from callspan.formats.fields import Body
from callspan.formats.session import SessionFormat
from callspan.hooks.address import Server, address
from callspan.hooks.calls import make_async_call, make_call
from callspan.hooks.client import Client, Request, Subscriber
from callspan.hooks.client_types import Args, ClientClass, ClientObject, Kwargs, Result
from callspan.hooks.sessions import Message, Session
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.overlays import as_overlay, follower_of
from callspan.lifecycle.reading import Reading

Socket = ClientObject
"""A connection of `websockets`, synchronous or asynchronous."""


def follow_socket(socket: Socket, session: Session) -> None:
    """Let a session follow a connection to its end; one that is followed already stays so."""
    if follower_of(socket) is not None:
        return
    overlay = _overlay(type(socket))
    # before the class, whose methods read it
    socket._callspan = session
    socket.__class__ = overlay


@dataclass(frozen=True, slots=True)
class SessionSource:
    """The sessions of one kind that a client opens.

    Attributes:
        client: The client.
        subscriber: Who wants the calls.
        session_format: How the events of the sessions are read.
        asynchronous: Whether the app awaits the events.
    """

    client: Client
    subscriber: Subscriber
    session_format: SessionFormat
    asynchronous: bool

    def follow(self, socket: Socket, client_object: ClientObject, settings: Body) -> Session:
        """Let a new session follow a connection, and return it.

        Args:
            socket: The connection.
            client_object: The app's client object, which has opened it.
            settings: The settings of the session.
        """
        server = address(f"https://{socket.request.headers['Host']}")
        open_response = partial(self._open_response, client_object, server)
        session = Session(self.session_format, open_response, settings)
        follow_socket(socket, session)
        return session

    def _open_response(
        self, client_object: ClientObject, server: Server, body: Body
    ) -> Observation | None:
        wire_format = self.session_format.wire_format
        request = Request(
            self.client,
            wire_format,
            client_object,
            body,
            True,
            self.asynchronous,
            server,
            Reading(wire_format.read, explain),
        )
        return self.subscriber.open_call(request)


def explain(error: BaseException) -> Failure:
    """Return why the responses of a connection failed: the class says how that was closed."""
    # not the general one: it would ask `websockets` for names that this warns of
    return Failure(qualified_name(type(error)), message_of(error), exception=error)


@cache
def _overlay(kind: ClientClass) -> type:
    make = _async_overlay if iscoroutinefunction(kind.send) else _sync_overlay
    return as_overlay(kind, make(kind))


def _sync_overlay(kind: ClientClass) -> type:
    class Connection(kind):
        _callspan: Session

        def send(self, message: Message, *args: object, **kwargs: object) -> Result:
            return _send(self._callspan, super().send, (message, *args), kwargs)

        def recv(self, *args: object, **kwargs: object) -> Message:
            try:
                message = super().recv(*args, **kwargs)
            except Exception as error:
                _hand_off(_failed(self._callspan, error))
                raise
            observation = self._callspan.receive(message)
            if observation is not None and observation.awaitables:
                observation.hand_off()
            return message

        def close(self, *args: object, **kwargs: object) -> Result:
            # before the close frame, as the receiver may see that first (docs/decisions/0022)
            _hand_off(self._callspan.abandon())
            return super().close(*args, **kwargs)

    return Connection


def _async_overlay(kind: ClientClass) -> type:
    class Connection(kind):
        _callspan: Session

        async def send(self, message: Message, *args: object, **kwargs: object) -> Result:
            return await _send_async(self._callspan, super().send, (message, *args), kwargs)

        async def recv(self, *args: object, **kwargs: object) -> Message:
            # its own cancellation ends no response: apps wait for events with a timeout
            try:
                message = await super().recv(*args, **kwargs)
            except Exception as error:
                await _await_all(_failed(self._callspan, error))
                raise
            observation = self._callspan.receive(message)
            if observation is not None and observation.awaitables:
                await observation.await_handlers()
            return message

        async def close(self, *args: object, **kwargs: object) -> Result:
            await _await_all(self._callspan.abandon())
            return await super().close(*args, **kwargs)

    return Connection


def _send(session: Session, send: Callable[..., Result], args: Args, kwargs: Kwargs) -> Result:
    """Send an event; one that asks for a response is the start of a call."""
    turn = session.send(args[0])
    observation = turn.observation if turn is not None else None
    try:
        if observation is None:
            return send(*args, **kwargs)
        return make_call(observation, send, args, kwargs, _unchanged)
    except BaseException as error:
        if turn is not None:
            session.withdraw(turn)
        _hand_off(_failed(session, error))
        raise


async def _send_async(
    session: Session, send: Callable[..., Result], args: Args, kwargs: Kwargs
) -> Result:
    """Send an event; one that asks for a response is the start of a call."""
    turn = session.send(args[0])
    observation = turn.observation if turn is not None else None
    try:
        if observation is None:
            return await send(*args, **kwargs)
        return await make_async_call(observation, send, args, kwargs, _unchanged)
    except BaseException as error:
        if turn is not None:
            session.withdraw(turn)
        await _await_all(_failed(session, error))
        raise


def _unchanged(_observation: Observation, result: Result) -> Result:
    return result


def _failed(session: Session, error: BaseException) -> list[Observation]:
    """End the open responses if an error says that the connection is closed."""
    # other errors, such as a timeout, leave it open; by name, as `websockets` is not imported here
    if not any(kind.__name__ == "ConnectionClosed" for kind in type(error).__mro__):
        return []
    return session.fail(error)


def _hand_off(observations: list[Observation]) -> None:
    for observation in observations:
        observation.hand_off()


async def _await_all(observations: list[Observation]) -> None:
    for observation in observations:
        await observation.await_handlers()
