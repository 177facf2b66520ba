"""The ways in which a program can ask for an answer or a stream; each is one line of its code, sync and async."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any

from table.kinds import Kind


@dataclass(frozen=True)
class Mode:
    """One way; a stack takes the context managers that the way needs, and is left when the reader has returned.

    `needs` names what a resource must have for it, which older clients do not.
    `ends_at_break` says whether leaving the reader's loop ends the call, or only closing what was opened.
    """

    name: str
    open: Callable[[Kind, Any, ExitStack], Any]
    aopen: Callable[[Kind, Any, AsyncExitStack], Awaitable[Any]]
    needs: str = "create"

    raw: bool = False
    ends_at_break: bool = True

    def __str__(self) -> str:
        return self.name


def _request(kind: Kind, stream: bool) -> dict[str, Any]:
    return {**kind.request, **({"stream": True, **kind.stream_request} if stream else {})}


def _create(stream: bool) -> dict[str, Any]:
    async def aopen(kind: Kind, client: Any, _stack: AsyncExitStack) -> Any:
        return await kind.resource(client).create(**_request(kind, stream))

    return {
        "open": lambda kind, client, _: kind.resource(client).create(**_request(kind, stream)),
        "aopen": aopen,
    }


def _raw(stream: bool) -> dict[str, Any]:
    async def aopen(kind: Kind, client: Any, _stack: AsyncExitStack) -> Any:
        parsed = (
            await kind.resource(client).with_raw_response.create(**_request(kind, stream))
        ).parse()
        return await parsed if inspect.iscoroutine(parsed) else parsed

    def open(kind: Kind, client: Any, _stack: ExitStack) -> Any:
        return kind.resource(client).with_raw_response.create(**_request(kind, stream)).parse()

    return {"open": open, "aopen": aopen}


def _streaming_raw(stream: bool) -> dict[str, Any]:
    async def aopen(kind: Kind, client: Any, stack: AsyncExitStack) -> Any:
        manager = kind.resource(client).with_streaming_response.create(**_request(kind, stream))
        return await (await stack.enter_async_context(manager)).parse()

    def open(kind: Kind, client: Any, stack: ExitStack) -> Any:
        manager = kind.resource(client).with_streaming_response.create(**_request(kind, stream))
        return stack.enter_context(manager).parse()

    return {"open": open, "aopen": aopen}


def _stream_helper() -> dict[str, Any]:
    async def aopen(kind: Kind, client: Any, stack: AsyncExitStack) -> Any:
        return await stack.enter_async_context(
            kind.resource(client).stream(**kind.request, **kind.stream_request)
        )

    def open(kind: Kind, client: Any, stack: ExitStack) -> Any:
        return stack.enter_context(
            kind.resource(client).stream(**kind.request, **kind.stream_request)
        )

    return {"open": open, "aopen": aopen}


def _parse_helper() -> dict[str, Any]:
    async def aopen(kind: Kind, client: Any, _stack: AsyncExitStack) -> Any:
        return await kind.resource(client).parse(**kind.request)

    return {
        "open": lambda kind, client, _: kind.resource(client).parse(**kind.request),
        "aopen": aopen,
    }


STREAMED = (
    Mode("streamed", **_create(True)),
    Mode("raw", needs="with_raw_response", **_raw(True), raw=True),
    Mode("streaming_raw", needs="with_streaming_response", **_streaming_raw(True), raw=True),
    Mode("helper", needs="stream", **_stream_helper(), ends_at_break=False),
)
PLAIN = (
    Mode("plain", **_create(False)),
    Mode("raw", needs="with_raw_response", **_raw(False), raw=True),
    Mode("streaming_raw", needs="with_streaming_response", **_streaming_raw(False), raw=True),
    Mode("helper", needs="parse", **_parse_helper()),
)
