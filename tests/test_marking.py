"""Functions and blocks of a program's own as workflows, agents and tools, with the real client inside."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import gc
import inspect
import json
import logging
import pickle
import sys
import threading
import time
import types
import typing
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from opentelemetry import context as otel
from opentelemetry import trace

import callspan
from callspan import Call, Outcome, SettingsError
from callspan.modelserver import ModelServer
from callspan.observation import open_observations
from clients import async_openai_client
from program import CHAT
from telemetry import Telemetry


class Heard:
    """A handler that keeps the calls of which it hears the end, by name."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}

    def on_end(self, call: Call, _response: Any) -> None:
        self.calls[call.subject or ""] = call

    def on_error(self, call: Call, _error: BaseException) -> None:
        self.calls[call.subject or ""] = call


def tree(telemetry: Telemetry) -> dict[str, str | None]:
    """The parent's name of each span, by its own name."""
    names = {span.context.span_id: span.name for span in telemetry.all_spans}
    return {span.name: names.get(span.parent.span_id) if span.parent else None for span in telemetry.all_spans}


def attributes(telemetry: Telemetry, name: str) -> dict[str, Any]:
    """The attributes of the one span of a name."""
    (found,) = (dict(span.attributes or {}) for span in telemetry.spans if span.name == name)
    return found


def current() -> str:
    """The name of the span in whose context this runs."""
    return getattr(trace.get_current_span(), "name", "nothing")


# -- what is marked looks as before ----------------------------------------------------------------------------------


def plain(stems: int, *, color: str = "red") -> str:
    """What flowers cost.

    And more.
    """
    return f"{stems} {color}"


async def coroutine(stems: int, *, color: str = "red") -> str:
    """What flowers cost."""
    return f"{stems} {color}"


def generator(stems: int, *, color: str = "red") -> Iterator[str]:
    """What flowers cost."""
    yield f"{stems} {color}"


async def async_generator(stems: int, *, color: str = "red") -> AsyncIterator[str]:
    """What flowers cost."""
    yield f"{stems} {color}"


@callspan.tool
def priced(stems: int) -> int:
    return stems


KINDS: list[Callable[..., Any]] = [plain, coroutine, generator, async_generator]
marked_plain = callspan.tool(plain)


def looks(function: Any) -> dict[str, Any]:
    """How a function looks to code that examines it."""
    asks = [inspect.isfunction, inspect.isroutine, inspect.iscoroutinefunction, inspect.isgeneratorfunction]
    asks += [inspect.isasyncgenfunction, asyncio.iscoroutinefunction, callable]
    return {
        "is": [ask(function) for ask in asks],
        "signature": inspect.signature(function),
        "hints": typing.get_type_hints(function),
        "names": (function.__name__, function.__qualname__, function.__module__, function.__doc__),
        "code": function.__code__,
        "defaults": function.__kwdefaults__,
        "file": inspect.getsourcefile(function),
    }


@pytest.mark.parametrize("function", KINDS)
@pytest.mark.parametrize("instrumented", [False, True])
def test_t029_looks(telemetry: Telemetry, function: Any, instrumented: bool) -> None:
    """A marked function looks like itself, and what it gives is of the type that it gives without us."""
    if not instrumented:
        callspan.uninstrument()
    marked = callspan.tool(function)
    assert looks(marked) == looks(function)
    given, expected = marked(3), function(3)
    assert isinstance(given, type(expected))
    for name in ("__name__", "__qualname__"):
        assert getattr(given, name, None) == getattr(expected, name, None)
    for each in (given, expected):
        if inspect.iscoroutine(each):
            each.close()


class Shop:
    """Methods of every kind, marked above and below the decorators of their classes."""

    def __init__(self, name: str) -> None:
        self.name = name

    @callspan.tool
    def method(self, stems: int) -> str:
        return f"{self.name} {stems}"

    @callspan.tool
    async def coroutine(self, stems: int) -> str:
        return f"{self.name} {stems}"

    @callspan.tool
    @classmethod
    def class_above(cls, stems: int) -> str:
        return f"{cls.__name__} {stems}"

    @classmethod
    @callspan.tool
    def class_below(cls, stems: int) -> str:
        return f"{cls.__name__} {stems}"

    @callspan.tool
    @staticmethod
    def static_above(stems: int) -> str:
        return f"static {stems}"

    @staticmethod
    @callspan.tool
    def static_below(stems: int) -> str:
        return f"static {stems}"

    @property
    @callspan.tool
    def cost(self) -> str:
        return self.name


class Branch(Shop):
    """One that inherits them."""


METHODS = {
    "method": "Bo 3",
    "class_above": "Branch 3",
    "class_below": "Branch 3",
    "static_above": "static 3",
    "static_below": "static 3",
}


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("name", METHODS)
def test_t029_methods(telemetry: Telemetry, name: str) -> None:
    """Methods bind as before, in either order of the decorators; `self` and `cls` are no arguments."""
    assert getattr(Branch("Bo"), name)(3) == METHODS[name]
    assert telemetry.span.name == f"execute_tool {name}"
    assert telemetry.attributes["gen_ai.tool.call.arguments"] == '{"stems":3}'


def test_t029_methods_by_their_class(telemetry: Telemetry) -> None:
    """A method called by its class, one that is a property, and a coroutine's."""
    shop = Branch("Bo")
    assert Shop.method(shop, 3) == "Bo 3"
    assert shop.cost == "Bo"
    assert asyncio.run(shop.coroutine(3)) == "Bo 3"
    assert inspect.iscoroutinefunction(shop.coroutine)
    assert [span.name for span in telemetry.spans] == [f"execute_tool {n}" for n in ("method", "cost", "coroutine")]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda found: pickle.loads(pickle.dumps(found))])
def test_t029_copies(telemetry: Telemetry, name: str, copied: Any) -> None:
    """What is marked copies and pickles, as functions and methods do, and stays marked."""
    assert copied(priced) is priced
    assert copied(marked_plain)(1) == "1 red"  # which has another name than its function
    telemetry.clear()
    assert copied(getattr(Branch("Bo"), name))(3) == METHODS[name]
    assert copied(getattr(Branch, name)) == getattr(Branch, name)
    assert telemetry.span.name == f"execute_tool {name}"


def test_t029_local_functions_do_not_pickle() -> None:
    """What cannot be pickled without us cannot be pickled with us, with the same error."""
    local = lambda: None  # noqa: E731  the shortest local function
    errors = []
    for found in (local, callspan.tool(local)):
        with pytest.raises((AttributeError, pickle.PicklingError)) as caught:
            pickle.dumps(found)
        errors.append(type(caught.value))
    assert errors[0] is errors[1]


def test_other_callables(telemetry: Telemetry) -> None:
    """Bound methods, partial functions, objects that can be called, and builtin functions can be marked too."""

    class Search:
        async def __call__(self, word: str) -> str:
            return word

    assert callspan.tool(Shop("Bo").__init__)("Al") is None
    assert callspan.tool(functools.partial(plain, 3))(color="blue") == "3 blue"
    assert callspan.tool("length")(len)("four") == 4
    search = Search()
    assert asyncio.run(callspan.tool(search)("word")) == "word"
    assert pickle.loads(pickle.dumps(callspan.tool(functools.partial(plain, 3))))() == "3 red"
    assert [span.name.split()[1] for span in telemetry.spans] == ["__init__", "plain", "length", "Search"]


def test_other_decorators_between(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Where another decorator hides what a function is, its operation still covers what is awaited or read."""

    def hiding(function: Any) -> Any:
        @functools.wraps(function)
        def hidden(*args: Any) -> Any:
            return function(*args)

        return hidden

    @callspan.agent
    @hiding
    async def asks() -> str:
        await asyncio.sleep(0)
        client.chat.completions.create(**CHAT)
        return current()

    @callspan.workflow
    @hiding
    def reads() -> Iterator[str]:
        yield current()
        client.embeddings.create(model="text-embedding-3-small", input="roses")

    assert asyncio.run(asks()) == "invoke_agent asks"
    assert list(reads()) == ["invoke_workflow reads"]
    assert tree(telemetry) == {
        "chat gpt-4.1-mini": "invoke_agent asks",
        "invoke_agent asks": None,
        "embeddings text-embedding-3-small": "invoke_workflow reads",
        "invoke_workflow reads": None,
    }
    telemetry.clear()
    given = asks()
    given.close()
    del given
    reads()
    assert [dict(span.attributes or {})["callspan.outcome"] for span in telemetry.spans] == ["abandoned"] * 2


# -- what is recorded ------------------------------------------------------------------------------------------------


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
        span.kind.name for span in telemetry.spans if span.name.partition(" ")[0] not in ("chat", "embeddings")
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
    (models,), (tools,) = (telemetry.points(f"gen_ai.invoke_agent.{n}_calls") for n in ("inference", "tool"))
    assert (models["sum"], tools["sum"]) == (1, 1)
    for name in ("invoke_workflow", "invoke_agent", "execute_tool"):
        assert [point["count"] for point in telemetry.points(f"gen_ai.{name}.duration")] == [1]


def test_defaults(telemetry: Telemetry) -> None:
    """A function's name and the first line of its docstring are the defaults."""
    callspan.tool(plain)(3)
    found = telemetry.attributes
    assert (found["gen_ai.tool.name"], found["gen_ai.tool.description"]) == ("plain", "What flowers cost.")
    telemetry.clear()
    callspan.tool("named")(plain)(3)
    assert telemetry.span.name == "execute_tool named"


def test_tokens_are_counted_once(telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer) -> None:
    """Operations have no tokens of their own, and are no calls of a model."""
    with callspan.count_tokens() as usage, callspan.budget(calls=1), callspan.agent("florist"), callspan.tool("ask"):
        client.chat.completions.create(**CHAT)
    told = model_server.ledger.total_told
    assert (usage.calls, usage.input, usage.output) == (1, told.input, told.output)
    assert telemetry.tokens == {"input": told.input, "output": told.output}


def test_t120_who_it_is_for(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A session's id is on the spans of operations, as on those of the calls inside."""
    with callspan.attributes(session_id="s-1"), callspan.workflow("order"), callspan.agent("florist"):
        client.chat.completions.create(**CHAT)
    assert [dict(span.attributes or {})["session.id"] for span in telemetry.spans] == ["s-1"] * 3


class Live:
    """An object that must not be looked into."""

    def __init__(self) -> None:
        self.lock, self.api_key = threading.Lock(), "sk-live-secret"


def test_content_of_tools(telemetry: Telemetry, capture: str) -> None:
    """Arguments and result are told only where content is captured; objects are only named."""

    @callspan.tool
    def price(flower: str, *more: int, shop: Live, **rest: Any) -> dict[str, Any]:
        return {"secret": 1.2, "of": shop}

    price("secret rose", 1, 2, shop=Live(), note={"secret": True})
    found = telemetry.attributes
    if capture == "off":
        assert "secret" not in telemetry.everything()
        return
    assert json.loads(found["gen_ai.tool.call.arguments"]) == {
        "flower": "secret rose",
        "more": [1, 2],
        "shop": "<test_marking.Live>",
        "rest": {"note": {"secret": True}},
    }
    assert json.loads(found["gen_ai.tool.call.result"]) == {"secret": 1.2, "of": "<test_marking.Live>"}
    assert "sk-live" not in telemetry.everything()


def test_content_of_agents(telemetry: Telemetry, capture: str) -> None:
    """What an agent is asked and answers are messages; one text stands as it is, more arguments with their names."""

    @callspan.agent
    def one(question: str) -> str:
        return "secret answer"

    @callspan.workflow
    def more(question: str, times: int) -> Iterator[str]:
        yield "secret "
        yield "words"

    one("secret question")
    list(more("secret question", 2))
    if capture == "off":
        assert "secret" not in telemetry.everything()
        return

    def said(name: str, way: str) -> Any:
        (message,) = json.loads(attributes(telemetry, name)[f"gen_ai.{way}.messages"])
        (part,) = message["parts"]
        return message["role"], part["content"]

    assert said("invoke_agent one", "input") == ("user", "secret question")
    assert said("invoke_agent one", "output") == ("assistant", "secret answer")
    assert said("invoke_workflow more", "input") == ("user", '{"question":"secret question","times":2}')
    assert said("invoke_workflow more", "output") == ("assistant", "secret words")


def test_content_is_chosen_and_redacted(telemetry: Telemetry) -> None:
    """Fields, redaction and limits hold as for the messages of models."""
    telemetry.instrument(
        capture="span",
        capture_fields=["arguments", "output"],
        redact=lambda text, where: f"[{where}]" if "secret" in text else text,
        content_limit=2000,
    )
    callspan.tool(lambda word: "secret")("secret")
    found = telemetry.attributes
    assert json.loads(found["gen_ai.tool.call.arguments"]) == {"word": "[arguments]"}
    assert "gen_ai.tool.call.result" not in found
    telemetry.clear()
    callspan.agent(lambda word: "long " * 1000)("secret")
    found = telemetry.attributes
    assert "gen_ai.input.messages" not in found
    assert len(found["gen_ai.output.messages"]) < 2000
    assert found["callspan.content.elided"] > 3000


def test_t053_items_are_kept_within_bounds(telemetry: Telemetry) -> None:
    """Of what a generator yields, so much is kept as of a model's answer, and nothing where nobody reads it."""
    kept: list[weakref.ref[Live]] = []

    @callspan.workflow
    def words(count: int) -> Iterator[Any]:
        for _ in range(count):
            yield "w" * 1000

    @callspan.workflow
    def objects(count: int) -> Iterator[Any]:
        for _ in range(count):
            live = Live()
            kept.append(weakref.ref(live))
            yield live
            del live

    for capture in ("off", "span"):
        telemetry.instrument(capture=capture)
        items = objects(5)
        while next(items, None):
            pass
        assert [reference() for reference in kept] == [None] * len(kept)
    telemetry.clear()
    for _ in words(3000):
        pass
    assert telemetry.attributes["callspan.content.elided"] > 2_900_000
    assert len(telemetry.attributes["gen_ai.output.messages"]) < 65_536


def test_blocks(telemetry: Telemetry, capture: str) -> None:
    """A block says what it is given and gives; its arguments may be the JSON text that a model gave."""
    with callspan.tool("price", call_id="call_1", arguments='{"flower": "rose"}') as run:
        run.result = 1.2
    with callspan.agent("florist", arguments="Which?") as run:
        run.result = "Roses."
    tool, agent = attributes(telemetry, "execute_tool price"), attributes(telemetry, "invoke_agent florist")
    assert tool["gen_ai.tool.call.id"] == "call_1"
    captured = capture != "off"
    assert (tool.get("gen_ai.tool.call.arguments") == '{"flower":"rose"}') == captured
    assert (tool.get("gen_ai.tool.call.result") == '{"content":1.2}') == captured
    assert ("Which?" in str(agent)) == ("Roses." in str(agent)) == captured


async def test_async_blocks(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Blocks in asynchronous code; those of one mark may be open in several tasks, and be left in any order."""
    mark, inside, left = callspan.agent("florist"), asyncio.Event(), asyncio.Event()

    async def first(client: openai.AsyncOpenAI) -> None:
        async with mark:
            await client.chat.completions.create(**CHAT)
            await inside.wait()
        model, agent = telemetry.spans
        assert tree(telemetry)[model.name] == agent.name == "invoke_agent florist"
        assert current() == "nothing"
        left.set()

    async def second() -> None:
        async with mark:
            inside.set()
            await left.wait()
            assert current() == "invoke_agent florist"
        assert current() == "nothing"

    async with async_openai_client(model_server.url) as client:
        await asyncio.gather(first(client), second())
    assert len(telemetry.spans) == 3


def test_blocks_left_out_of_order(telemetry: Telemetry) -> None:
    """A block that is left late puts nothing out of force that has begun since; one may end before it is left."""

    def opens() -> Iterator[None]:
        with callspan.agent("late"):
            yield

    before = otel.get_current()
    items = opens()
    with telemetry.tracer.start_as_current_span("app"):
        next(items)
    with telemetry.tracer.start_as_current_span("app's next"):
        items.close()
        assert current() == "app's next"
    assert otel.get_current() is before
    with callspan.agent("early") as run:
        run.end()
        assert telemetry.spans[-1].name == "invoke_agent early"
    assert otel.get_current() is before


def test_blocks_of_one_mark_in_threads(telemetry: Telemetry) -> None:
    """The same with threads, which leave in the order in which they came, and nested ones in the other."""
    mark, meeting, outcomes = callspan.tool("wait"), threading.Barrier(2), []

    def wait(fails: bool) -> None:
        try:
            with mark:
                meeting.wait(10)
                if fails:
                    raise LookupError
        except LookupError:
            outcomes.append("error")
        meeting.wait(10)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(wait, [True, False]))
    assert sorted(dict(s.attributes or {})["callspan.outcome"] for s in telemetry.spans) == ["completed", "error"]
    telemetry.clear()
    with mark:
        with mark:
            pass
        assert len(telemetry.spans) == 1
    inner, outer = telemetry.spans
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


def test_t076_threads(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A thread that carries the context calls as a child, and `call.parent` says so; a bare one has no parent."""
    heard = Heard()
    with callspan.use_handlers(heard), callspan.agent("florist"), ThreadPoolExecutor(1) as pool:
        ask = functools.partial(client.chat.completions.create, **CHAT)
        pool.submit(callspan.carry(callspan.tool("carried")(ask))).result()
        pool.submit(callspan.tool("bare")(ask)).result()
    assert [span.parent is None for span in telemetry.spans if span.name == "execute_tool bare"] == [True]
    assert tree(telemetry)["execute_tool carried"] == "invoke_agent florist"
    assert heard.calls["carried"].parent is heard.calls["florist"]


async def test_t076_tasks(telemetry: Telemetry) -> None:
    """So do tasks and `asyncio.to_thread`."""
    tool = callspan.tool(current)
    async with callspan.agent("florist"):
        await asyncio.create_task(asyncio.to_thread(tool))
    assert tree(telemetry)["execute_tool current"] == "invoke_agent florist"


# -- how it ends -----------------------------------------------------------------------------------------------------


class Unspeakable(Exception):
    """An exception that cannot say anything."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [LookupError("secret"), Unspeakable()])
@pytest.mark.parametrize("kind", [*KINDS, "block"])
def test_errors(telemetry: Telemetry, capture: str, error: Exception, kind: Any) -> None:
    """An exception passes as the very object; the span has its type, and its text only where content is captured."""
    with pytest.raises(type(error)) as caught:
        fail(kind, error)
    assert caught.value is error
    assert error.__context__ is None
    span = telemetry.span
    name = {LookupError: "LookupError", Unspeakable: "test_marking.Unspeakable"}[type(error)]
    assert (telemetry.attributes["error.type"], span.status.status_code.name) == (name, "ERROR")
    assert ("secret" in telemetry.everything()) == (capture != "off" and isinstance(error, LookupError))
    error.__traceback__ = None


@pytest.mark.parametrize("kind", [*KINDS, "block"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_cancelled(telemetry: Telemetry, kind: Any, error: Any) -> None:
    """What is no `Exception` cancels the operation, and passes."""
    with pytest.raises(error):
        # a loop would take these two for its own
        fail(kind, error(), loop=error is asyncio.CancelledError)
    assert telemetry.attributes["callspan.outcome"] == "cancelled"


def fail(kind: Any, error: BaseException, loop: bool = True) -> None:
    """Raise an exception in a marked function of a kind, or in a block."""

    def raising() -> None:
        raise error

    async def araising() -> None:
        raise error

    def yielding() -> Iterator[int]:
        yield 1
        raise error

    async def ayielding() -> AsyncIterator[int]:
        yield 1
        raise error

    async def read() -> None:
        async for _ in callspan.tool(ayielding)():
            pass

    if kind == "block":
        with callspan.tool("block"):
            raise error
    elif kind is plain:
        callspan.tool(raising)()
    elif kind is generator:
        list(callspan.tool(yielding)())
    else:
        made = callspan.tool(araising)() if kind is coroutine else read()
        asyncio.run(made) if loop else made.send(None)


async def test_t037_cancelled_task(telemetry: Telemetry) -> None:
    """A task that is cancelled cancels its operation; so does one that is cancelled between two items."""
    inside = asyncio.Event()

    @callspan.agent
    async def waits() -> None:
        inside.set()
        await asyncio.Event().wait()

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        yield 1

    async def passes_on() -> AsyncIterator[int]:
        async for item in items():
            yield item

    async def reads() -> None:
        async for _ in passes_on():
            await waits()

    task = asyncio.create_task(reads())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(10):  # the event loop closes what passes the items on, in a task of its own
        await asyncio.sleep(0)
    outcomes = {span.name: dict(span.attributes or {})["callspan.outcome"] for span in telemetry.spans}
    assert outcomes["invoke_agent waits"] == "cancelled"
    assert outcomes["invoke_workflow items"] == ("abandoned" if sys.version_info < (3, 11) else "cancelled")


def test_nothing_is_kept(telemetry: Telemetry) -> None:
    """What a function was given, gave and raised is let go of at once, without the collector."""
    gc.disable()
    try:
        references: list[weakref.ref[Live]] = []

        def fails(live: Live, deep: bool) -> Live:
            if deep:
                raise LookupError
            return live

        for deep in (True, False):
            live = Live()
            references.append(weakref.ref(live))
            with contextlib.suppress(LookupError):
                callspan.tool(fails)(live, deep)
            del live
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


def test_t084_steering_is_no_error(telemetry: Telemetry) -> None:
    """An interrupt of LangGraph's that passes through a tool is control flow."""

    class GraphInterrupt(Exception):
        pass

    def asks() -> None:
        raise GraphInterrupt

    with pytest.raises(GraphInterrupt):
        callspan.tool(asks)()
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_a_failing_handler(telemetry: Telemetry, guard_reports: Any) -> None:
    """A handler that fails keeps no function from running."""

    class Failing:
        def on_start(self, call: Call) -> None:
            raise RuntimeError

        on_end = on_start

    with callspan.use_handlers(Failing()):
        assert callspan.tool(plain)(3) == "3 red"
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert len(guard_reports.messages) == 2
    guard_reports.records.clear()


async def test_inline_handlers_are_awaited(telemetry: Telemetry) -> None:
    """A handler that asks for it is awaited before the function begins, and after it has ended."""
    told: list[str] = []

    class Inline:
        inline = True

        async def on_start(self, call: Call) -> None:
            await asyncio.sleep(0)
            told.append(f"{call.subject} starts")

        async def on_end(self, call: Call, _response: Any) -> None:
            await asyncio.sleep(0)
            told.append(f"{call.subject} ends")

    @callspan.tool
    async def looks_up() -> None:
        told.append("looks up")

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        told.append("yields")
        yield 1

    with callspan.use_handlers(Inline()):
        await looks_up()
        async for _ in items():
            pass
        async with callspan.agent("block"):
            told.append("block")
    expected = ["looks_up starts", "looks up", "looks_up ends", "items starts", "yields", "items ends"]
    assert told == [*expected, "block starts", "block", "block ends"]


# -- generators ------------------------------------------------------------------------------------------------------


def test_t051_generator(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A generator's span covers the whole iteration; its calls are children, and its reader's are not."""

    @callspan.agent
    def answers(count: int) -> Iterator[str]:
        with telemetry.tracer.start_as_current_span("inner"):
            for _ in range(count):
                client.chat.completions.create(**CHAT)
                yield current()

    began, seen = time.time_ns(), []
    for inside in answers(3):
        seen.append((inside, current()))
        client.embeddings.create(model="text-embedding-3-small", input="roses")
    assert seen == [("inner", "nothing")] * 3
    spans = {span.name: span for span in telemetry.all_spans}
    whole = spans["invoke_agent answers"]
    assert began < whole.start_time < min(span.start_time for span in telemetry.spans if span is not whole)
    assert whole.end_time > max(span.end_time for span in telemetry.all_spans if span is not whole)
    found = tree(telemetry)
    assert (found["chat gpt-4.1-mini"], found["inner"]) == ("inner", "invoke_agent answers")
    assert found["embeddings text-embedding-3-small"] is None
    assert len([span for span in telemetry.spans if span.name == "chat gpt-4.1-mini"]) == 3


async def test_t051_async_generator(telemetry: Telemetry, model_server: ModelServer) -> None:
    """The same in asynchronous code."""
    async with async_openai_client(model_server.url) as client:

        @callspan.agent
        async def answers(count: int) -> AsyncIterator[str]:
            with telemetry.tracer.start_as_current_span("inner"):
                for _ in range(count):
                    await client.chat.completions.create(**CHAT)
                    yield current()

        seen = []
        async for inside in answers(3):
            seen.append((inside, current()))
            await client.embeddings.create(model="text-embedding-3-small", input="roses")
    assert seen == [("inner", "nothing")] * 3
    whole = next(span for span in telemetry.spans if span.name == "invoke_agent answers")
    assert whole.start_time < min(span.start_time for span in telemetry.spans if span is not whole)
    assert whole.end_time > max(span.end_time for span in telemetry.all_spans if span is not whole)
    found = tree(telemetry)
    assert (found["chat gpt-4.1-mini"], found["inner"]) == ("inner", "invoke_agent answers")
    assert found["embeddings text-embedding-3-small"] is None


LEAVES = {
    "break": lambda items: next(iter(items)) and None,
    "close": lambda items: (next(items), items.close()),
    "close_twice": lambda items: (next(items), items.close(), items.close()),
}


@pytest.mark.parametrize("way", LEAVES)
def test_t051_left_early(telemetry: Telemetry, way: str, client: openai.OpenAI) -> None:
    """A reader that leaves ends it as abandoned; its `finally` runs at once, in the span and within its time."""
    left: list[str] = []

    @callspan.agent
    def answers() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            client.chat.completions.create(**CHAT)
            left.append(current())

    LEAVES[way](answers())
    assert left == ["invoke_agent answers"]
    model, whole = telemetry.spans
    assert tree(telemetry)[model.name] == "invoke_agent answers"
    assert whole.end_time is not None
    assert model.end_time is not None
    assert whole.end_time > model.end_time
    assert dict(whole.attributes or {})["callspan.outcome"] == "abandoned"
    assert current() == "nothing"


@pytest.mark.parametrize("way", ["break", "aclose", "aclose_twice"])
async def test_t051_left_early_async(telemetry: Telemetry, way: str) -> None:
    """The same in asynchronous code. After a `break` the event loop runs the `finally`, in the same context."""
    left: list[str] = []
    done = asyncio.Event()

    @callspan.agent
    async def answers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            left.append(current())
            done.set()

    items: Any = answers()
    async for _ in items:
        break
    if way == "break":
        del items, _
        assert telemetry.attributes["callspan.outcome"] == "abandoned"
        with telemetry.tracer.start_as_current_span("another request"):
            await done.wait()
    else:
        await items.aclose()
        assert done.is_set()
        if way == "aclose_twice":
            await items.aclose()
    assert left == ["invoke_agent answers"]
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert current() == "nothing"


def test_t051_send_throw_return(telemetry: Telemetry) -> None:
    """`send`, `throw` and the value of `return` pass as if nobody looked on."""
    seen: list[Any] = []

    @callspan.workflow
    def talks() -> Any:
        seen.append((yield 1))
        try:
            yield 2
        except LookupError as error:
            seen.append(error)
        yield 3
        return "value"

    items, error = talks(), LookupError()
    assert (next(items), items.send("sent"), items.throw(error)) == (1, 2, 3)
    with pytest.raises(StopIteration) as ended:
        next(items)
    assert ended.value.value == "value"
    assert seen == ["sent", error]
    assert telemetry.attributes["callspan.outcome"] == "completed"
    error.__traceback__ = None


async def test_t051_asend_athrow(telemetry: Telemetry) -> None:
    """`asend` and `athrow` too."""
    seen: list[Any] = []

    @callspan.workflow
    async def talks() -> Any:
        seen.append((yield 1))
        try:
            yield 2
        except LookupError as error:
            seen.append(error)
        yield 3

    items, error = talks(), LookupError()
    assert (await items.asend(None), await items.asend("sent"), await items.athrow(error)) == (1, 2, 3)
    with pytest.raises(StopAsyncIteration):
        await items.__anext__()
    with pytest.raises(StopAsyncIteration):
        await items.__anext__()
    assert seen == ["sent", error]
    assert telemetry.attributes["callspan.outcome"] == "completed"
    error.__traceback__ = None


def test_t051_nothing_runs_before_it_is_read(telemetry: Telemetry) -> None:
    """What nobody awaits or reads has not begun; wrong arguments are refused where they are given."""
    for function in KINDS[1:]:
        marked = callspan.tool(function)
        with pytest.raises(TypeError, match="stems"):
            marked()
        given = marked(1)
        if inspect.iscoroutine(given):
            given.close()
        del given
    gc.collect()
    assert not telemetry.spans


async def test_t051_two_readers(telemetry: Telemetry) -> None:
    """Two readers at once are refused as without us, and disturb nothing else."""
    go = asyncio.Event()

    @callspan.workflow
    async def items() -> AsyncIterator[str]:
        await go.wait()
        yield current()

    shared: Any = items()
    first = asyncio.create_task(shared.__anext__())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="running"):
        await shared.__anext__()
    go.set()
    assert await first == "invoke_workflow items"
    await shared.aclose()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert current() == "nothing"


async def test_t039_read_in_one_task_closed_in_another(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    """Steps may be made by different tasks, and blocks in a generator may be left in another; nothing is logged."""
    before = otel.get_current()

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        with callspan.agent("inner"):
            yield 1
        yield 2

    shared: Any = items()
    with caplog.at_level(logging.DEBUG):
        assert await asyncio.create_task(shared.__anext__()) == 1
        assert await asyncio.create_task(shared.__anext__()) == 2
        await asyncio.create_task(shared.aclose())
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]
    assert tree(telemetry) == {"invoke_agent inner": "invoke_workflow items", "invoke_workflow items": None}
    assert otel.get_current() is before


async def test_t040_steps_in_threads(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A web server makes each step of a generator in a thread, with a copy of the request's context."""

    @callspan.workflow
    def items() -> Iterator[str]:
        with callspan.agent("inner"):
            yield current()
        client.chat.completions.create(**CHAT)
        yield current()

    shared, seen = items(), []
    for _ in range(2):
        seen.append(await asyncio.to_thread(next, shared))
    await asyncio.to_thread(shared.close)
    assert seen == ["invoke_agent inner", "invoke_workflow items"]
    assert tree(telemetry)["chat gpt-4.1-mini"] == "invoke_workflow items"


def test_t041_loop_that_ends(telemetry: Telemetry) -> None:
    """An event loop that ends with a half-read generator closes it; the operation is abandoned."""
    closed: list[bool] = []

    @callspan.workflow
    async def items() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    kept: list[Any] = []

    async def reads() -> None:
        kept.append(items())
        await kept[0].__anext__()

    asyncio.run(reads())
    kept.clear()
    assert closed == [True]
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@pytest.mark.parametrize("function", KINDS[1:])
def test_collected_in_a_circle(telemetry: Telemetry, function: Any) -> None:
    """What only the garbage collector finds is abandoned, and told elsewhere: the collector may stop any code."""
    told: list[str] = []
    before = otel.get_current()

    class Hears:
        def on_end(self, _call: Call, _response: Any) -> None:
            told.append(threading.current_thread().name)

    with callspan.use_handlers(Hears()):
        circle: list[Any] = [callspan.workflow(waits if function is coroutine else function)(3)]
        step = circle[0].asend if function is async_generator else circle[0].send
        with contextlib.suppress(StopIteration):
            (step(None).send if function is async_generator else step)(None)
    circle.append(circle)
    del circle, step
    gc.collect()
    callspan.flush()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert told == ["callspan"]
    assert otel.get_current() == before


@types.coroutine
def turn() -> Iterator[None]:
    """A turn for others."""
    yield


async def waits(_turns: int) -> None:
    """A coroutine that waits."""
    await turn()


# -- where nobody listens, and where others tell ---------------------------------------------------------------------


def test_without_instrument() -> None:
    """Where `instrument()` was not called a function just runs, and gives its own coroutine and generator."""
    marked = [callspan.tool(function) for function in KINDS]
    assert marked[0](3) == "3 red"
    given = marked[1](3)
    assert given.cr_code is coroutine.__code__
    given.close()
    assert marked[2](3).gi_code is generator.__code__
    assert marked[3](3).ag_code is async_generator.__code__
    with callspan.agent("florist") as run:
        run.result = "Roses."
    assert not open_observations


def test_marked_before_and_after(telemetry: Telemetry) -> None:
    """What is marked is heard from `instrument()` to `uninstrument()`; what has begun still ends."""
    items = callspan.workflow(generator)(3)
    next(items)
    block = callspan.agent("florist")
    with block:
        callspan.uninstrument()
        marked_plain(3)
    items.close()
    assert sorted(span.name for span in telemetry.spans) == ["invoke_agent florist", "invoke_workflow generator"]


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
    assert (call.operation, call.outcome, call.asynchronous) == ("execute_tool", Outcome.COMPLETED, False)
    assert call.duration is not None
    assert call.content.arguments == {"stems": 3}
    assert call.response.result == {"content": "3 red"}


# -- what cannot be marked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (lambda: callspan.tool(Shop), "callspan.tool marks functions, and Shop is a class: mark one of its methods"),
        (lambda: callspan.agent("a")(Shop), "callspan.agent marks functions, and Shop is a class"),
        (lambda: callspan.tool(property(plain)), "put it below @property"),
        (lambda: callspan.workflow(3), "callspan.workflow takes a function or a name, not int"),
        (lambda: callspan.tool(name=3), "takes a function or a name, not int"),
        (lambda: callspan.agent(""), "callspan.agent has an empty name"),
        (lambda: callspan.tool(arguments={"stems": 3})(plain), "a function is given its own at each call"),
        (lambda: callspan.tool("price", call_id="call_1")(plain), "arguments and call_id are those of a block"),
        (lambda: callspan.agent().__enter__(), "give it one, `with callspan.agent('name'):`"),
    ],
)
def test_bad_use(mark: Any, message: str) -> None:
    """What cannot be marked is refused where it is marked, in one line that says what to do."""
    with pytest.raises(SettingsError) as caught:
        mark()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
