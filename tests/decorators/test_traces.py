"""Marked functions and blocks in a trace, with the real client inside, across tasks and threads."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from opentelemetry import context as otel

import callspan
from callspan import Outcome, SettingsError
from callspan.lifecycle.observation import open_observations
from callspan.testing.modelserver import ModelServer
from decorators.subjects import (
    KINDS,
    Heard,
    Live,
    async_generator,
    attributes,
    coroutine,
    current,
    generator,
    marked_plain,
    plain,
    tree,
)
from program import CHAT
from telemetry import Telemetry


def test_tree(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Operations nest, the model's calls stand in them, and each is told with its parent, its name and metrics."""
    heard = Heard()

    @callspan.tool(description="Looks a price up.")
    def price(flower: str) -> float:
        client.embeddings.create(model="text-embedding-3-small", input=flower)
        return 1.2

    @callspan.agent("florist")
    def answer() -> str:
        client.chat.completions.create(**CHAT)
        price("rose")
        return "done"

    with callspan.use_handlers(heard), callspan.workflow("order"):
        answer()
    assert tree(telemetry) == {
        "invoke_workflow order": None,
        "invoke_agent florist": "invoke_workflow order",
        "chat gpt-4.1-mini": "invoke_agent florist",
        "execute_tool price": "invoke_agent florist",
        "embeddings text-embedding-3-small": "execute_tool price",
    }
    assert {
        span.kind.name
        for span in telemetry.spans
        if span.name.partition(" ")[0] not in ("chat", "embeddings")
    } == {"INTERNAL"}
    assert attributes(telemetry, "execute_tool price") == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "price",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Looks a price up.",
        "gen_ai.agent.name": "florist",
        "callspan.outcome": "completed",
    }
    assert heard.calls["gpt-4.1-mini"].parent is heard.calls["florist"]
    assert heard.calls["price"].parent is heard.calls["florist"]
    assert heard.calls["florist"].parent is heard.calls["order"]
    (models,), (tools,) = (
        telemetry.points(f"gen_ai.invoke_agent.{n}_calls") for n in ("inference", "tool")
    )
    assert (models["sum"], tools["sum"]) == (1, 1)
    for name in ("invoke_workflow", "invoke_agent", "execute_tool"):
        assert [point["count"] for point in telemetry.points(f"gen_ai.{name}.duration")] == [1]


def test_defaults(telemetry: Telemetry) -> None:
    """A function's name and the first line of its docstring are the defaults."""
    callspan.tool(plain)(3)
    attributes = telemetry.attributes
    assert (attributes["gen_ai.tool.name"], attributes["gen_ai.tool.description"]) == (
        "plain",
        "What flowers cost.",
    )
    telemetry.clear()
    callspan.tool("named")(plain)(3)
    assert telemetry.span.name == "execute_tool named"


def test_tokens_are_counted_once(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Operations have no tokens of their own, and are no calls of a model."""
    with (
        callspan.count_tokens() as usage,
        callspan.budget(calls=1),
        callspan.agent("florist"),
        callspan.tool("ask"),
    ):
        client.chat.completions.create(**CHAT)
    total = model_server.ledger.total_told
    assert (usage.calls, usage.input, usage.output) == (1, total.input, total.output)
    assert telemetry.tokens == {"input": total.input, "output": total.output}


def test_attributes_say_who_it_is_for(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A session's id is on the spans of operations, as on those of the calls inside."""
    with (
        callspan.attributes(session_id="s-1"),
        callspan.workflow("order"),
        callspan.agent("florist"),
    ):
        client.chat.completions.create(**CHAT)
    assert [dict(span.attributes or {})["session.id"] for span in telemetry.spans] == ["s-1"] * 3


def test_parents_in_threads(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A thread that carries the context calls as a child, and `call.parent` says so; a bare one has no parent."""
    heard = Heard()
    with callspan.use_handlers(heard), callspan.agent("florist"), ThreadPoolExecutor(1) as pool:
        ask = functools.partial(client.chat.completions.create, **CHAT)
        pool.submit(callspan.carry(callspan.tool("carried")(ask))).result()
        pool.submit(callspan.tool("bare")(ask)).result()
    assert [
        span.parent is None for span in telemetry.spans if span.name == "execute_tool bare"
    ] == [True]
    assert tree(telemetry)["execute_tool carried"] == "invoke_agent florist"
    assert heard.calls["carried"].parent is heard.calls["florist"]


async def test_parents_in_tasks(telemetry: Telemetry) -> None:
    """So do tasks and `asyncio.to_thread`."""
    tool = callspan.tool(current)
    async with callspan.agent("florist"):
        await asyncio.create_task(asyncio.to_thread(tool))
    assert tree(telemetry)["execute_tool current"] == "invoke_agent florist"


def test_without_instrument() -> None:
    """Where `instrument()` was not called a function just runs, and gives its own coroutine and generator."""
    decorated = [callspan.tool(function) for function in KINDS]
    assert decorated[0](3) == "3 red"
    given = decorated[1](3)
    assert given.cr_code is coroutine.__code__
    given.close()
    assert decorated[2](3).gi_code is generator.__code__
    assert decorated[3](3).ag_code is async_generator.__code__
    with callspan.agent("florist") as run:
        run.result = "Roses."
    assert not open_observations


def test_marked_before_and_after(telemetry: Telemetry) -> None:
    """What is decorated is heard from `instrument()` to `uninstrument()`; what has begun still ends."""
    items = callspan.workflow(generator)(3)
    next(items)
    block = callspan.agent("florist")
    with block:
        callspan.uninstrument()
        marked_plain(3)
    items.close()
    assert sorted(span.name for span in telemetry.spans) == [
        "invoke_agent florist",
        "invoke_workflow generator",
    ]


def test_suppressed(telemetry: Telemetry) -> None:
    """Where the app suppresses telemetry there is none."""
    mark = otel.attach(otel.set_value("suppress_instrumentation", True))
    try:
        assert marked_plain(3) == "3 red"
        assert list(callspan.tool(generator)(3)) == ["3 red"]
        assert asyncio.run(callspan.tool(coroutine)(3)) == "3 red"
        with callspan.agent("florist"):
            pass
    finally:
        otel.detach(mark)
    assert not telemetry.spans


def test_switched_off(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=callspan` switches it off with all the rest."""
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "callspan")
    telemetry.instrument()
    marked_plain(3)
    assert not telemetry.spans


def test_handlers_alone(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers hear of it also where no telemetry is made; an operation's outcome and duration are told."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    heard = Heard()
    telemetry.instrument(handlers=[heard])
    marked_plain(3)
    call = heard.calls["plain"]
    assert (call.operation, call.outcome, call.asynchronous) == (
        "execute_tool",
        Outcome.COMPLETED,
        False,
    )
    assert call.duration is not None
    assert call.content.arguments == {"stems": 3}
    assert call.response.result == {"content": "3 red"}


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (
            lambda: callspan.tool(Live),
            "callspan.tool marks functions, and Live is a class: mark one of its methods",
        ),
        (lambda: callspan.agent("a")(Live), "callspan.agent marks functions, and Live is a class"),
        (lambda: callspan.tool(property(plain)), "put it below @property"),
        (lambda: callspan.workflow(3), "callspan.workflow takes a function or a name, not int"),
        (lambda: callspan.tool(name=3), "takes a function or a name, not int"),
        (lambda: callspan.agent(""), "callspan.agent has an empty name"),
        (
            lambda: callspan.tool(arguments={"stems": 3})(plain),
            "a function is given its own at each call",
        ),
        (
            lambda: callspan.tool("price", call_id="call_1")(plain),
            "arguments and call_id are those of a block",
        ),
        (lambda: callspan.agent().__enter__(), "give it one, `with callspan.agent('name'):`"),
    ],
)
def test_bad_use(mark: Any, message: str) -> None:
    """What cannot be decorated is refused where it is decorated, in one line that says what to do."""
    with pytest.raises(SettingsError) as caught:
        mark()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
