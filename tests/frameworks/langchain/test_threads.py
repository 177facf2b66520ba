"""Graphs whose nodes run in threads, with switches between these as often as possible: no run is told twice or left."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph

import callspan
from callspan.frameworks.langchain.tree import tree
from callspan.lifecycle.observation import open_observations
from frameworks.langchain.conftest import run
from telemetry import Telemetry

NODES = ("a", "b", "c", "d")


class State(TypedDict, total=False):
    """What all nodes add to."""

    said: Annotated[list[str], lambda left, right: left + right]


def graph(nodes: Any) -> Any:
    """A graph whose nodes all begin at once."""
    built: Any = StateGraph(State)
    for name in NODES:
        built.add_node(name, nodes)
        built.add_edge(START, name)
    return built.compile()


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.parametrize("asynchronous", [False, True], ids=["threads", "loops"])
def test_first_nodes_at_once(telemetry: Telemetry, asynchronous: bool) -> None:
    """Of a subgraph whose first nodes run in parallel there is one workflow, and its nodes are in it."""

    def leaf(_state: State) -> State:
        return {"said": ["x"]}

    inner = graph(leaf)

    def middle(state: State, config: Any) -> State:
        return {"said": inner.invoke(state, config)["said"]}

    outer: Any = StateGraph(State)
    for name in ("left", "right"):
        outer.add_node(name, RunnableLambda(middle))
        outer.add_edge(START, name)
    program = outer.compile()
    rounds = 20

    def request(_number: int) -> None:
        if asynchronous:
            run(program.ainvoke({"said": []}))
        else:
            program.invoke({"said": []})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(request, range(rounds)))
    assert not open_observations
    assert not len(tree.runs)
    names = Counter(span.name for span in telemetry.spans)
    assert names["invoke_workflow"] == 3 * rounds
    assert sum(count for name, count in names.items() if name.startswith("run_node")) == 10 * rounds
    spans = {span.context.span_id: span for span in telemetry.spans}
    parents = Counter(
        (span.name, spans[span.parent.span_id].name) for span in telemetry.spans if span.parent
    )
    for name in NODES:
        assert parents[(f"run_node {name}", "invoke_workflow")] == 2 * rounds


class SlowStart:
    """A handler that takes its time when a workflow begins."""

    def on_start(self, call: callspan.Call) -> None:
        if call.operation == "invoke_workflow":
            time.sleep(0.02)


@pytest.mark.instrument(handlers=[SlowStart()])
def test_a_graph_becomes_one_operation_while_others_wait(telemetry: Telemetry) -> None:
    """While one node tells of the graph that it runs in, another waits for it and does not tell of it again."""
    together = threading.Barrier(len(NODES))

    def leaf(_state: State) -> State:
        together.wait(30)
        return {"said": ["x"]}

    inner = graph(leaf)
    outer: Any = StateGraph(State)
    outer.add_node(
        "inner", RunnableLambda(lambda state, config: {"said": inner.invoke(state, config)["said"]})
    )
    outer.add_edge(START, "inner")
    outer.compile().invoke({"said": []})
    names = Counter(span.name for span in telemetry.spans)
    assert names == {
        "invoke_workflow": 2,
        "run_node inner": 1,
        **{f"run_node {name}": 1 for name in NODES},
    }


@pytest.mark.usefixtures("frequent_switches")
def test_streams_left_in_threads(telemetry: Telemetry) -> None:
    """Graphs that are left while their nodes begin in other threads leave no span and no run open."""

    def leaf(_state: State) -> State:
        return {"said": [FakeListChatModel(responses=["Roses"]).invoke("Hi").content]}

    program = graph(leaf)

    def request(_number: int) -> None:
        for _step in program.stream({"said": []}):
            break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(request, range(30)))
    gc.collect()
    callspan.flush()
    assert not open_observations
    assert not len(tree.runs)


def test_no_loop_is_kept(telemetry: Telemetry) -> None:
    """Once its work has ended nothing of ours refers to an event loop in which a graph ran."""
    loops: list[weakref.ref[Any]] = []

    def leaf(_state: State) -> State:
        return {"said": ["x"]}

    program = graph(leaf)

    async def work() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await program.ainvoke({"said": []})

    for _ in range(5):
        run(work())
    gc.collect()
    assert [loop() for loop in loops[:-1]] == [None] * 4
