"""Agents, tools, retrievers and what is said of them: names, metrics, content, tokens."""

from __future__ import annotations

import importlib
import json
import threading
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.language_models.llms import create_base_retry_decorator
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.graph import START, StateGraph
from pydantic import BaseModel
from tenacity import wait_none

import callspan
from callspan.testing.modelserver import Counts, ModelServer, Reply, ToolCall
from frameworks.langchain.adoption_cases import direct
from frameworks.langchain.conftest import BOTH, chat_model, run
from frameworks.langchain.shape import calls, one, tree_of
from telemetry import Telemetry

SECRET = "sk-secret-key"
create_agent: Any = getattr(importlib.import_module("langchain.agents"), "create_agent", None)
agents = pytest.mark.skipif(
    create_agent is None, reason="langchain before 1.0 cannot create agents"
)
QUESTION: Any = {"messages": [{"role": "user", "content": "What does a rose cost?"}]}


@tool
def price(flower: str) -> str:
    """The price of a flower."""
    return f"{flower}: 3"


@agents
@BOTH
def test_an_agent(telemetry: Telemetry, model_server: ModelServer, asynchronous: bool) -> None:
    """An agent, its calls of the model and its tool are one tree, and its metrics count them."""
    model_server.enqueue(
        Reply(tool_calls=(ToolCall("price", '{"flower": "rose"}'),)), Reply(text="Three.")
    )
    agent = create_agent(chat_model(model_server), [price], name="florist")
    run(agent.ainvoke(QUESTION)) if asynchronous else agent.invoke(QUESTION)
    assert tree_of(telemetry) == [
        [
            "invoke_agent florist",
            ["run_node model", "chat gpt-4.1-mini"],
            ["run_node tools", "execute_tool price"],
            ["run_node model", "chat gpt-4.1-mini"],
        ]
    ]
    told = one(telemetry, "execute_tool price").attributes
    assert told["gen_ai.agent.name"] == "florist"
    assert told["gen_ai.tool.call.id"].startswith("call_")
    for name, value in (("inference_calls", 2), ("tool_calls", 1)):
        [point] = telemetry.points(f"gen_ai.invoke_agent.{name}")
        assert (point["sum"], point["attributes"]) == (value, {"gen_ai.agent.name": "florist"})
    assert [point["count"] for point in telemetry.points("gen_ai.invoke_agent.duration")] == [1]
    [point] = telemetry.points("gen_ai.execute_tool.duration")
    assert point["attributes"]["gen_ai.tool.name"] == "price"


@agents
@BOTH
def test_only_calls_have_tokens(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """What stands around a call carries no tokens that a backend would add to those of the call."""
    model_server.enqueue(
        Reply(tool_calls=(ToolCall("price", '{"flower": "rose"}'),)), Reply(text="Three.")
    )
    agent = create_agent(chat_model(model_server), [price])
    with callspan.count_tokens() as count:
        run(agent.ainvoke(QUESTION)) if asynchronous else agent.invoke(QUESTION)
    with_tokens = {
        span.name
        for span in telemetry.spans
        if "gen_ai.usage.input_tokens" in (span.attributes or {})
    }
    assert with_tokens == {"chat gpt-4.1-mini"}
    assert count.calls == 2


class Shelf(BaseRetriever):
    """Finds the same each time, and calls a model on the way."""

    server: Any = None
    tracer: Any = None

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        with self.tracer.start_as_current_span("in the retriever"):
            direct(self.server)
        return [Document(id="1", page_content=f"{query} are red")]


@BOTH
@pytest.mark.instrument(capture="span")
def test_a_retriever(telemetry: Telemetry, model_server: ModelServer, asynchronous: bool) -> None:
    """A search is an operation; what is called in it stands under it."""
    shelf = Shelf(server=model_server, tracer=telemetry.tracer)
    run(shelf.ainvoke("Roses")) if asynchronous else shelf.invoke("Roses")
    assert tree_of(telemetry) == [["retrieval", ["in the retriever", "chat gpt-4.1-mini"]]]
    told = one(telemetry, "retrieval").attributes
    assert told["gen_ai.retrieval.query.text"] == "Roses"
    # LangChain's retrievers give no score, which the released schema demands
    assert json.loads(told["gen_ai.retrieval.documents"]) == [
        {"id": "1", "content": "Roses are red", "score": 0.0, "score_unknown": True}
    ]
    assert told["gen_ai.provider.name"] == "langchain"


@BOTH
def test_how_many_documents_were_asked_for(telemetry: Telemetry, asynchronous: bool) -> None:
    """The call says it, else the retriever's arguments, else nobody."""
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=2))
    store.add_texts(["Roses are red", "Violets are blue"])
    asks: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"search_kwargs": {"k": 2}}, {}),
        ({"search_kwargs": {"k": 2}}, {"k": 1}),
        ({}, {}),
    ]
    for options, arguments in asks:
        retriever = store.as_retriever(**options)
        if asynchronous:
            run(retriever.ainvoke("Roses", **arguments))
        else:
            retriever.invoke("Roses", **arguments)
    limits = [(span.attributes or {}).get("gen_ai.retrieval.top_k") for span in telemetry.spans]
    assert limits == [2, 1, None]


class Order(BaseModel):
    """What the tool is given: live objects among it."""

    model_config = {"arbitrary_types_allowed": True}
    flower: str
    lock: Any
    model: Any


@BOTH
def test_live_objects(telemetry: Telemetry, model: Any, capture: str, asynchronous: bool) -> None:
    """A tool that is given a lock and a live model runs; they are named, and no key leaves the process."""

    @tool(args_schema=Order)
    def order(flower: str, lock: Any, model: Any) -> Any:
        """Orders."""
        return {"flower": flower, "model": model}

    given = {"flower": "rose", "lock": threading.RLock(), "model": model}
    found = run(order.ainvoke(given)) if asynchronous else order.invoke(given)
    assert found["model"] is model
    attributes = telemetry.attributes
    assert SECRET not in telemetry.everything()
    if capture == "off":
        assert "rose" not in telemetry.everything()
    else:
        shown = json.loads(attributes["gen_ai.tool.call.arguments"])
        assert shown == {"flower": "rose", "lock": "<_thread.RLock>", "model": shown["model"]}
        assert "ChatOpenAI" in shown["model"]
        assert json.loads(attributes["gen_ai.tool.call.result"])["flower"] == "rose"


def test_nothing_secret(telemetry: Telemetry, model: Any, capture: str) -> None:
    """Keys in the model, in the configuration and in metadata stay in the process, whatever is captured."""
    config: Any = {
        "configurable": {
            "thread_id": "t",
            "api_key": SECRET,
            "openai_api_key": SECRET,
            "user": "someone",
        },
        "metadata": {"password": SECRET, "note": "private"},
    }
    program = StateGraph(dict).add_node("say", lambda _state: {"said": model.invoke("Hi").content})
    program.add_edge(START, "say").compile().invoke({}, config)
    telemetry_text = telemetry.everything()
    assert not [word for word in (SECRET, "someone", "private") if word in telemetry_text]


@pytest.mark.instrument(capture="both")
def test_content_from_callbacks(telemetry: Telemetry) -> None:
    """What a model that nobody watches was asked and said is captured in the conventions' form."""
    said = AIMessage(
        "Three.", tool_calls=[{"name": "price", "args": {"flower": "rose"}, "id": "call_1"}]
    )
    model = GenericFakeChatModel(messages=iter([said]))
    model.invoke(
        [
            ("system", "Be brief"),
            ("user", [{"type": "text", "text": "A rose?"}]),
            ("tool", "3", "x"),
        ][:2]
    )
    attributes = telemetry.attributes
    assert [message["role"] for message in json.loads(attributes["gen_ai.input.messages"])] == [
        "system",
        "user",
    ]
    [answer] = json.loads(attributes["gen_ai.output.messages"])
    assert [part["type"] for part in answer["parts"]] == ["text", "tool_call"]


class Counting(GenericFakeChatModel):
    """A model that nobody watches, and that says what it has used."""

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        result = super()._generate(*args, **kwargs)
        message: Any = result.generations[0].message
        message.usage_metadata = {
            "input_tokens": 10,
            "output_tokens": 4,
            "total_tokens": 14,
            "input_token_details": {"cache_read": 3},
            "output_token_details": {"reasoning": 1},
        }
        message.response_metadata = {
            "model_name": "mine-1",
            "id": "answer-1",
            "finish_reason": "stop",
        }
        return result


class Retrying(FakeListChatModel):
    """A model that nobody watches, and that tries again by LangChain's decorator for that."""

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        attempts = iter([ConnectionError("busy"), None])
        decorate = create_base_retry_decorator([ConnectionError], 2, run_manager)
        answer = super()._generate

        def ask() -> Any:
            error = next(attempts)
            if error is not None:
                raise error
            return answer(messages, stop, run_manager, **kwargs)

        decorated = decorate(ask)
        # else it waits for four seconds
        decorated.retry.wait = wait_none()  # type: ignore[attr-defined]
        return decorated()


def test_retries_before_the_first_token_are_counted(telemetry: Telemetry) -> None:
    telemetry.instrument()
    assert Retrying(responses=["Roses"]).invoke("Which flower?").content == "Roses"
    [retry] = telemetry.span.events
    assert retry.name == "callspan.retry"
    assert dict(retry.attributes or {})["callspan.retry.attempt"] == 1


class Price(BaseModel):
    """What a structured answer is to be."""

    flower: str


@BOTH
def test_tokens_from_callbacks(telemetry: Telemetry, asynchronous: bool) -> None:
    """`usage_metadata` counts where there is no `llm_output`, once in spans, metrics and counters."""
    model = Counting(messages=iter([AIMessage("Three.")]))
    with callspan.count_tokens() as count:
        run(model.ainvoke("Hi")) if asynchronous else model.invoke("Hi")
    attributes = telemetry.attributes
    assert (attributes["gen_ai.response.model"], attributes["gen_ai.response.id"]) == (
        "mine-1",
        "answer-1",
    )
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 3
    assert telemetry.tokens == {"input": 10, "output": 4}
    assert (count.input, count.output, count.cached, count.reasoning) == (10, 4, 3, 1)


GIVEN: dict[str, Any] = {"text": '{"flower": "rose"}', "usage": Counts(3, 2)}


def test_the_same_totals_however_called(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Whole, streamed, in a batch, structured and out of a graph: the server's own count each time."""
    model = chat_model(model_server)

    def structured() -> None:
        assert model.with_structured_output(Price, method="json_mode").invoke("Hi") == Price(
            flower="rose"
        )

    def graph() -> None:
        program = StateGraph(dict).add_node(
            "say", lambda _state: {"said": model.invoke("Hi").content}
        )
        list(program.add_edge(START, "say").compile().stream({}, stream_mode="messages"))

    ways = (
        lambda: model.invoke("Hi"),
        lambda: list(model.stream("Hi")),
        lambda: model.batch(["Hi"]),
    )
    for ask in (*ways, structured, graph):
        model_server.enqueue(Reply(**GIVEN))
        with callspan.count_tokens() as count:
            ask()
        assert (count.calls, count.input, count.output) == (1, 3, 2)
    assert telemetry.tokens == {"input": 15, "output": 10}


def test_the_same_totals_however_awaited(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The same in asynchronous code, by events too."""
    model = chat_model(model_server)

    async def read(source: Any) -> None:
        _ = [item async for item in source]

    async def structured() -> None:
        assert await model.with_structured_output(Price, method="json_mode").ainvoke("Hi") == Price(
            flower="rose"
        )

    async def main() -> None:
        ways = (
            lambda: model.ainvoke("Hi"),
            lambda: read(model.astream("Hi")),
            lambda: read(model.astream_events("Hi", version="v2")),
            lambda: model.abatch(["Hi"]),
            structured,
        )
        for ask in ways:
            model_server.enqueue(Reply(**GIVEN))
            with callspan.count_tokens() as count:
                await ask()
            assert (count.calls, count.input, count.output) == (1, 3, 2)

    run(main())
    assert telemetry.tokens == {"input": 15, "output": 10}


def test_tokens_of_a_stream_that_nobody_watches(telemetry: Telemetry) -> None:
    """The tokens of such a stream are told as they come."""
    heard: list[str] = []

    class Tokens:
        def on_token(self, call: Any, token: Any) -> None:
            heard.append(token.text)

    with callspan.use_handlers(Tokens()):
        list(FakeListChatModel(responses=["Rose"]).stream("Hi"))
    assert heard == ["R", "o", "s", "e"]
    assert len(calls(telemetry)) == 1


def test_every_name_of_a_framework_is_emitted(telemetry: Telemetry, model: Any) -> None:
    """What the registry has of frameworks is seen on the call in a node of a graph."""
    program = StateGraph(dict).add_node("say", lambda _state: {"said": model.invoke("Hi").content})
    program.add_edge(START, "say").compile().invoke({}, {"tags": ["billing"]})
    told = one(telemetry, "chat gpt-4.1-mini").attributes
    wanted = {
        f"callspan.framework.{name}"
        for name in ("name", "version", "run_id", "tags", "node", "step")
    }
    assert wanted <= set(told)


def test_a_budget_does_not_take_back_what_was_done(telemetry: Telemetry) -> None:
    """A model that no client is watched for is told of when it has answered; then there is nothing to refuse."""
    with callspan.budget(calls=0):
        assert FakeListChatModel(responses=["Rose"]).invoke("Hi").content == "Rose"
    assert len(calls(telemetry)) == 1


class Bouquet(RunnableLambda):  # type: ignore[type-arg]
    """A runnable of the app's own that has no name."""


def test_the_name_of_a_class_is_none(telemetry: Telemetry) -> None:
    """An object without a name has that of its class from LangChain, which says nothing of what the app does."""
    FakeListChatModel(responses=["Roses"]).with_retry().invoke("Hi")
    Bouquet(lambda _value: 1, name="Bouquet").invoke({})
    Bouquet(lambda _value: 1, name="roses").invoke({})
    workflows = [span.name for span in telemetry.spans if span.name.startswith("invoke_workflow")]
    assert workflows == ["invoke_workflow", "invoke_workflow", "invoke_workflow roses"]
