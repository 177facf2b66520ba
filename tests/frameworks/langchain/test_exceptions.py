"""One exception is told once, by the operation in which it was raised; the others around it are failed all the same."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from frameworks.langchain.conftest import BOTH, run
from telemetry import Telemetry

ASK = ChatPromptTemplate.from_messages([("user", "{x}")])


class Boom(Exception):
    """Raised on purpose."""


def tellers(telemetry: Telemetry) -> list[tuple[str, str]]:
    """The exception events, each with the name of its span."""
    names = {span.context.span_id: span.name for span in telemetry.spans}
    events = [event for event in telemetry.logs if event["name"].endswith(".exception")]
    return [
        (names[event["span_id"]], event["attributes"]["exception.type"].rpartition(".")[2])
        for event in events
    ]


def failed(telemetry: Telemetry) -> set[str]:
    """The names of the spans that have an error status and its type."""
    return {
        span.name
        for span in telemetry.spans
        if not span.status.is_ok and "error.type" in span.attributes
    }


@tool
def fail() -> str:
    """Fails."""
    raise Boom("made up")


def graph_of(step: Any) -> Any:
    """A graph of one node."""
    node: Any = RunnableLambda(step, name="node")
    return StateGraph(dict).add_node("node", node).add_edge(START, "node").compile()


@BOTH
def test_a_tool_in_a_graph(telemetry: Telemetry, asynchronous: bool) -> None:
    """Tool, node and workflow have failed; the tool tells why."""
    program = graph_of(lambda _state: fail.invoke({}))
    with pytest.raises(Boom):
        run(program.ainvoke({})) if asynchronous else program.invoke({})
    assert tellers(telemetry) == [("execute_tool fail", "Boom")]
    assert failed(telemetry) == {"execute_tool fail", "run_node node", "invoke_workflow"}


@BOTH
def test_a_node_that_raises_itself(telemetry: Telemetry, asynchronous: bool) -> None:
    """Nobody inside has told it, so the node does."""

    def step(_state: Any) -> Any:
        raise Boom("made up")

    program = graph_of(step)
    with pytest.raises(Boom):
        run(program.ainvoke({})) if asynchronous else program.invoke({})
    assert tellers(telemetry) == [("run_node node", "Boom")]


@BOTH
def test_a_client_in_a_chain(
    telemetry: Telemetry, model: Any, model_server: ModelServer, asynchronous: bool
) -> None:
    """The call of the client tells it."""
    model_server.enqueue(Reply(status=401, error_message="made up"))
    chain = ASK | model
    with pytest.raises(Exception, match="made up"):
        run(chain.ainvoke({"x": "Hi"})) if asynchronous else chain.invoke({"x": "Hi"})
    assert tellers(telemetry) == [("chat gpt-4.1-mini", "AuthenticationError")]
    assert failed(telemetry) == {"chat gpt-4.1-mini", "invoke_workflow"}


def test_another_exception_made_of_it(telemetry: Telemetry) -> None:
    """An exception that was raised from the first is another one, and is told where it was raised."""

    def step(_state: Any) -> Any:
        try:
            fail.invoke({})
        except Boom as error:
            raise ValueError("another") from error

    with pytest.raises(ValueError, match="another"):
        graph_of(step).invoke({})
    assert tellers(telemetry) == [("execute_tool fail", "Boom"), ("run_node node", "ValueError")]


def test_one_that_is_handled_and_one_like_it(telemetry: Telemetry) -> None:
    """A handled exception is told by the tool alone; one of the node's own that follows it is told too."""

    def step(_state: Any) -> Any:
        for _ in range(3):
            with contextlib.suppress(Boom):
                fail.invoke({})
        raise Boom("the node's own")

    with pytest.raises(Boom):
        graph_of(step).invoke({})
    assert tellers(telemetry) == [("execute_tool fail", "Boom")] * 3 + [("run_node node", "Boom")]


def test_one_object_raised_by_two_requests(telemetry: Telemetry) -> None:
    """An exception that a program keeps and raises again fails each request, and each tells it."""
    kept = Boom("made up")

    def step(_state: Any) -> Any:
        raise kept

    for _ in range(2):
        with pytest.raises(Boom):
            graph_of(step).invoke({})
    assert tellers(telemetry) == [("run_node node", "Boom")] * 2


def test_a_fallback(telemetry: Telemetry, model: Any, model_server: ModelServer) -> None:
    """What a fallback has handled is told by the call that failed; nothing around it has."""
    model_server.enqueue(Reply(status=401, error_message="made up"), Reply(text="Roses"))
    (ASK | model.with_fallbacks([model])).invoke({"x": "Hi"})
    assert tellers(telemetry) == [("chat gpt-4.1-mini", "AuthenticationError")]
    assert failed(telemetry) == {"chat gpt-4.1-mini"}


@BOTH
def test_marked_functions(telemetry: Telemetry, asynchronous: bool) -> None:
    """A tool in an agent in a workflow: the tool tells it."""

    @callspan.tool
    def break_down() -> None:
        raise Boom("made up")

    @callspan.agent
    async def agent() -> None:
        await asyncio.gather(asyncio.to_thread(break_down), asyncio.sleep(0))

    @callspan.workflow
    def work() -> None:
        if asynchronous:
            run(agent())
        else:
            break_down()

    with pytest.raises(Boom):
        work()
    assert tellers(telemetry) == [("execute_tool break_down", "Boom")]
    assert "invoke_workflow work" in failed(telemetry)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python has no exception groups before 3.11")
@pytest.mark.breaks(
    "event.missing", "the group around the exceptions that were told is of another type"
)
def test_a_group_of_what_was_told(telemetry: Telemetry) -> None:
    """A group that holds only what was told inside says nothing new."""

    @callspan.tool
    async def break_down() -> None:
        raise Boom("made up")

    @callspan.workflow
    async def work() -> None:
        async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined]
            group.create_task(break_down())

    with pytest.raises(ExceptionGroup):  # type: ignore[name-defined]  # noqa: F821
        run(work())
    assert tellers(telemetry) == [("execute_tool break_down", "Boom")]
