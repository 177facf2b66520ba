"""What LangChain tells as an error and is none, in every kind of run."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt, ParentCommand
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from callspan.langchain import CallspanHandler
from frameworks.langchain.conftest import BOTH, BOTH_IN_NODES, run
from frameworks.langchain.shape import tree_of
from telemetry import Telemetry

STARTS: dict[str, Callable[..., Any]] = {
    "chain": lambda handler, **told: handler.on_chain_start({"name": "florist"}, {}, **told),
    "tool": lambda handler, **told: handler.on_tool_start({"name": "price"}, "rose", **told),
    "llm": lambda handler, **told: handler.on_llm_start({"name": "model"}, ["Hi"], **told),
    "retriever": lambda handler, **told: handler.on_retriever_start(
        {"name": "shelf"}, "roses", **told
    ),
}
NO_ERRORS = {
    "interrupt": (GraphInterrupt, "completed"),
    "command": (lambda: ParentCommand(Command(goto="other")), "completed"),
    "left": (GeneratorExit, "abandoned"),
}


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("what", NO_ERRORS)
def test_control_flow_is_no_error(telemetry: Telemetry, kind: str, what: str) -> None:
    """An interrupt, a command to the parent, and a reader that left, in a chain, a tool, a model and a retriever."""
    handler, run_id = CallspanHandler(), uuid.uuid4()
    make, outcome = NO_ERRORS[what]
    STARTS[kind](handler, run_id=run_id)
    getattr(handler, f"on_{kind}_error")(make(), run_id=run_id)
    assert telemetry.span.status.status_code.name == "UNSET"
    assert telemetry.attributes["callspan.outcome"] == outcome
    assert "error.type" not in telemetry.attributes


@pytest.mark.parametrize("kind", STARTS)
def test_errors_stay_errors(telemetry: Telemetry, kind: str) -> None:
    """An exception of any other class fails the run."""
    handler, run_id = CallspanHandler(), uuid.uuid4()
    STARTS[kind](handler, run_id=run_id)
    getattr(handler, f"on_{kind}_error")(ValueError("mine"), run_id=run_id)
    assert telemetry.span.status.status_code.name == "ERROR"
    assert telemetry.attributes["error.type"] == "ValueError"


class Asked(TypedDict, total=False):
    """What the graph that asks a person holds."""

    answer: str


@BOTH_IN_NODES
def test_an_interrupt_is_no_error(telemetry: Telemetry, asynchronous: bool) -> None:
    """An interrupted graph and the node in it did not fail; the run that goes on has the same conversation."""
    graph = StateGraph(Asked).add_node("ask", lambda _state: {"answer": interrupt("Which one?")})
    program = graph.add_edge(START, "ask").compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "thread-1"}}

    def ask(given: Any) -> Any:
        return (
            run(program.ainvoke(given, config)) if asynchronous else program.invoke(given, config)
        )

    ask({})
    assert ask(Command(resume="Roses")) == {"answer": "Roses"}
    assert tree_of(telemetry) == [["invoke_workflow", "run_node ask"]] * 2
    assert {span.attributes["callspan.outcome"] for span in telemetry.spans} == {"completed"}
    roots = [span for span in telemetry.spans if span.parent is None]
    assert {span.attributes["gen_ai.conversation.id"] for span in roots} == {"thread-1"}


@BOTH
def test_a_command_to_a_parent_is_no_error(telemetry: Telemetry, asynchronous: bool) -> None:
    """A node that sends its parent graph elsewhere has not failed."""
    inner = StateGraph(Asked).add_node(
        "leave", lambda _state: Command(goto="other", graph=Command.PARENT)
    )
    outer = StateGraph(Asked).add_node(
        "inner", inner.add_edge(START, "leave").compile(), destinations=("other",)
    )
    program = (
        outer.add_node("other", lambda _state: {})
        .add_edge(START, "inner")
        .add_edge("other", END)
        .compile()
    )
    run(program.ainvoke({})) if asynchronous else program.invoke({})
    assert {span.attributes["callspan.outcome"] for span in telemetry.spans} == {"completed"}


def test_a_reader_that_leaves_is_no_error(telemetry: Telemetry) -> None:
    """Leaving the stream of a chain, a graph or a model early is abandonment, not an error."""
    ask = ChatPromptTemplate.from_messages([("user", "{x}")])
    model = FakeListChatModel(responses=["Roses are red"])
    program = StateGraph(dict).add_node("say", lambda _state: {"said": model.invoke("Hi").content})
    program.add_node("more", lambda state: state).add_edge("say", "more").add_edge(START, "say")
    for source in (
        model.stream("Hi"),
        (ask | model).stream({"x": "Hi"}),
        program.compile().stream({}),
    ):
        next(iter(source))
        source.close()
    del source
    gc.collect()
    assert not [span.name for span in telemetry.spans if span.status.status_code.name == "ERROR"]
    assert telemetry.spans[0].attributes["callspan.outcome"] == "abandoned"
