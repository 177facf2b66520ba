"""Methods that return a context manager of a session, as Google's client has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from callspan.formats.fields import Body
from callspan.formats.session import SessionFormat
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import (
    Args,
    ClientClass,
    ClientObject,
    Function,
    Kwargs,
    Result,
)
from callspan.hooks.sockets import SessionSource
from callspan.lifecycle.overlays import as_overlay
from callspan.runtime import guard
from callspan.runtime.patching import Patch


@dataclass(frozen=True, slots=True)
class SessionMethod:
    """One method whose context manager opens sessions, and how their parts are found.

    Attributes:
        module: The module that has it.
        path: Its dotted path in the module.
        session_format: How the events of the sessions are read.
        settings: Reads the settings of a session from the arguments.
        attributes: The attribute of a session with its connection, and that of the object whose
            method it is with the client object.
    """

    module: str
    path: str
    session_format: SessionFormat
    settings: Callable[..., Body]
    attributes: tuple[str, str]


def session_patch(client: Client, subscriber: Subscriber, method: SessionMethod) -> Patch:
    """Return the patch by which the sessions of a client are caught."""
    sessions = SessionSource(client, subscriber, method.session_format, asynchronous=True)

    def connect(wrapped: Function, owner: ClientObject, args: Args, kwargs: Kwargs) -> Result:
        # before the client, some versions of which change the arguments
        settings = _settings(client, method, args, kwargs)
        manager = wrapped(*args, **kwargs)

        def follow(session: ClientObject) -> None:
            try:
                socket = getattr(session, method.attributes[0])
                client_object = getattr(owner, method.attributes[1])
                sessions.follow(socket, client_object, settings)
            except Exception as error:  # noqa: BLE001  the app must get its session
                guard.report(f"following a session of {client.name}", error)

        # contextlib's class of managers; the object stays, as callers may test for its type
        manager._callspan = follow
        manager.__class__ = _overlay(type(manager))
        return manager

    return Patch(method.module, method.path, connect, optional=True)


def _settings(client: Client, method: SessionMethod, args: Args, kwargs: Kwargs) -> Body:
    try:
        return method.settings(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  the app must get its session
        guard.report(f"reading the settings of a session of {client.name}", error)
        return {}


@cache
def _overlay(kind: ClientClass) -> type:
    class Manager(kind):
        _callspan: Callable[[ClientObject], None]

        async def __aenter__(self) -> Result:
            session = await super().__aenter__()
            self._callspan(session)
            return session

    return as_overlay(kind, Manager)
