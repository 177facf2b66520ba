"""How runs begin and end: given handlers, cancellation, interrupts, odd events, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    AsyncCallbackManager,
    BaseCallbackHandler,
    CallbackManager,
)
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph

import callspan
from callspan.frameworks.langchain.tree import tree
from callspan.langchain import CallspanHandler
from callspan.lifecycle.observation import open_observations
from callspan.testing.modelserver import ModelServer, Reply
from frameworks.langchain.conftest import BOTH, BOTH_IN_NODES, chat_model, run
from frameworks.langchain.shape import calls, one, tree_of
from telemetry import Telemetry

ASK = ChatPromptTemplate.from_messages([("user", "{x}")])


class Hearing(BaseCallbackHandler):
    """A handler of somebody else's: the names of what it hears."""

    def __init__(self, inline: bool = False) -> None:
        self.run_inline = inline
        self.heard: list[str] = []

    def on_llm_start(self, *_args: Any, **_told: Any) -> None:
        self.heard.append("start")

    def on_llm_end(self, *_args: Any, **_told: Any) -> None:
        self.heard.append("end")


class Awaiting(AsyncCallbackHandler):
    """The same, asynchronous."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_llm_start(self, *_args: Any, **_told: Any) -> None:
        self.heard.append("start")

    async def on_llm_end(self, *_args: Any, **_told: Any) -> None:
        self.heard.append("end")


@BOTH
def test_a_handler_added_twice_counts_once(
    telemetry: Telemetry, model: Any, asynchronous: bool
) -> None:
    """A handler in the constructor and in the request, and `instrument()` twice, make one span."""
    telemetry.instrument()
    model.callbacks = [CallspanHandler()]
    config: Any = {"callbacks": [CallspanHandler()]}
    with callspan.count_tokens() as count:
        run((ASK | model).ainvoke({"x": "Hi"}, config)) if asynchronous else (ASK | model).invoke(
            {"x": "Hi"}, config
        )
    assert tree_of(telemetry) == [["invoke_workflow", "chat gpt-4.1-mini"]]
    assert count.calls == 1


@pytest.mark.instrument(clients=["openai"])
def test_a_handler_given_in_a_request_hears_only_that(telemetry: Telemetry, model: Any) -> None:
    """Where LangChain is not watched, a handler in a request's config is heard for that request alone."""
    (ASK | model).invoke({"x": "Hi"}, config={"callbacks": [CallspanHandler()]})
    (ASK | model).invoke({"x": "Hi"})
    assert tree_of(telemetry) == [["invoke_workflow", "chat gpt-4.1-mini"], "chat gpt-4.1-mini"]
    facts = ["callspan.framework.name" in (span.attributes or {}) for span in calls(telemetry)]
    assert facts == [True, False]


def test_a_handler_needs_no_instrument() -> None:
    """Without `instrument()` a handler of ours is heard by itself, until `uninstrument()`."""
    heard: list[str] = []

    class Starts:
        def on_start(self, call: Any) -> None:
            heard.append(call.operation)

    handler = CallspanHandler()
    with callspan.use_handlers(Starts()):
        (ASK | FakeListChatModel(responses=["Roses"])).invoke(
            {"x": "Hi"}, config={"callbacks": [handler]}
        )
        (ASK | FakeListChatModel(responses=["Roses"])).invoke({"x": "Hi"})
        callspan.uninstrument()
        (ASK | FakeListChatModel(responses=["Roses"])).invoke(
            {"x": "Hi"}, config={"callbacks": [handler]}
        )
    assert heard == ["invoke_workflow", "chat"]


@BOTH
def test_callbacks_of_any_form(telemetry: Telemetry, asynchronous: bool) -> None:
    """A list, a manager, none, or a handler of ours among them: the app's own hear all, ours counts once."""
    hearing = Hearing()
    model = FakeListLLM(responses=["Roses"])
    manager = AsyncCallbackManager if asynchronous else CallbackManager
    for callbacks in ([hearing], manager([hearing]), [hearing, CallspanHandler()], None):
        config: Any = {"callbacks": callbacks}
        run(model.ainvoke("Hi", config)) if asynchronous else model.invoke("Hi", config)
    assert hearing.heard == ["start", "end"] * 3
    assert len(telemetry.spans) == 4


@BOTH_IN_NODES
def test_messages_of_a_graph_still_stream(
    telemetry: Telemetry, model: Any, asynchronous: bool
) -> None:
    """LangGraph's `stream_mode="messages"` yields tokens while we listen."""
    graph = StateGraph(dict).add_node("say", lambda _state: {"said": model.invoke("Hi").content})
    program = graph.add_edge(START, "say").compile()

    async def aread() -> list[Any]:
        return [chunk.content async for chunk, _ in program.astream({}, stream_mode="messages")]

    def read() -> list[Any]:
        return [chunk.content for chunk, _ in program.stream({}, stream_mode="messages")]

    assert len([text for text in (run(aread()) if asynchronous else read()) if text]) > 3
    assert len(calls(telemetry)) == 1


@pytest.mark.parametrize("ours", [None, CallspanHandler])
def test_other_handlers_get_all_events(telemetry: Telemetry, ours: Any) -> None:
    """Plain and asynchronous handlers hear start and end in asynchronous code, beside ours, also where it is given."""
    plain, awaiting = Hearing(), Awaiting()
    given = [plain, *([ours()] if ours else []), awaiting]
    run(FakeListLLM(responses=["Roses"]).ainvoke("Hi", config={"callbacks": given}))
    assert (plain.heard, awaiting.heard) == (["start", "end"], ["start", "end"])
    assert len(telemetry.spans) == 1


def test_an_inline_handler_does_not_silence_ours(telemetry: Telemetry) -> None:
    """Beside an inline handler LangChain forgets to tell others of a start in asynchronous code; ours hears it."""
    inline = Hearing(inline=True)
    run(FakeListLLM(responses=["Roses"]).ainvoke("Hi", config={"callbacks": [inline]}))
    assert inline.heard == ["start", "end"]
    assert telemetry.span.name == "text_completion"


def test_runs_in_tasks_and_threads(telemetry: Telemetry, model: Any) -> None:
    """Models called in tasks, in an executor, in parallel branches and in bare threads given the config have the
    right parent."""

    async def node(state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        task = asyncio.create_task(model.ainvoke("task", config))
        await task
        await asyncio.to_thread(model.invoke, "thread", config)
        with ThreadPoolExecutor(1) as pool:
            await asyncio.wrap_future(pool.submit(model.invoke, "pool", config))
        await RunnableParallel(left=model, right=model).ainvoke("both", config)
        return state

    program = StateGraph(dict).add_node("node", node).add_edge(START, "node").compile()
    run(program.ainvoke({}))
    assert tree_of(telemetry) == [
        ["invoke_workflow", ["run_node node", *["chat gpt-4.1-mini"] * 5]]
    ]


@pytest.mark.guard_acts("the user's handler fails on purpose")
def test_a_failing_handler_of_the_user_stops_nothing(telemetry: Telemetry) -> None:
    """A handler of callspan's kind that raises is reported once, and the run goes on."""

    class Failing:
        def on_start(self, call: Any) -> None:
            raise RuntimeError("on purpose")

    with callspan.use_handlers(Failing()):
        assert FakeListChatModel(responses=["Roses"]).invoke("Hi").content == "Roses"
    assert len(telemetry.spans) == 1


@pytest.mark.parametrize("watched", [True, False], ids=["client", "callbacks"])
def test_a_cancelled_run(telemetry: Telemetry, model_server: ModelServer, watched: bool) -> None:
    """A cancelled call, of which LangChain tells no end, is ended as cancelled."""
    gate = threading.Event()
    model_server.enqueue(Reply(gate=gate))

    class Slow(FakeListChatModel):
        async def _agenerate(self, *_args: Any, **_kwargs: Any) -> Any:
            started.set()
            await asyncio.sleep(30)

    async def work() -> None:
        task = asyncio.create_task(
            (chat_model(model_server) if watched else Slow(responses=[])).ainvoke("Hi")
        )
        while not (model_server.requests or started.is_set()):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started = threading.Event()
    run(work())
    gate.set()
    assert telemetry.attributes["callspan.outcome"] == "cancelled"
    assert telemetry.attributes["error.type"] == "asyncio.exceptions.CancelledError"


def test_a_cancelled_chain(telemetry: Telemetry) -> None:
    """When a graph is cancelled, all that is open in it is ended."""

    async def node(state: dict[str, Any]) -> dict[str, Any]:
        started.set()
        await asyncio.sleep(30)
        return state

    async def work() -> None:
        task = asyncio.create_task(program.ainvoke({}))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started = asyncio.Event()
    program = StateGraph(dict).add_node("node", node).add_edge(START, "node").compile()
    run(work())
    assert tree_of(telemetry) == [["invoke_workflow", "run_node node"]]
    assert {span.attributes["callspan.outcome"] for span in telemetry.spans} == {"cancelled"}


def test_events_out_of_order(telemetry: Telemetry) -> None:
    """Ends and errors of unknown runs, the same start or end twice, missing ids: nothing happens, nothing is left."""
    handler, run_id = CallspanHandler(), uuid.uuid4()
    for _ in range(2):
        handler.on_chain_end({}, run_id=uuid.uuid4())
        handler.on_llm_error(ValueError("x"), run_id=uuid.uuid4())
        handler.on_llm_new_token("x", run_id=uuid.uuid4())
        handler.on_tool_start({"name": "price"}, "rose", run_id=run_id)
    handler.on_tool_start(None, None)
    handler.on_chain_start(
        None, None, run_id=uuid.uuid4(), parent_run_id=run_id, tags=None, metadata=None
    )
    handler.on_retry(None, run_id=run_id)
    handler.on_text("x", run_id=run_id)
    handler.on_custom_event("x", {}, run_id=run_id)
    handler.on_tool_error("no exception at all", run_id=run_id)
    assert [span.name for span in telemetry.spans] == ["execute_tool price"]


def test_only_an_inner_runnable(telemetry: Telemetry) -> None:
    """A handler in the constructor of an inner model alone, in a hundred tasks at once: each under its own."""
    telemetry.instrument(clients=["openai"])
    model = FakeListChatModel(responses=["Roses"], callbacks=[CallspanHandler()])

    async def request(number: int) -> None:
        with telemetry.tracer.start_as_current_span(f"request {number}"):
            await (ASK | model).ainvoke({"x": str(number)})

    async def work() -> None:
        await asyncio.gather(*map(request, range(100)))

    run(work())
    assert sorted(map(tuple, tree_of(telemetry))) == sorted(
        (f"request {number}", "chat") for number in range(100)
    )


class Boom(Exception):
    """Raised on purpose."""


def test_the_error_is_the_apps_own(telemetry: Telemetry) -> None:
    """An exception of a tool goes through node and graph to the app as the same object, and all are marked failed."""
    raised = Boom("the secret prompt")

    @tool
    def fail() -> str:
        """Fails."""
        raise raised

    program = (
        StateGraph(dict)
        .add_node("node", lambda _state: fail.invoke({}))
        .add_edge(START, "node")
        .compile()
    )
    with pytest.raises(Boom) as caught:
        program.invoke({})
    assert caught.value is raised
    assert tree_of(telemetry) == [["invoke_workflow", ["run_node node", "execute_tool fail"]]]
    assert {span.attributes["error.type"].rpartition(".")[2] for span in telemetry.spans} == {
        "Boom"
    }
    assert "secret" not in telemetry.everything()


def _mixed(number: int) -> None:
    """One of several runs that end differently."""
    model = FakeListChatModel(responses=["Roses are red"])
    hidden = RunnableLambda(lambda said: said).with_config(tags=["langsmith:hidden"])
    kind = number % 4
    if kind == 0:
        (ASK | model | hidden).invoke({"x": "Hi"})
    elif kind == 1:
        next((ASK | model).stream({"x": "Hi"}))
    elif kind == 2:
        with pytest.raises(ZeroDivisionError):
            (ASK | model | RunnableLambda(lambda _said: 1 // 0)).invoke({"x": "Hi"})
    else:
        asyncio.run(_cancelled(ASK | model))


async def _cancelled(program: Any) -> None:
    task = asyncio.create_task(program.ainvoke({"x": "Hi"}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_no_run_is_held_after_its_end(telemetry: Telemetry) -> None:
    """After many runs, good, failed, left, cancelled and hidden, nothing of them is kept."""
    for number in range(400):
        _mixed(number)
    gc.collect()
    assert len(tree.runs) == 0
    assert not open_observations


def test_instrument_while_threads_run(telemetry: Telemetry) -> None:
    """Twenty threads run chains while instrumentation is put in again and metrics are read."""
    program, failures = ASK | FakeListChatModel(responses=["Roses"]), []

    def work() -> None:
        try:
            for _ in range(20):
                program.invoke({"x": "Hi"})
        except Exception as error:  # noqa: BLE001  all of them are shown
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        telemetry.instrument()
        assert telemetry.metrics is not None
    assert failures == []
    assert len([span for span in telemetry.spans if span.name == "chat"]) <= 400


def test_uninstrument_ends_it(telemetry: Telemetry, model: Any) -> None:
    """After `uninstrument()` nothing is heard, and LangChain's methods are what they were."""
    callspan.uninstrument()
    model.invoke("Hi")
    assert telemetry.spans == []
    found = type(model).mro()
    assert not any(
        type(vars(kind).get("generate")).__module__.startswith("callspan") for kind in found
    )


def test_a_stream_open_at_uninstrument_still_ends(telemetry: Telemetry) -> None:
    """A run that is open when instrumentation is taken out is told to its end."""
    stream = FakeListChatModel(responses=["Roses are red"]).stream("Hi")
    next(stream)
    callspan.uninstrument()
    list(stream)
    assert one(telemetry, "chat").attributes["callspan.outcome"] == "completed"


@BOTH
def test_uninstrument_while_a_run_begins(telemetry: Telemetry, asynchronous: bool) -> None:
    """A run that is just being reported when instrumentation is taken out is told to its end."""

    class Uninstrumenting(BaseCallbackHandler):
        run_inline = True

        def on_chain_start(self, *_args: Any, **_fields: Any) -> None:
            callspan.uninstrument()

    chain = ASK | FakeListChatModel(responses=["Roses"])
    config: RunnableConfig = {"callbacks": [Uninstrumenting()]}
    if asynchronous:
        run(chain.ainvoke({"x": "Hi"}, config))
    else:
        chain.invoke({"x": "Hi"}, config)
    assert one(telemetry, "invoke_workflow").status.is_unset
