"""The methods by which an object handles the events of calls.

They run in the path of the app's call, so they must not block; each may be `async def`. An
exception that one raises is logged and never reaches the app.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

from callspan.events.call import Call
from callspan.events.delta import Token
from callspan.events.response import Response


@runtime_checkable
class HandlesStart(Protocol):
    """An object that is called when a call begins."""

    def on_start(self, call: Call) -> object:
        """Handle the start of a call, before it is sent.

        Args:
            call: The call, whose response is still empty.

        Returns:
            A context manager to be entered around the provider's call; any other value is ignored.
        """
        ...


@runtime_checkable
class HandlesToken(Protocol):
    """An object that is called for each token, or chunk, of an answer."""

    def on_token(self, call: Call, token: Token) -> object:
        """Handle a piece of a streamed answer as it arrives.

        Args:
            call: The call.
            token: The piece.
        """
        ...


@runtime_checkable
class HandlesEnd(Protocol):
    """An object that is called when a call has its answer, or its reader has left it."""

    def on_end(self, call: Call, response: Response) -> object:
        """Handle the end of a call that has not failed.

        Args:
            call: The call, with its `outcome` and its `duration` in seconds.
            response: The answer as far as it was read.
        """
        ...


@runtime_checkable
class HandlesError(Protocol):
    """An object that is called when a call failed or was cancelled."""

    def on_error(self, call: Call, error: BaseException) -> object:
        """Handle the failure or the cancellation of a call.

        Args:
            call: The call, with its `outcome`, its `failure` and its `duration` in seconds.
            error: The exception, which the app gets as well.
        """
        ...


# one protocol for each method, so that a type checker takes an object that has only some of them
AnyHandler: TypeAlias = HandlesStart | HandlesToken | HandlesEnd | HandlesError
"""An object with one or more of the methods; any of them may be `async def`, and none may block."""


@runtime_checkable
class Handler(HandlesStart, HandlesToken, HandlesEnd, HandlesError, Protocol):
    """An object with all four methods; `AnyHandler` is one that has some of them."""
