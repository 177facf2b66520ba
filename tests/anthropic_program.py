"""A program that uses Anthropic's client, and the server that answers it from payload files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from clients import anthropic_client, anthropic_http
from conftest import PAYLOADS

HELLO: dict[str, Any] = {
    "model": "claude-flowers",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "whisper-asked"}],
}
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


class Pieces(anthropic_http.SyncByteStream, anthropic_http.AsyncByteStream):  # type: ignore[misc]
    """A body in pieces; one that is an exception is raised, and at `None` the body hangs."""

    def __init__(self, pieces: list[Any]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if piece is None:
                await asyncio.Event().wait()
            if isinstance(piece, BaseException):
                raise piece
            yield piece


class Server:
    """Gives its answers in turn, and the last one again and again.

    An answer is the name of a payload file, plain data, or the pieces of a stream.
    """

    def __init__(self, *answers: Any, kind: str = "text/event-stream") -> None:
        self._answers = list(answers)
        self._kind = kind
        self.bodies: list[Any] = []
        self.paths: list[str] = []

    async def aanswer(self, request: Any) -> Any:
        """Answer a request of an asynchronous client."""
        await request.aread()
        return self(request)

    def __call__(self, request: Any) -> Any:
        self.bodies.append(json.loads(request.read() or b"null"))
        self.paths.append(request.url.path)
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        status = int(answer[6:9]) if str(answer).startswith("error_") else 200
        kind = (
            "application/json"
            if isinstance(answer, dict) or str(answer).endswith(".json")
            else self._kind
        )
        headers = {"content-type": kind, "request-id": "req_7"}
        if status == 429:
            headers["retry-after"] = "3"
        return anthropic_http.Response(status, headers=headers, stream=Pieces(pieces(answer)))


def pieces(answer: Any) -> list[Any]:
    """Return the body of an answer in the pieces in which it is sent."""
    if isinstance(answer, dict):
        return [json.dumps(answer).encode()]
    return frames(answer) if isinstance(answer, str) else answer


def frames(name: str) -> list[bytes]:
    """Return the events of a payload."""
    whole = (PAYLOADS / "anthropic" / name).read_bytes()
    return [part + b"\n\n" for part in whole.split(b"\n\n") if part]


def at(client: Any, path: str) -> Any:
    """Return the attribute at a dotted path."""
    for name in path.split("."):
        client = getattr(client, name)
    return client


Way = Callable[[Any], Any]
STREAM = {**HELLO, "stream": True}


def play(
    server: Server,
    ways: tuple[Way, Way],
    asynchronous: bool,
    form: str = "Anthropic",
    **options: Any,
) -> None:
    """Use a form of the client, in sync or asynchronous code."""
    if not asynchronous:
        with anthropic_client(server, form, **options) as client:
            ways[0](client)
        return

    async def main() -> None:
        async with anthropic_client(server.aanswer, f"Async{form}", **options) as client:
            await ways[1](client)

    asyncio.run(main())


def ask(
    server: Server, asynchronous: bool = False, path: str = "messages.create", **request: Any
) -> None:
    """Request one whole answer."""

    async def aask(client: Any) -> None:
        await at(client, path)(**{**HELLO, **request})

    play(server, (lambda client: at(client, path)(**{**HELLO, **request}), aask), asynchronous)
