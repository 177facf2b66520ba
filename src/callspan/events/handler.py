"""The methods of a handler."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from callspan.events.call import Call
from callspan.events.delta import Token
from callspan.events.response import Response


@runtime_checkable
class Handler(Protocol):
    """An object that is notified of calls.

    Any of the four methods may be missing, and any may be `async def`. They run in the path of the
    call, so none must block.
    """

    def on_start(self, call: Call) -> Any:
        """Note the start of a call. May return a context manager to enter around the request."""

    def on_token(self, call: Call, token: Token) -> Any:
        """Note one piece of a streamed answer."""

    def on_end(self, call: Call, response: Response) -> Any:
        """Note the end of a call that was completed or abandoned."""

    def on_error(self, call: Call, error: BaseException) -> Any:
        """Note the end of a call that failed or was cancelled."""
