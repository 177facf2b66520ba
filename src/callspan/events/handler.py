"""What a handler is."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from callspan.events.call import Call
from callspan.events.delta import Token
from callspan.events.response import Response


@runtime_checkable
class Handler(Protocol):
    """What is told of calls. Any of the four methods may be missing, and any may be `async def`.

    `on_start` may return a context manager, which is entered around the provider call. A handler must not block.
    """

    def on_start(self, call: Call) -> Any: ...

    def on_token(self, call: Call, token: Token) -> Any: ...

    def on_end(self, call: Call, response: Response) -> Any: ...

    def on_error(self, call: Call, error: BaseException) -> Any: ...
