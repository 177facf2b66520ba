"""Programs that call models through LangChain and beside it; the model server knows how many calls each makes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langchain_openai import OpenAI
from pydantic import BaseModel

from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from clients import openai_client
from frameworks.langchain.conftest import chat_model, run

V3 = hasattr(BaseChatModel, "_iter_v2_events")
Program = Callable[[ModelServer], Any]
CASES: dict[str, tuple[Program, int]] = {}
"""Each program, and how many of its calls are made by LangChain."""
ASK = ChatPromptTemplate.from_messages([("user", "{x}")])


def case(by_framework: int, possible: bool = True) -> Callable[[Program], Program]:
    """Put a program into the table, if this version of LangChain can run it."""

    def put(program: Program) -> Program:
        if possible:
            CASES[program.__name__] = (program, by_framework)
        return program

    return put


def direct(server: ModelServer) -> None:
    """A call of the app's own, not through LangChain."""
    with openai_client(server.url) as client:
        client.chat.completions.create(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": "Direct"}]
        )


class Flower(BaseModel):
    """A flower."""

    name: str


@tool
def price(flower: str) -> str:
    """The price of a flower."""
    return f"{flower}: 3"


class Quiet(BaseCallbackHandler):
    """A handler of somebody else's, sync and not inline."""


class Inline(BaseCallbackHandler):
    """A handler that wants to be told in the loop's own thread."""

    run_inline = True


class Waiting(AsyncCallbackHandler):
    """An asynchronous handler."""

    async def on_llm_start(self, *_args: Any, **_told: Any) -> None:
        await asyncio.sleep(0)


class Calling(BaseCallbackHandler):
    """A handler that itself calls a model when it hears of one."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server

    def on_chat_model_start(self, *_args: Any, **_told: Any) -> None:
        direct(self._server)


class Wrapping(BaseChatModel):
    """A model that asks another model."""

    inner: Any

    @property
    def _llm_type(self) -> str:
        return "wrapping"

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(
            generations=[ChatGeneration(message=AIMessage(self.inner.invoke(messages).content))]
        )


class Overriding(Wrapping):
    """A model whose own `generate` calls the one that it inherits."""

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        return super().generate(*args, **kwargs)


class Tenacious(Wrapping):
    """A model that asks again when the first call fails."""

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        try:
            return self.inner._generate(messages)
        except Exception:  # noqa: BLE001  whatever it was
            return self.inner._generate(messages)


@case(1)
def invoke(server: ModelServer) -> None:
    chat_model(server).invoke("Hi")


@case(1)
def ainvoke(server: ModelServer) -> None:
    run(chat_model(server).ainvoke("Hi"))


@case(1)
def stream(server: ModelServer) -> None:
    list(chat_model(server).stream("Hi"))


async def _read(source: Any, take: int | None = None) -> None:
    count = 0
    async for _item in source:
        count += 1
        if count == take:
            break
    await source.aclose()


@case(1)
def astream(server: ModelServer) -> None:
    run(_read(chat_model(server).astream("Hi")))


@case(1)
def astream_events(server: ModelServer) -> None:
    run(_read(chat_model(server).astream_events("Hi", version="v2")))


@case(3)
def batch(server: ModelServer) -> None:
    chat_model(server).batch(["a", "b", "c"])


@case(3)
def abatch(server: ModelServer) -> None:
    run(chat_model(server).abatch(["a", "b", "c"]))


@case(2)
def generate_many(server: ModelServer) -> None:
    chat_model(server).generate([[HumanMessage("a")], [HumanMessage("b")]])


@case(2)
def agenerate_many(server: ModelServer) -> None:
    run(chat_model(server).agenerate([[HumanMessage("a")], [HumanMessage("b")]]))


@case(1)
def structured(server: ModelServer) -> None:
    server.enqueue(Reply(text='{"name": "Rose"}'))
    chat_model(server).with_structured_output(Flower, method="json_mode").invoke("Hi")


@case(1)
def tools(server: ModelServer) -> None:
    server.enqueue(Reply(tool_calls=(ToolCall("price", '{"flower": "rose"}'),)))
    chat_model(server).bind_tools([price]).invoke("Hi")


@case(1)
def responses_api(server: ModelServer) -> None:
    chat_model(server, use_responses_api=True).invoke("Hi")


@case(1)
def responses_api_stream(server: ModelServer) -> None:
    list(chat_model(server, use_responses_api=True).stream("Hi"))


@case(1)
def implicit_stream(server: ModelServer) -> None:
    chat_model(server, streaming=True).invoke("Hi")


@case(1)
def choices(server: ModelServer) -> None:
    chat_model(server, n=2).generate([[HumanMessage("a")]])


@case(1)
def chain(server: ModelServer) -> None:
    (ASK | chat_model(server)).invoke({"x": "Hi"})


@case(1)
def achain_stream(server: ModelServer) -> None:
    run(_read((ASK | chat_model(server)).astream({"x": "Hi"})))


@case(2)
def parallel(server: ModelServer) -> None:
    model = chat_model(server)
    RunnableParallel(a=ASK | model, b=ASK | model).invoke({"x": "Hi"})


@case(2)
def aparallel(server: ModelServer) -> None:
    model = chat_model(server)
    run(RunnableParallel(a=ASK | model, b=ASK | model).ainvoke({"x": "Hi"}))


@case(5)
def gather(server: ModelServer) -> None:
    async def work() -> None:
        model = chat_model(server)
        await asyncio.gather(*(model.ainvoke(str(number)) for number in range(5)))

    run(work())


def _completion(server: ModelServer, **options: Any) -> Any:
    return OpenAI(
        model="gpt-4.1-mini", base_url=server.url, api_key="sk-secret-key", max_retries=0, **options
    )


@case(1)
def completion(server: ModelServer) -> None:
    _completion(server).invoke("Hi")


@case(1)
def acompletion(server: ModelServer) -> None:
    run(_completion(server).ainvoke("Hi"))


@case(1)
def completion_prompts(server: ModelServer) -> None:
    _completion(server).generate(["a", "b", "c"])


@case(1)
def acompletion_prompts(server: ModelServer) -> None:
    run(_completion(server).agenerate(["a", "b", "c"]))


@case(2)
def completion_batches(server: ModelServer) -> None:
    _completion(server, batch_size=2).generate(["a", "b", "c"])


@case(1)
def completion_stream(server: ModelServer) -> None:
    list(_completion(server).stream("Hi"))


@case(1)
def beside(server: ModelServer) -> None:
    direct(server)
    chat_model(server).invoke("Hi")
    direct(server)


@case(1)
def in_a_tool(server: ModelServer) -> None:
    @tool
    def ask(question: str) -> str:
        """Asks."""
        direct(server)
        return question

    (
        ASK
        | chat_model(server)
        | RunnableLambda(lambda said: ask.invoke({"question": said.content}))
    ).invoke({"x": "Hi"})


@case(1)
def in_an_async_tool(server: ModelServer) -> None:
    @tool
    async def ask(question: str) -> str:
        """Asks."""
        direct(server)
        return question

    async def work(said: Any) -> Any:
        return await ask.ainvoke({"question": said.content})

    run((ASK | chat_model(server) | RunnableLambda(work)).ainvoke({"x": "Hi"}))


@case(1)
def in_a_stream_loop(server: ModelServer) -> None:
    for number, _chunk in enumerate(chat_model(server).stream("Hi")):
        if number == 2:
            direct(server)


@case(1)
def in_an_astream_loop(server: ModelServer) -> None:
    async def work() -> None:
        number = 0
        async for _chunk in chat_model(server).astream("Hi"):
            number += 1
            if number == 2:
                direct(server)

    run(work())


@case(1)
def in_a_callback(server: ModelServer) -> None:
    chat_model(server).invoke("Hi", config={"callbacks": [Calling(server)]})


@case(1)
def in_an_async_callback(server: ModelServer) -> None:
    run(chat_model(server).ainvoke("Hi", config={"callbacks": [Calling(server)]}))


@case(1)
def client_retries(server: ModelServer) -> None:
    server.enqueue(Reply(status=429, retry_after=0.01))
    chat_model(server, max_retries=2).invoke("Hi")


@case(2)
def framework_retries(server: ModelServer) -> None:
    server.enqueue(Reply(status=500))
    chat_model(server).with_retry(wait_exponential_jitter=False, stop_after_attempt=2).invoke("Hi")


@case(2)
def fallbacks(server: ModelServer) -> None:
    server.enqueue(Reply(status=500))
    chat_model(server).with_fallbacks([chat_model(server)]).invoke("Hi")


@case(2)
def afallbacks(server: ModelServer) -> None:
    server.enqueue(Reply(status=500))
    run(chat_model(server).with_fallbacks([chat_model(server)]).ainvoke("Hi"))


@case(1)
def cache_hit(server: ModelServer) -> None:
    model = chat_model(server, cache=InMemoryCache())
    model.invoke("Hi")
    model.invoke("Hi")


@case(1)
def acache_hit(server: ModelServer) -> None:
    async def work() -> None:
        model = chat_model(server, cache=InMemoryCache())
        await model.ainvoke("Hi")
        await model.ainvoke("Hi")

    run(work())


@case(1)
def completion_cache_hit(server: ModelServer) -> None:
    model = _completion(server, cache=InMemoryCache())
    model.invoke("Hi")
    model.invoke("Hi")


@case(1)
def left_early(server: ModelServer) -> None:
    for _chunk in chat_model(server).stream("Hi"):
        break


@case(1)
def left_early_async(server: ModelServer) -> None:
    run(_read(chat_model(server).astream("Hi"), take=1))


@case(1)
def wrapped_model(server: ModelServer) -> None:
    Wrapping(inner=chat_model(server)).invoke("Hi")


@case(1)
def wrapped_chain(server: ModelServer) -> None:
    Wrapping(inner=RunnableLambda(lambda said: said) | chat_model(server)).invoke("Hi")


@case(1)
def wrapped_async(server: ModelServer) -> None:
    run(Wrapping(inner=chat_model(server)).ainvoke("Hi"))


@case(1)
def overriding_model(server: ModelServer) -> None:
    Overriding(inner=chat_model(server)).invoke("Hi")


@case(2)
def tenacious_model(server: ModelServer) -> None:
    server.enqueue(Reply(status=500))
    Tenacious(inner=chat_model(server)).invoke("Hi")


@case(1)
def handlers_beside(server: ModelServer) -> None:
    chat_model(server).invoke("Hi", config={"callbacks": [Quiet(), Inline(), Waiting()]})


@case(1)
def handlers_beside_async(server: ModelServer) -> None:
    run(chat_model(server).ainvoke("Hi", config={"callbacks": [Quiet(), Inline(), Waiting()]}))


@case(100)
def many_tasks(server: ModelServer) -> None:
    async def work() -> None:
        program = ASK | chat_model(server)
        await asyncio.gather(*(program.ainvoke({"x": str(number)}) for number in range(100)))

    run(work())


@case(40)
def many_threads(server: ModelServer) -> None:
    program = ASK | chat_model(server)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: program.invoke({"x": str(number)}), range(40)))


@case(2)
def config_in_a_bare_thread(server: ModelServer) -> None:
    model = chat_model(server)

    def work(said: Any, config: Any) -> Any:
        thread = threading.Thread(target=lambda: model.invoke("Hi", config))
        thread.start()
        thread.join()
        return said

    (ASK | model | RunnableLambda(work)).invoke({"x": "Hi"})


@case(1, V3)
def v3_events(server: ModelServer) -> None:
    stream_events = chat_model(server).stream_events("Hi", version="v3")
    assert str(stream_events.text)


@case(1, V3)
def av3_events(server: ModelServer) -> None:
    async def work() -> None:
        stream = await chat_model(server).astream_events("Hi", version="v3")
        assert await stream.text

    run(work())
