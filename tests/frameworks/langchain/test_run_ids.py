"""Requests that share one run id, as those of a workflow may: each keeps its own trace, user, counter and budget."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph

import callspan
from callspan.langchain import CallspanHandler
from frameworks.langchain.conftest import BOTH, run
from frameworks.langchain.shape import calls, tree_of
from telemetry import Telemetry

ASK = ChatPromptTemplate.from_messages([("user", "{x}")])
WORKFLOW = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
USERS = ("ann", "bob")
TOKENS = 1000


def chain_of(model: Any, meet: Callable[[], object] = lambda: None, ameet: Any = None) -> Any:
    """A chain in which all requests meet before the model is called."""

    def wait(prompt: Any) -> Any:
        meet()
        return prompt

    async def await_others(prompt: Any) -> Any:
        await ameet()
        return prompt

    return ASK | RunnableLambda(wait, await_others if ameet else None) | model


def graph_of(model: Any, meet: Callable[[], object] = lambda: None, ameet: Any = None) -> Any:
    """The same as a graph."""
    chain = chain_of(model, meet, ameet)
    node: Any = RunnableLambda(
        lambda state, config: {"x": chain.invoke(state, config).content},
        lambda state, config: _answer(chain, state, config),
    )
    return StateGraph(dict).add_node("node", node).add_edge(START, "node").compile()


async def _answer(chain: Any, state: Any, config: Any) -> Any:
    return {"x": (await chain.ainvoke(state, config)).content}


def config_of(run_id: Any, handler: bool) -> Any:
    """The configuration of a request."""
    return {"run_id": run_id, "callbacks": [CallspanHandler()] if handler else None}


Counts = dict[str, callspan.TokenCount]


def in_threads(build: Any, model: Any, run_id: Any, handler: bool, tracer: Any) -> Counts:
    """Two requests at once, each in a thread of its own."""
    barrier = threading.Barrier(2)
    program = build(model, lambda: barrier.wait(30))
    counts: Counts = {}

    def request(user: str) -> None:
        with (
            tracer.start_as_current_span(user),
            callspan.attributes(user_id=user),
            callspan.count_tokens() as counts[user],
        ):
            program.invoke({"x": user}, config_of(run_id, handler))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(request, USERS))
    return counts


def in_tasks(build: Any, model: Any, run_id: Any, handler: bool, tracer: Any) -> Counts:
    """Two requests at once, each in a task of its own."""
    counts: Counts = {}

    async def work() -> None:
        arrived = 0
        all_here = asyncio.Event()

        async def meet() -> None:
            nonlocal arrived
            arrived += 1
            if arrived == 2:
                all_here.set()
            await asyncio.wait_for(all_here.wait(), 30)

        program = build(model, ameet=meet)

        async def request(user: str) -> None:
            with (
                tracer.start_as_current_span(user),
                callspan.attributes(user_id=user),
                callspan.count_tokens() as counts[user],
            ):
                await program.ainvoke({"x": user}, config_of(run_id, handler))

        await asyncio.gather(*map(request, USERS))

    run(work())
    return counts


@pytest.mark.parametrize("handler", [False, True], ids=["everywhere", "handler"])
@pytest.mark.parametrize("together", [in_threads, in_tasks])
@pytest.mark.parametrize("build", [chain_of, graph_of])
@pytest.mark.parametrize("run_id", [WORKFLOW, str(WORKFLOW)], ids=["uuid", "text"])
@pytest.mark.parametrize("watched", [True, False], ids=["client", "framework"])
def test_concurrent_requests_keep_their_own(
    telemetry: Telemetry,
    model: Any,
    handler: bool,
    together: Any,
    build: Any,
    run_id: Any,
    watched: bool,
) -> None:
    """Each call stands in the trace of its own request, with its user, and counts for it alone."""
    asked = model if watched else FakeListChatModel(responses=["Roses"])
    counts = together(build, asked, run_id, handler, telemetry.tracer)
    names = {span.context.span_id: span for span in telemetry.all_spans}
    users = []
    for span in calls(telemetry):
        outer = span
        while outer.parent is not None:
            outer = names[outer.parent.span_id]
        users.append(
            (
                outer.name,
                span.attributes["user.id"],
                span.context.trace_id == outer.context.trace_id,
            )
        )
    assert sorted(users) == [(user, user, True) for user in USERS]
    assert [counts[user].calls for user in USERS] == [1, 1]


@pytest.mark.parametrize("together", [in_threads, in_tasks])
def test_a_budget_is_spent_by_its_own_request(
    telemetry: Telemetry, model: Any, together: Any
) -> None:
    """Two budgets of two concurrent requests with one id: each is charged for one call."""
    budgets = {user: callspan.budget(calls=TOKENS, name=user) for user in USERS}
    original = telemetry.tracer.start_as_current_span

    class Spans:
        def start_as_current_span(self, user: str) -> Any:
            return _Both(original(user), budgets[user])

    together(chain_of, model, WORKFLOW, False, Spans())
    assert [budgets[user].spent["calls"] for user in USERS] == [1, 1]


class _Both:
    """A span and a budget around a request."""

    def __init__(self, *contexts: Any) -> None:
        self._contexts = contexts

    def __enter__(self) -> None:
        for context in self._contexts:
            context.__enter__()

    def __exit__(self, *error: Any) -> None:
        for context in reversed(self._contexts):
            context.__exit__(*error)


@BOTH
def test_one_id_one_after_the_other(telemetry: Telemetry, model: Any, asynchronous: bool) -> None:
    """An id that is used again makes a run of its own each time, also while a stream of the first is still open."""
    chain = ASK | model
    config: Any = {"run_id": WORKFLOW}
    first = chain.stream({"x": "Hi"}, config)
    next(first)

    async def ask_twice() -> None:
        for _ in range(2):
            await chain.ainvoke({"x": "Hi"}, config)

    if asynchronous:
        run(ask_twice())
    else:
        for _ in range(2):
            chain.invoke({"x": "Hi"}, config)
    list(first)
    assert tree_of(telemetry) == [["invoke_workflow", "chat gpt-4.1-mini"]] * 3
    assert {span.attributes["callspan.outcome"] for span in telemetry.spans} == {"completed"}


@BOTH
def test_one_id_inside_of_itself(telemetry: Telemetry, model: Any, asynchronous: bool) -> None:
    """A request with the id of the one in which it is made stands within that."""
    inner = ASK | model
    config: Any = {"run_id": WORKFLOW}

    def call(_value: Any) -> Any:
        return inner.invoke({"x": "Hi"}, config)

    async def acall(_value: Any) -> Any:
        return await inner.ainvoke({"x": "Hi"}, config)

    outer: Any = RunnableLambda(call, acall, name="outer")
    with callspan.count_tokens() as count:
        run(outer.ainvoke({}, config)) if asynchronous else outer.invoke({}, config)
    assert tree_of(telemetry) == [["invoke_workflow outer", "chat gpt-4.1-mini"]]
    assert count.calls == 1


@BOTH
def test_the_app_sees_the_id_that_it_gave(
    telemetry: Telemetry, model: Any, asynchronous: bool
) -> None:
    """Handlers and events of LangChain's have an equal id of the same class."""
    ids: list[Any] = []

    async def work() -> None:
        async for event in (ASK | model).astream_events({"x": "Hi"}, config, version="v2"):
            ids.append(event["run_id"])

    class Ids(CallspanHandler):
        def on_chain_start(self, *args: Any, **told: Any) -> None:
            ids.append(told["run_id"])

    config: Any = {"run_id": WORKFLOW}
    if asynchronous:
        run(work())
        assert ids[0] == str(WORKFLOW)
    else:
        (ASK | model).invoke({"x": "Hi"}, {**config, "callbacks": [Ids()]})
    assert telemetry.spans[-1].attributes["callspan.framework.run_id"] == str(WORKFLOW)
