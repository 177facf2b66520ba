"""A sync and an async handler on one streaming call: words are heard as they come, and nobody waits for the other.

All of it is shown by events: the server holds a word back until the one before has been heard, and the async handler is
held where it awaits until others have run.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_openai import ChatOpenAI

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from clients import async_openai_client
from program import CHAT
from telemetry import Telemetry

WORDS = ["Roses", " are", " red."]


class Scene:
    """What happens, in order, and the gates at which the async handler waits."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.heard_first = asyncio.Event()
        self.may_start = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ending = asyncio.Event()

    def word(self, text: str) -> None:
        """The sync handler has heard a word."""
        if text:
            self.seen.append(text)
            self.heard_first.set()

    async def start(self) -> None:
        """The async handler is told of the start, and waits."""
        self.seen.append("starting")
        await self.may_start.wait()
        self.seen.append("started")

    async def end(self) -> None:
        """The same for the end."""
        self.seen.append("ending")
        self.ending.set()
        await self.may_end.wait()
        self.seen.append("ended")


def ours(scene: Scene) -> tuple[Any, ...]:
    """The two handlers as handlers of callspan."""

    class Speaks:
        def on_token(self, call: callspan.Call, token: callspan.Token) -> None:
            scene.word(token.text)

    class Waits:
        async def on_start(self, call: callspan.Call) -> None:
            await scene.start()

        async def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
            await scene.end()

    return Speaks(), Waits()


def langchains(scene: Scene) -> tuple[Any, ...]:
    """The two handlers as LangChain's, which callspan tells."""

    class Speaks(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **facts: Any) -> None:
            scene.word(token)

    class Waits(AsyncCallbackHandler):
        async def on_llm_start(self, *told: Any, **facts: Any) -> None:
            await scene.start()

        async def on_llm_end(self, *told: Any, **facts: Any) -> None:
            await scene.end()

    return callspan.from_langchain(Speaks()), callspan.from_langchain(Waits())


async def plain(url: str) -> AsyncIterator[str]:
    """The words of a plain client's stream."""
    async with async_openai_client(url) as client:
        async for chunk in await client.chat.completions.create(**CHAT, stream=True):
            yield chunk.choices[0].delta.content or ""


async def through_langchain(url: str) -> AsyncIterator[str]:
    """The words of a LangChain model's stream."""
    async for chunk in ChatOpenAI(model="gpt-4.1-mini", base_url=url, api_key="none").astream(
        "Roses?"
    ):
        yield str(chunk.text)


@pytest.mark.parametrize("handlers", [ours, langchains])
@pytest.mark.parametrize("source", [plain, through_langchain])
async def test_together(
    telemetry: Telemetry,
    model_server: ModelServer,
    handlers: Callable[[Scene], tuple[Any, ...]],
    source: Callable[[str], AsyncIterator[str]],
) -> None:
    """Each word is heard before the server has sent the next, while the async handler still awaits at the start; at
    the end the call goes on while the async handler awaits."""
    scene = Scene()
    telemetry.instrument(handlers=handlers(scene))
    gate = threading.Event()
    model_server.enqueue(
        Reply(text="".join(WORDS), gate=gate, gate_after=2)
    )  # after the role and the first word

    async def read() -> list[str]:
        return [word async for word in source(model_server.url) if word]

    reading = asyncio.create_task(read())
    await asyncio.wait_for(scene.heard_first.wait(), 20)
    assert scene.seen in (["Roses"], ["starting", "Roses"])
    assert not reading.done()
    gate.set()
    assert await asyncio.wait_for(reading, 20) == WORDS
    assert [event for event in scene.seen if event != "starting"] == WORDS
    assert "starting" in scene.seen

    scene.may_start.set()
    await asyncio.wait_for(scene.ending.wait(), 20)
    assert [event for event in scene.seen if event != "starting"] == [*WORDS, "started", "ending"]
    scene.may_end.set()
    await asyncio.wait_for(ended(scene), 20)


async def ended(scene: Scene) -> None:
    """Let others run until the async handler has been told the end."""
    while "ended" not in scene.seen:
        await asyncio.sleep(0)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_lines_of_langchain_models(
    telemetry: Telemetry, model_server: ModelServer, stream: bool, tmp_path: Any
) -> None:
    """The file handler of ours writes down what a LangChain model says, as it is said, in readable Chinese."""
    path = tmp_path / "calls.log"
    model_server.enqueue(Reply(text="红玫瑰。"))
    model = ChatOpenAI(
        model="gpt-4.1-mini", base_url=model_server.url, api_key="none", streaming=stream
    )
    with callspan.FileHandler(path, content=True) as file, callspan.use_handlers(file):
        model.invoke("哪种花?")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["> chat gpt-4.1-mini started", "红玫瑰。"]
    assert lines[2].startswith("< finished")
    assert len(lines) == 3
