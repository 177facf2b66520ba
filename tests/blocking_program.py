"""A program that calls models in an event loop where nothing may block; prints who has blocked, as JSON.

Give it a case and, as JSON, the options of `instrument()`. What a client does is its own affair: a function that blocks
counts if ours called it, by itself or by a library that only we use.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
import sysconfig
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from blockbuster import BlockBuster, BlockBusterFunction

import callspan
from callspan.testing.modelserver import ModelServer, Reply

OURS = str(Path(callspan.__file__).parent)
STANDARD = sysconfig.get_path("stdlib")
PACKAGES = sysconfig.get_path("purelib")
LIBRARIES = ("opentelemetry", "tiktoken", "genai_prices", "wrapt", "blockbuster")
USED_BY_US = tuple(f"{PACKAGES}/{name}/" for name in LIBRARIES)
SYSTEM = "You sell flowers."
blocked: list[str] = []


def watch() -> BlockBuster:
    """Record each call of ours that blocks an event loop."""
    detector = BlockBuster()
    for name, function in detector.functions.items():
        function.can_block_predicate = _recording(name, function)
    detector.activate()
    return detector


def _recording(name: str, function: BlockBusterFunction) -> Callable[..., bool]:
    may_block = function.can_block_predicate

    def record(*args: Any, **kwargs: Any) -> bool:
        if not may_block(*args, **kwargs) and not _is_allowed(function.can_block_functions):
            place = _caller()
            if place.startswith(OURS):
                blocked.append(f"{name} in {place}")
        return True

    return record


def _is_allowed(functions: list[tuple[str, Iterable[str]]]) -> bool:
    """Whether blocking is allowed in one of the functions that are being run, as in an import."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if any(
            code.co_filename.endswith(file) and code.co_name in names for file, names in functions
        ):
            return True
        frame = frame.f_back
    return False


def _caller() -> str:
    """The file and line that have request for what blocks, libraries left out that only we use."""
    frame: Any = sys._getframe(3)
    while frame is not None:
        file = frame.f_code.co_filename
        is_library = file.startswith(USED_BY_US) or (
            file.startswith(STANDARD) and not file.startswith(PACKAGES)
        )
        if not is_library and not file.startswith("<"):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


async def plain(url: str) -> None:
    """OpenAI's client: whole, streamed, left, failed, tried again."""
    from openai import AsyncOpenAI

    chat: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    async with AsyncOpenAI(base_url=url, api_key="any", max_retries=1) as client:
        await client.chat.completions.create(**chat)
        async for _ in await client.chat.completions.create(**chat, stream=True):
            pass
        async for _ in await client.chat.completions.create(**chat, stream=True):
            break
        await client.responses.create(model="gpt-4o-mini", input="Hi")
        await client.embeddings.create(model="text-embedding-3-small", input="Hi")


async def failing(url: str) -> None:
    """OpenAI's client: tried again after a fault of the server's, and refused."""
    from openai import AsyncOpenAI, BadRequestError

    chat: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    async with AsyncOpenAI(base_url=url, api_key="any", max_retries=1) as client:
        await client.chat.completions.create(**chat)
        with contextlib.suppress(BadRequestError):
            await client.chat.completions.create(**chat)


async def proxied(url: str) -> None:
    """LiteLLM, with a client that is watched and with an answer that it makes up."""
    import litellm

    request: Any = {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "api_key": "any",
    }
    await litellm.acompletion(**request, base_url=url)
    async for _ in await litellm.acompletion(**request, base_url=url, stream=True):
        pass


async def generated(url: str) -> None:
    """Google's client."""
    from google import genai

    options: Any = {"base_url": url.removesuffix("/v1")}
    models = genai.Client(api_key="any", http_options=options).aio.models
    await models.generate_content(model="gemini-2.5-flash", contents="Hi")
    async for _ in await models.generate_content_stream(model="gemini-2.5-flash", contents="Hi"):
        pass


async def heard(url: str) -> None:
    """OpenAI's client with an asynchronous handler, and a stream that the garbage collector finds."""
    from openai import AsyncOpenAI

    class Handler:
        async def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
            ends.append(call.id)

    ends: list[str] = []
    chat: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    async with AsyncOpenAI(base_url=url, api_key="any", max_retries=1) as client:
        with callspan.use_handlers(Handler()):
            await client.chat.completions.create(**chat)
            stream: Any = await client.chat.completions.create(**chat, stream=True)
            circle = [stream]
            circle.append(circle)
            del stream, circle
            gc.collect()
        while len(ends) < 2:
            await asyncio.sleep(0.001)


async def messages(url: str) -> None:
    """Anthropic's client."""
    from anthropic import AsyncAnthropic

    request: Any = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    async with AsyncAnthropic(
        base_url=url.removesuffix("/v1"), api_key="any", max_retries=0
    ) as client:
        await client.messages.create(**request)
        async with client.messages.stream(**request) as stream:
            async for _ in stream:
                pass


async def chain(url: str) -> None:
    """A chain of LangChain's, with a model whose client is watched and one without a client."""
    from langchain_core.language_models import FakeListChatModel
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    ask = ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", "{x}")])
    for model in (
        ChatOpenAI(model="gpt-4o-mini", base_url=url, api_key="any"),
        FakeListChatModel(responses=["Roses"]),
    ):
        await (ask | model).ainvoke({"x": "Hi"})
        async for _ in (ask | model).astream({"x": "Hi"}):
            pass
        await (ask | model).abatch([{"x": "Hi"}, {"x": "Ho"}])


async def graph(url: str) -> None:
    """A graph of LangGraph's with a tool, a node that fails, and a model."""
    from langchain_core.language_models import FakeListChatModel
    from langchain_core.tools import tool
    from langgraph.graph import START, StateGraph

    @tool
    async def price(flower: str) -> str:
        """Tell a price."""
        return f"{flower}: 3"

    async def node(_state: dict[str, Any]) -> dict[str, Any]:
        await price.ainvoke({"flower": "rose"})
        return {"x": (await FakeListChatModel(responses=["Roses"]).ainvoke("Hi")).content}

    async def fail(_state: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("made up")

    good = StateGraph(dict).add_node("node", node).add_edge(START, "node").compile()
    await good.ainvoke({})
    async for _ in good.astream({}):
        pass
    with contextlib.suppress(ValueError):
        await StateGraph(dict).add_node("fail", fail).add_edge(START, "fail").compile().ainvoke({})


async def marked(url: str) -> None:
    """Functions that the program marks."""

    @callspan.tool
    async def price(flower: str) -> str:
        return flower

    @callspan.agent
    async def shop() -> str:
        return await price("rose")

    await shop()


CASES: dict[str, Callable[[str], Awaitable[None]]] = {
    case.__name__: case
    for case in (plain, failing, proxied, generated, heard, messages, chain, graph, marked)
}


async def run(case: str, url: str) -> None:
    """Run a case while blocking is watched."""
    detector = watch()
    try:
        await CASES[case](url)
        await asyncio.sleep(0)
    finally:
        detector.deactivate()


def main(case: str, options: str) -> None:
    """Run a case in a program that is instrumented with these options."""
    callspan.instrument(**json.loads(options))
    with ModelServer() as server:
        if case == "failing":
            server.enqueue(Reply(status=500, error_message="made up"), Reply(text="Roses"))
            server.enqueue(Reply(status=400, error_message="made up"))
        with callspan.count_tokens():
            asyncio.run(run(case, server.url))
    print(json.dumps(blocked))


if __name__ == "__main__":
    main(*sys.argv[1:])
