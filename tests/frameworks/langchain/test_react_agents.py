"""Agents of LangGraph's `create_react_agent`, which are graphs like others to its callbacks."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent

from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from frameworks.langchain.conftest import BOTH, chat_model, run
from frameworks.langchain.shape import one, tree_of
from telemetry import Telemetry

QUESTION: Any = {"messages": [{"role": "user", "content": "What does a rose cost?"}]}
WITH_TOOL = (Reply(tool_calls=(ToolCall("price", '{"flower": "rose"}'),)), Reply(text="Three."))
INSIDE = [
    ["run_node agent", "chat gpt-4.1-mini"],
    ["run_node tools", "execute_tool price"],
    ["run_node agent", "chat gpt-4.1-mini"],
]


@tool
def price(flower: str) -> str:
    """The price of a flower."""
    return f"{flower}: 3"


@pytest.fixture
def agent(telemetry: Telemetry, model_server: ModelServer) -> Any:
    """Make an agent that asks for a tool once."""
    model_server.enqueue(*WITH_TOOL)
    return create_react_agent(chat_model(model_server), [price], name="florist")


async def _read(stream: Any) -> list[Any]:
    return [item async for item in stream]


@BOTH
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_agent(telemetry: Telemetry, agent: Any, asynchronous: bool, streamed: bool) -> None:
    """The graph is an agent by its name, with its tool's span and the metrics of agents."""
    if asynchronous and streamed:
        run(_read(agent.astream(QUESTION)))
    elif asynchronous:
        run(agent.ainvoke(QUESTION))
    elif streamed:
        list(agent.stream(QUESTION))
    else:
        agent.invoke(QUESTION)
    assert tree_of(telemetry) == [["invoke_agent florist", *INSIDE]]
    attributes = one(telemetry, "invoke_agent florist").attributes or {}
    assert attributes["gen_ai.agent.name"] == "florist"
    assert (one(telemetry, "execute_tool price").attributes or {})["gen_ai.agent.name"] == "florist"
    [point] = telemetry.points("gen_ai.invoke_agent.inference_calls")
    assert (point["sum"], point["attributes"]) == (2, {"gen_ai.agent.name": "florist"})
    assert attributes["callspan.sum.calls"] == 2


@BOTH
def test_in_another_graph(telemetry: Telemetry, agent: Any, asynchronous: bool) -> None:
    """As a node of a graph it stays an agent, and the graph around stays a workflow."""
    builder = StateGraph(MessagesState)
    builder.add_node("ask", agent)
    builder.add_edge(START, "ask")
    shop = builder.compile(name="shop")
    run(shop.ainvoke(QUESTION)) if asynchronous else shop.invoke(QUESTION)
    assert tree_of(telemetry) == [
        ["invoke_workflow shop", ["run_node ask", ["invoke_agent florist", *INSIDE]]]
    ]


def test_without_a_name(telemetry: Telemetry, model_server: ModelServer) -> None:
    """LangGraph's own default is no name of the agent."""
    model_server.enqueue(*WITH_TOOL)
    create_react_agent(chat_model(model_server), [price]).invoke(QUESTION)
    assert tree_of(telemetry) == [["invoke_agent", *INSIDE]]


def test_the_graph_is_as_without_us(telemetry: Telemetry, agent: Any) -> None:
    """The name is the same text, goes along with copies, and is plain once pickled."""
    assert agent.name == "florist"
    assert repr(agent.name) == "'florist'"
    assert type(copy.deepcopy(agent.name)) is type(agent.name)
    assert type(pickle.loads(pickle.dumps(agent.name))) is str
    agent.with_config(tags=["shop"]).invoke(QUESTION)
    assert tree_of(telemetry) == [["invoke_agent florist", *INSIDE]]
