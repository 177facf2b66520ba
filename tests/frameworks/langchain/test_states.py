"""What goes into graphs, agents and chains and what comes out: on their spans where it is captured."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from callspan.testing.modelserver import ModelServer, Reply
from frameworks.langchain.test_operations import agents, create_agent
from telemetry import Telemetry

from .conftest import BOTH, run

CAPTURED = pytest.mark.instrument(capture="span")


class Talk(TypedDict):
    """A state with messages."""

    messages: Annotated[list[Any], add_messages]


def graph_of(node: Any, state: Any = Talk) -> Any:
    """A graph of one node."""
    graph = StateGraph(state).add_node("say", node)
    return graph.add_edge(START, "say").add_edge("say", END).compile(name="shop")


def said(telemetry: Telemetry, name: str) -> tuple[Any, Any]:
    """The input and the output of the span with a name."""
    [span] = [span for span in telemetry.spans if span.name == name]
    attributes = span.attributes or {}
    texts = [str(attributes[f"gen_ai.{side}.messages"]) for side in ("input", "output")]
    return json.loads(texts[0]), json.loads(texts[1])


def text(role: str, content: str) -> dict[str, Any]:
    """A message with one text."""
    return {"role": role, "parts": [{"type": "text", "content": content}]}


@agents
@BOTH
@CAPTURED
def test_an_agent(
    telemetry: Telemetry, model: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """The question of the app and the last answer; what was between them stands on the calls."""
    model_server.enqueue(Reply(text="A rose."))
    agent = create_agent(model, [], name="florist")
    question = {"messages": [("user", "Which flower?")]}
    run(agent.ainvoke(question)) if asynchronous else agent.invoke(question)
    asked, answered = said(telemetry, "invoke_agent florist")
    assert asked == [text("user", "Which flower?")]
    assert answered == [{**text("assistant", "A rose."), "finish_reason": "stop"}]


@CAPTURED
@pytest.mark.parametrize(
    "question",
    [
        [HumanMessage("Which flower?")],
        [{"role": "user", "content": "Which flower?"}],
        [("human", "Which flower?")],
    ],
    ids=["objects", "dicts", "pairs"],
)
def test_messages_in_each_form(telemetry: Telemetry, question: Any) -> None:
    """LangChain takes messages in several forms; the span has one."""
    graph_of(lambda _state: {"messages": [AIMessage("A rose.")]}).invoke({"messages": question})
    asked, answered = said(telemetry, "invoke_workflow shop")
    assert asked == [text("user", "Which flower?")]
    assert answered[0]["parts"] == [{"type": "text", "content": "A rose."}]


@BOTH
@CAPTURED
def test_a_graph_without_messages(telemetry: Telemetry, asynchronous: bool) -> None:
    """Any other state is one text, with the names of classes in place of objects."""
    program = graph_of(lambda _state: {"flower": "rose"}, dict)
    state = {"flower": "?", "shop": object()}
    run(program.ainvoke(state)) if asynchronous else program.invoke(state)
    asked, answered = said(telemetry, "invoke_workflow shop")
    assert json.loads(asked[0]["parts"][0]["content"]) == {
        "flower": "?",
        "shop": "<builtins.object>",
    }
    assert answered[0]["parts"] == [{"type": "text", "content": "rose"}]


@CAPTURED
def test_a_chain(telemetry: Telemetry, model: Any, model_server: ModelServer) -> None:
    """A chain that the app calls has its input, and the text of the message that it returns."""
    model_server.enqueue(Reply(text="A rose."))
    (ChatPromptTemplate.from_messages([("user", "Which {what}?")]) | model).invoke(
        {"what": "flower"}
    )
    asked, answered = said(telemetry, "invoke_workflow")
    assert asked == [text("user", "flower")]
    assert answered[0]["parts"] == [{"type": "text", "content": "A rose."}]


@CAPTURED
@pytest.mark.parametrize("state", ["", [], {}, None, 7, ["a", "b"], {"messages": "Hi"}], ids=str)
def test_odd_inputs(telemetry: Telemetry, state: Any) -> None:
    """Whatever goes in comes out, and the run has a span that ends."""
    assert RunnableLambda(lambda value: value).invoke(state) == state
    assert telemetry.span.name == "invoke_workflow"
    assert (telemetry.span.attributes or {})["callspan.outcome"] == "completed"


def test_nothing_where_nothing_is_captured(telemetry: Telemetry) -> None:
    """Neither input nor output stands anywhere by default."""
    graph_of(lambda _state: {"messages": [AIMessage("whisper")]}).invoke(
        {"messages": [("user", "whisper")]}
    )
    assert "whisper" not in telemetry.everything()
