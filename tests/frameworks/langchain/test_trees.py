"""Traces have the form of LangChain's own run trees."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda, RunnableSequence
from langgraph.graph import END, START, StateGraph

import callspan
from frameworks.langchain.conftest import BOTH, LOSES, run
from frameworks.langchain.shape import one, tree_of
from telemetry import Telemetry

RUN_ID = "callspan.framework.run_id"


class Told(BaseCallbackHandler):
    """The parent of each run, as LangChain tells it to any handler."""

    def __init__(self) -> None:
        self.parents: dict[str, str | None] = {}

    def _note(self, run_id: Any, parent_run_id: Any) -> None:
        self.parents[str(run_id)] = None if parent_run_id is None else str(parent_run_id)

    def on_chain_start(self, *_: Any, run_id: Any, parent_run_id: Any = None, **__: Any) -> None:
        self._note(run_id, parent_run_id)

    def on_chat_model_start(
        self, *_: Any, run_id: Any, parent_run_id: Any = None, **__: Any
    ) -> None:
        self._note(run_id, parent_run_id)

    def nearest(self, run_id: str, shown: set[str]) -> str | None:
        """The innermost run around another that is shown at all."""
        above = self.parents[run_id]
        while above is not None and above not in shown:
            above = self.parents[above]
        return above


class State(TypedDict, total=False):
    """What three nodes add to."""

    said: Annotated[list[str], operator.add]


def program(telemetry: Telemetry, model: Any) -> Any:
    """A plan, two branches at once, one of them a graph of its own, and a summary; each opens a span of the app's."""

    def node(name: str) -> Any:
        def work(_state: State) -> State:
            with telemetry.tracer.start_as_current_span(f"own {name}"):
                return {"said": [str(model.invoke(name).content)]}

        return work

    inner = (
        StateGraph(State)
        .add_node("deep", node("deep"))
        .add_edge(START, "deep")
        .compile(name="inner")
    )
    graph = StateGraph(State)
    for name in ("plan", "left", "sum"):
        graph.add_node(name, node(name))
    graph.add_node("right", inner)
    graph.add_edge(START, "plan").add_edge("plan", "left").add_edge("plan", "right")
    return graph.add_edge(["left", "right"], "sum").add_edge("sum", END).compile(name="florist")


@pytest.mark.parametrize(
    "way", ["invoke", "stream", *(pytest.param(w, marks=LOSES) for w in ("ainvoke", "astream"))]
)
def test_the_tree_is_that_of_the_runs(telemetry: Telemetry, model: Any, way: str) -> None:
    """One trace: each span is a child of the nearest run around it, and the app's own spans nest in their nodes."""
    told = Told()
    graph, config = program(telemetry, model), {"callbacks": [told]}

    async def aread() -> None:
        _ = [item async for item in graph.astream({}, config)]

    if way == "invoke":
        graph.invoke({}, config)
    elif way == "stream":
        list(graph.stream({}, config))
    else:
        run(graph.ainvoke({}, config) if way == "ainvoke" else aread())
    by_run = {
        span.attributes[RUN_ID]: span for span in telemetry.spans if RUN_ID in span.attributes
    }
    by_id = {span.context.span_id: span for span in telemetry.all_spans}
    assert len({span.context.trace_id for span in telemetry.all_spans}) == 1
    for run_id, span in by_run.items():
        above = by_id.get(span.parent.span_id) if span.parent else None
        while above is not None and RUN_ID not in above.attributes:  # the app's own
            above = by_id[above.parent.span_id]
        assert (above and above.attributes[RUN_ID]) == told.nearest(run_id, set(by_run)), span.name
    for name in ("plan", "left", "deep", "sum"):
        own = one(telemetry, f"own {name}")
        assert by_id[own.parent.span_id].name == f"run_node {name}"
    assert sum(span.name == "chat gpt-4.1-mini" for span in telemetry.spans) == 4


@BOTH
def test_a_chain_that_calls_its_base(telemetry: Telemetry, asynchronous: bool) -> None:
    """A class of the app's that overrides `invoke` and calls `super()` is one operation, and one call to the model.

    It has no name: that of its class is none.
    """

    class Careful(RunnableSequence):  # type: ignore[misc]
        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return super().invoke(input, config, **kwargs)

        async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return await super().ainvoke(input, config, **kwargs)

    model = FakeListChatModel(responses=["Roses"])
    chain = Careful(RunnableLambda(str), model)
    with callspan.count_tokens() as count:
        run(chain.ainvoke("Hi")) if asynchronous else chain.invoke("Hi")
    assert tree_of(telemetry) == [["invoke_workflow", "chat"]]
    assert count.calls == 1
