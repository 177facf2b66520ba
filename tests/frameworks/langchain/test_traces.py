"""What a LangChain program's trace looks like."""

from __future__ import annotations

import sys
from typing import Any, TypedDict

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph

import callspan
from frameworks.langchain.conftest import run
from frameworks.langchain.shape import calls, one, tree_of
from telemetry import Telemetry


class State(TypedDict, total=False):
    """What the graphs of these tests hold."""

    said: list[str]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_one_span_for_a_call(
    telemetry: Telemetry, model: Any, asynchronous: bool, streamed: bool
) -> None:
    """A model over an instrumented client has one span, with what the wire and what the framework know."""

    async def aread() -> None:
        if streamed:
            _ = [chunk async for chunk in model.astream("Hi", config={"tags": ["billing"]})]
        else:
            await model.ainvoke("Hi", config={"tags": ["billing"]})

    with callspan.count_tokens() as count:
        if asynchronous:
            run(aread())
        elif streamed:
            list(model.stream("Hi", config={"tags": ["billing"]}))
        else:
            model.invoke("Hi", config={"tags": ["billing"]})
    attributes = telemetry.attributes
    assert telemetry.span.name == "chat gpt-4.1-mini"
    assert attributes["server.address"] == "127.0.0.1"
    assert attributes["gen_ai.response.id"] == "chatcmpl-000001"
    assert attributes["callspan.framework.name"] == "langchain"
    assert attributes["callspan.framework.tags"] == ("billing",)
    assert telemetry.tokens == {
        "input": attributes["gen_ai.usage.input_tokens"],
        "output": attributes["gen_ai.usage.output_tokens"],
    }
    assert (count.calls, count.total) == (1, sum(telemetry.tokens.values()))


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_graph(telemetry: Telemetry, model: Any, asynchronous: bool) -> None:
    """A graph, its nodes, a subgraph, a tool, a model and the user's own spans make one tree."""

    @tool
    def add(first: int, second: int) -> int:
        """Adds."""
        with telemetry.tracer.start_as_current_span("in the tool"):
            return first + second

    def think(_state: State) -> State:
        with telemetry.tracer.start_as_current_span("in the node"):
            (ChatPromptTemplate.from_messages([("user", "Hi")]) | model).invoke({})
        add.invoke({"first": 1, "second": 2})
        return {}

    inner = (
        StateGraph(State)
        .add_node("deep", lambda _state: {})
        .add_edge(START, "deep")
        .compile(name="inner")
    )
    graph = StateGraph(State).add_node("sub", inner).add_node("think", think)
    program = graph.add_edge(START, "sub").add_edge("sub", "think").add_edge("think", END).compile()
    config: Any = {"configurable": {"thread_id": "thread-1"}}
    run(program.ainvoke({}, config)) if asynchronous else program.invoke({}, config)
    assert tree_of(telemetry) == [
        [
            "invoke_workflow",
            ["run_node sub", ["invoke_workflow inner", "run_node deep"]],
            [
                "run_node think",
                ["in the node", "chat gpt-4.1-mini"],
                ["execute_tool add", "in the tool"],
            ],
        ]
    ]
    if asynchronous and sys.version_info < (3, 11):
        return  # LangChain itself loses its configuration in asynchronous nodes there, and with it these facts
    # readers take an operation that they do not know for a call to a model, so a node states none
    assert "gen_ai.operation.name" not in one(telemetry, "run_node think").attributes
    told = one(telemetry, "chat gpt-4.1-mini").attributes
    assert told["callspan.framework.node"] == "think"
    assert told["callspan.framework.step"] == 2
    assert told["gen_ai.conversation.id"] == "thread-1"


def test_model_that_nobody_watches(telemetry: Telemetry) -> None:
    """A model without an instrumented client has its span from the callbacks alone, with the time of its run."""
    FakeListChatModel(responses=["Roses"], sleep=0.02).invoke("Hi")
    span = telemetry.span
    assert span.name == "chat"
    assert span.attributes["gen_ai.provider.name"] == "fakelistchatmodel"
    assert span.end_time - span.start_time > 20_000_000
    assert len(calls(telemetry)) == 1
