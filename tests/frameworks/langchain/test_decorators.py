"""Functions decorated as workflows, agents and tools in programs of LangChain's and LangGraph's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypedDict

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

import callspan
from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from clients import openai_client
from frameworks.langchain.adoption_cases import direct
from frameworks.langchain.conftest import chat_model, run
from frameworks.langchain.shape import one, tree_of
from frameworks.langchain.test_operations import QUESTION, agents, create_agent
from program import CHAT
from telemetry import Telemetry


class State(TypedDict, total=False):
    """What the graphs of these tests hold."""

    said: str


@agents
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_tool_of_both(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """A function that is a tool of LangChain's and decorated as one is told once, and what it calls stands in it."""

    @tool
    @callspan.tool
    def price(flower: str) -> str:
        """The price of a flower."""
        return direct(model_server) or f"{flower}: 3"

    assert price.args == {"flower": {"title": "Flower", "type": "string"}}
    model_server.enqueue(
        Reply(tool_calls=(ToolCall("price", '{"flower": "rose"}'),)), Reply(text="Three.")
    )
    model_server.enqueue(Reply(text="Three."))
    agent = create_agent(chat_model(model_server), [price], name="florist")
    with callspan.workflow("order"):
        run(agent.ainvoke(QUESTION)) if asynchronous else agent.invoke(QUESTION)
    assert tree_of(telemetry) == [
        [
            "invoke_workflow order",
            [
                "invoke_agent florist",
                ["run_node model", "chat gpt-4.1-mini"],
                ["run_node tools", ["execute_tool price", "chat gpt-4.1-mini"]],
                ["run_node model", "chat gpt-4.1-mini"],
            ],
        ]
    ]
    [point] = telemetry.points("gen_ai.invoke_agent.tool_calls")
    assert point["sum"] == 1


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_marked_in_a_graph(telemetry: Telemetry, model: Any, asynchronous: bool) -> None:
    """A decorated function stands in the node that calls it, and LangChain's model in the function, also in steps."""

    @callspan.agent
    def reads(question: str) -> Iterator[str]:
        for chunk in model.stream(question):
            yield chunk.text if isinstance(chunk.text, str) else chunk.text()

    @callspan.agent
    async def areads(question: str) -> AsyncIterator[str]:
        async for chunk in model.astream(question):
            yield chunk.text if isinstance(chunk.text, str) else chunk.text()

    def node(_state: State) -> State:
        return {"said": "".join(reads("Hi"))}

    async def anode(_state: State) -> State:
        return {"said": "".join([part async for part in areads("Hi")])}

    graph = StateGraph(State)
    graph.add_node("ask", anode if asynchronous else node)
    graph.add_edge(START, "ask")
    shop: Any = graph.compile(name="shop")
    found = run(shop.ainvoke({})) if asynchronous else shop.invoke({})
    assert found["said"]
    agent = "invoke_agent areads" if asynchronous else "invoke_agent reads"
    assert tree_of(telemetry) == [
        ["invoke_workflow shop", ["run_node ask", [agent, "chat gpt-4.1-mini"]]]
    ]


class Wrapping(BaseChatModel):
    """A model of the app's own, whose work is done by a decorated function."""

    server: Any

    @property
    def _llm_type(self) -> str:
        return "wrapping"

    def _generate(self, messages: Any, *_args: Any, **_kwargs: Any) -> ChatResult:
        @callspan.agent("inner")
        def ask() -> str:
            with openai_client(self.server.url) as client:
                return str(client.chat.completions.create(**CHAT).choices[0].message.content)

        return ChatResult(generations=[ChatGeneration(message=AIMessage(ask()))])


def test_marked_in_a_model(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The call of a client in a decorated function is what the run of the model around it stands for: one span."""
    with callspan.count_tokens() as count:
        Wrapping(server=model_server).invoke("Hi")
    assert tree_of(telemetry) == [["invoke_agent inner", "chat gpt-4.1-mini"]]
    assert one(telemetry, "chat gpt-4.1-mini").attributes["callspan.framework.name"] == "langchain"
    assert count.calls == 1


def test_marked_as_a_runnable(telemetry: Telemetry, model: Any) -> None:
    """A decorated function can stand in a chain."""
    chain = RunnableLambda(callspan.tool("trim")(lambda text: text.strip())) | model
    chain.with_config(run_name="chain").invoke(" Hi ")
    assert tree_of(telemetry) == [
        ["invoke_workflow chain", "execute_tool trim", "chat gpt-4.1-mini"]
    ]


def test_an_interrupt_in_a_decorated_function(telemetry: Telemetry) -> None:
    """A decorated function that asks a person interrupts its graph, which is no error."""

    @callspan.tool
    def ask(_state: State) -> State:
        return {"said": interrupt("Which flower?")}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.compile(checkpointer=MemorySaver(), name="shop").invoke(
        {}, {"configurable": {"thread_id": "1"}}
    )
    assert tree_of(telemetry) == [["invoke_workflow shop", ["run_node ask", "execute_tool ask"]]]
    assert {span.status.status_code.name for span in telemetry.spans} == {"UNSET"}
