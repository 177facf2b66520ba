"""What an app sees of LangChain's managers and configurations is what it would see without us."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.outputs import GenerationChunk
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import merge_configs
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph

import callspan
from frameworks.langchain.conftest import BOTH, run
from telemetry import Telemetry


class Own(BaseCallbackHandler):
    """A handler of the app's."""


def looks(manager: Any) -> list[Any]:
    """What may be seen of a manager: its handlers, those of its copy, and those after it was merged."""
    handlers = lambda one: [type(handler).__name__ for handler in one.handlers]  # noqa: E731
    inherited = [type(handler).__name__ for handler in manager.inheritable_handlers]
    merged = merge_configs({"callbacks": manager}, {"callbacks": manager}, {"callbacks": [Own()]})[
        "callbacks"
    ]
    joined = manager.copy().merge(manager)
    return [
        handlers(manager),
        inherited,
        bool(manager.handlers),
        handlers(manager.copy()),
        handlers(merged),
        handlers(joined),
    ]


def in_a_chain(callbacks: Any, asynchronous: bool) -> list[Any]:
    """What a step sees that has its configuration."""
    seen: list[Any] = []

    def step(_value: Any, config: Any) -> None:
        seen.extend(looks(config["callbacks"]))

    async def astep(_value: Any, config: Any) -> None:
        step(_value, config)

    chain: Any = RunnableLambda(step, astep) | RunnableLambda(lambda value: value)
    run(chain.ainvoke({}, {"callbacks": callbacks})) if asynchronous else chain.invoke(
        {}, {"callbacks": callbacks}
    )
    return seen


def in_a_node(callbacks: Any, asynchronous: bool) -> list[Any]:
    """What a node of a graph sees."""
    seen: list[Any] = []

    def see(_state: Any, config: Any) -> dict[str, Any]:
        seen.extend(looks(config["callbacks"]))
        return {}

    async def asee(state: Any, config: Any) -> dict[str, Any]:
        return see(state, config)

    node: Any = RunnableLambda(see, asee)
    graph: Any = StateGraph(dict).add_node("node", node).add_edge(START, "node").compile()
    run(graph.ainvoke({}, {"callbacks": callbacks})) if asynchronous else graph.invoke(
        {}, {"callbacks": callbacks}
    )
    return seen


def in_a_tool(callbacks: Any, asynchronous: bool) -> list[Any]:
    """What a tool sees."""
    seen: list[Any] = []

    @tool
    def see(callbacks: Any) -> str:
        """See."""
        seen.extend(looks(callbacks))
        return ""

    run(see.ainvoke({}, {"callbacks": callbacks})) if asynchronous else see.invoke(
        {}, {"callbacks": callbacks}
    )
    return seen


def when_configured(callbacks: Any, asynchronous: bool) -> list[Any]:
    """What is seen of a manager that the app makes itself."""
    return looks((AsyncCallbackManager if asynchronous else CallbackManager).configure(callbacks))


@BOTH
@pytest.mark.parametrize("callbacks", [None, [], [Own()]], ids=["none", "empty", "own"])
@pytest.mark.parametrize("see", [in_a_chain, in_a_node, in_a_tool, when_configured])
def test_managers_are_what_they_are_without_us(
    telemetry: Telemetry, see: Callable[..., list[Any]], callbacks: Any, asynchronous: bool
) -> None:
    """Handlers, copies and merges are the same with us and without us."""
    with_us = see(callbacks, asynchronous)
    callspan.uninstrument()
    without_us = see(callbacks, asynchronous)
    assert with_us == without_us
    assert with_us


class StreamingLLM(FakeListLLM):
    """An old model that streams."""

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        for text in self.responses[0]:
            run_manager.on_llm_new_token(token=text)
            yield GenerationChunk(text=text)


class Tokens(BaseCallbackHandler):
    """A handler that hears tokens."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_llm_new_token(self, token: str, **_told: Any) -> None:
        self.heard.append(token)


@BOTH
@pytest.mark.parametrize("handlers", [0, 1])
@pytest.mark.parametrize("kind", [FakeListChatModel, StreamingLLM])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_each_event_is_heard_once(
    telemetry: Telemetry, asynchronous: bool, handlers: int, kind: Any, streamed: bool
) -> None:
    """Also where the app has no handler, all of a run is heard, and once."""
    config: Any = {"callbacks": [Tokens() for _ in range(handlers)] or None}
    asked = kind(responses=["Roses"])

    async def aread() -> None:
        if streamed:
            _ = [chunk async for chunk in asked.astream("Hi", config)]
        else:
            await asked.ainvoke("Hi", config)

    heard: list[str] = []

    class Listening:
        def on_token(self, _call: Any, token: Any) -> None:
            heard.append(token.text)

    with callspan.use_handlers(Listening()), callspan.count_tokens() as count:
        if asynchronous:
            run(aread())
        elif streamed:
            list(asked.stream("Hi", config))
        else:
            asked.invoke("Hi", config)
    assert count.calls == 1
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert "".join(heard) == ("Roses" if streamed else "")


@BOTH
def test_tools_and_their_errors_are_heard_without_a_handler(
    telemetry: Telemetry, asynchronous: bool
) -> None:
    """A tool that fails ends as failed, one that answers as completed."""

    @tool
    def divide(by: int) -> int:
        """Divide six."""
        return 6 // by

    for by in (2, 0):
        try:
            run(divide.ainvoke({"by": by})) if asynchronous else divide.invoke({"by": by})
        except ZeroDivisionError:
            assert by == 0
    assert [span.attributes["callspan.outcome"] for span in telemetry.spans] == [
        "completed",
        "error",
    ]
