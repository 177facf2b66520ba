"""The methods that an object needs to be called about calls."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

from callspan.events.call import Call
from callspan.events.delta import Token
from callspan.events.response import Response


@runtime_checkable
class HandlesStart(Protocol):
    """An object that is called when a call begins.

    `on_start` may return a context manager, which is entered around the provider's call.
    """

    def on_start(self, call: Call) -> object: ...


@runtime_checkable
class HandlesToken(Protocol):
    """An object that is called for each token, or chunk, of an answer."""

    def on_token(self, call: Call, token: Token) -> object: ...


@runtime_checkable
class HandlesEnd(Protocol):
    """An object that is called when a call has its answer, or its reader has left it."""

    def on_end(self, call: Call, response: Response) -> object: ...


@runtime_checkable
class HandlesError(Protocol):
    """An object that is called when a call failed or was cancelled."""

    def on_error(self, call: Call, error: BaseException) -> object: ...


AnyHandler: TypeAlias = HandlesStart | HandlesToken | HandlesEnd | HandlesError
"""An object with one or more of the methods; any of them may be `async def`, and none may block."""


@runtime_checkable
class Handler(HandlesStart, HandlesToken, HandlesEnd, HandlesError, Protocol):
    """An object with all four methods. Those that have some of them are `AnyHandler`."""
