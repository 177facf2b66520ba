"""Budgets: what they stop, when, and what they leave alone."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import openai
import pytest

import callspan
from callspan.accounting import reservations
from callspan.setup import subscription
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import anthropic_at, async_anthropic_at, async_openai_client, openai_client
from program import CHAT, HELLO, MODEL, WITH_USAGE, Program
from telemetry import Telemetry

FIVE = Reply(text="Roses.", usage=Counts(input=3, output=2))
LONG = Reply(text="rose " * 60)
PRICES = {"models": {MODEL: {"input": 1_000_000, "output": 1_000_000}}}
"""A dollar a token."""


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    """No output of an earlier test is taken for the usual one."""
    reservations._mean_outputs.clear()
    yield
    reservations._mean_outputs.clear()


@pytest.fixture(autouse=True)
def instrumented(telemetry: Telemetry) -> Telemetry:
    """Budgets need nothing but `instrument()`."""
    return telemetry


def stops(telemetry: Telemetry) -> dict[str, int]:
    """What the metric of stops has counted, by unit."""
    points = telemetry.points("callspan.budget.stops")
    return {point["attributes"]["callspan.budget.stop.unit"]: point["value"] for point in points}


def test_calls(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """A call too many raises in the app and is not sent; it is counted as a stop, and is no call of anybody's."""
    with callspan.count_tokens() as count, callspan.budget(calls=2, name="two") as budget:
        program.chat()
        program.chat()
        with pytest.raises(callspan.BudgetExceeded) as caught:
            program.chat()
    assert (caught.value.budget, caught.value.unit, caught.value.spent, caught.value.limit) == (
        budget,
        "calls",
        2,
        2,
    )
    assert "two: 2 of 2 calls" in str(caught.value)
    assert (len(model_server.requests), len(telemetry.spans), count.calls) == (2, 2, 2)
    assert stops(telemetry) == {"calls": 1}
    program.chat()


def test_the_refusal_is_on_the_span_around(telemetry: Telemetry, program: Program) -> None:
    """A refused call has no span; the app's own span, if there is one, has the event."""
    budget = callspan.budget(tokens=1)
    with (
        telemetry.tracer.start_as_current_span("order"),
        budget,
        pytest.raises(callspan.BudgetExceeded),
    ):
        program.chat()
    (span,) = telemetry.all_spans
    (event,) = span.events
    assert (span.name, event.name) == ("order", "callspan.budget.stop")
    assert dict(event.attributes or {}) == {
        "callspan.budget.stop.name": "budget",
        "callspan.budget.stop.unit": "tokens",
        "callspan.budget.stop.limit": 1.0,
        "callspan.budget.stop.spent": 0.0,
    }
    assert budget.spent["calls"] == 0


def test_tokens_are_corrected(program: Program, model_server: ModelServer) -> None:
    """What was reserved is replaced by what was used, so that as many calls go through as fit."""
    model_server.enqueue(*[FIVE] * 9)
    with callspan.budget(tokens=40) as budget:
        for _ in range(4):
            program.chat(max_tokens=2)
        assert budget.spent["tokens"] == 20
        with pytest.raises(callspan.BudgetExceeded):
            program.chat(max_tokens=20)
        program.chat(max_tokens=1)
    assert (budget.spent["tokens"], budget.spent["calls"]) == (25, 5)


def test_max_tokens_is_reserved(program: Program, model_server: ModelServer) -> None:
    """A call that may say more than is left is not sent."""
    with callspan.budget(tokens=100), pytest.raises(callspan.BudgetExceeded):
        program.chat(max_tokens=100)
    assert model_server.requests == []


def test_the_usual_output_is_reserved(program: Program, model_server: ModelServer) -> None:
    """Without `max_tokens` the output that the model has given before is expected again."""
    model_server.enqueue(Reply(usage=Counts(10, 60)))
    with callspan.budget(tokens=100) as budget:
        program.chat()
        with pytest.raises(callspan.BudgetExceeded):
            program.chat()
    assert budget.spent["tokens"] == 70


@pytest.mark.instrument(prices=PRICES)
def test_usd(program: Program, model_server: ModelServer) -> None:
    """Money is limited by the same prices that costs are told by."""
    model_server.enqueue(FIVE, FIVE)
    with callspan.budget(usd=25) as budget:
        program.chat(max_tokens=2)
        assert budget.spent["usd"] == pytest.approx(5)
        program.chat(max_tokens=2)
        with pytest.raises(callspan.BudgetExceeded) as caught:
            program.chat(max_tokens=20)
    assert (caught.value.unit, caught.value.limit, budget.unknown_calls) == ("usd", 25, 0)
    assert budget.spent["usd"] == pytest.approx(10)


@pytest.mark.guard_acts("nobody knows the price")
def test_unknown_price(program: Program, guard_reports: Any) -> None:
    """A model that nobody knows the price of is not stopped, but counted, and named once."""
    with callspan.budget(usd=1) as budget:
        program.chat(model="unheard-of")
    assert (budget.unknown_calls, budget.spent["usd"]) == (1, 0)
    assert "the cost of unheard-of" in guard_reports.messages[0]


def _call_beyond_the_budget(url: str) -> None:
    callspan.instrument()
    with openai_client(url) as client, callspan.budget(calls=0, name="pool"):
        client.chat.completions.create(**CHAT)


def test_the_error_of_a_process_pool(model_server: ModelServer) -> None:
    """A worker's error reaches the parent with its message and its amounts; its budget is a copy."""
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context) as pool,
        pytest.raises(callspan.BudgetExceeded, match="pool: 0 of 0 calls") as raised,
    ):
        pool.submit(_call_beyond_the_budget, model_server.url).result()
    error = raised.value
    assert (error.unit, error.spent, error.limit) == ("calls", 0, 0)
    assert error.model == CHAT["model"]
    assert f"the call of {CHAT['model']} may need more" in str(error)
    assert (error.budget.name, error.budget.limits) == ("pool", {"calls": 0})


def test_seconds(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time runs from the first block that is entered."""
    now = [100.0]
    monkeypatch.setattr("callspan.accounting.budgets.time.monotonic", lambda: now[0])
    limit = callspan.budget(seconds=10)
    # to look at it does not begin its time
    assert repr(limit) == "<Budget 'budget': 0 of 10 seconds spent>"
    now[0] = 200.0
    with limit:
        program.chat()
        now[0] = 209.9
        program.chat()
        assert repr(limit) == "<Budget 'budget': 9.9 of 10 seconds spent>"
        now[0] = 210.0
        with pytest.raises(callspan.BudgetExceeded, match="10 of 10 seconds"):
            program.chat()


@pytest.mark.parametrize("way", ["for", "next"])
def test_a_stream_is_stopped(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, way: str
) -> None:
    """A stream that says more than there is is closed, and then raises from its next step; the span tells why."""
    model_server.enqueue(LONG)
    chunks: list[Any] = []
    with callspan.budget(tokens=30) as budget:
        stream = client.chat.completions.create(**CHAT, stream=True)
        with pytest.raises(callspan.BudgetExceeded):
            chunks.extend(stream if way == "for" else iter(lambda: next(stream), None))
    read = len(chunks)
    assert stream.response.is_closed
    assert 8 <= read <= 30
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.attributes["error.type"].endswith("BudgetExceeded")
    assert len(telemetry.events("callspan.budget.stop")) == 1
    assert stops(telemetry) == {"tokens": 1}
    assert budget.spent["tokens"] >= read


@pytest.mark.parametrize("way", ["for", "next"])
async def test_an_async_stream_is_stopped(
    telemetry: Telemetry, model_server: ModelServer, way: str
) -> None:
    """The same in asynchronous code."""
    model_server.enqueue(LONG)

    async def read(stream: Any) -> None:
        if way == "for":
            async for _ in stream:
                pass
        while await stream.__anext__():
            pass

    async with async_openai_client(model_server.url) as client:
        with callspan.budget(tokens=30):
            stream = await client.chat.completions.create(**CHAT, stream=True)
            with pytest.raises(callspan.BudgetExceeded):
                await read(stream)
        assert stream.response.is_closed
    assert telemetry.attributes["callspan.outcome"] == "error"


async def test_an_async_stream_of_anthropic_is_closed(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """Its class has `close` and no `aclose`."""
    model_server.enqueue(LONG)
    async with async_anthropic_at(model_server.url) as client:
        with callspan.budget(tokens=50):
            stream = await client.messages.create(
                model="claude-9", messages=HELLO, max_tokens=1, stream=True
            )
            with pytest.raises(callspan.BudgetExceeded):
                async for _event in stream:
                    pass
        assert stream.response.is_closed
    assert telemetry.attributes["callspan.outcome"] == "error"


def test_anthropic(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Another client, refused and stopped in the same way."""
    model_server.enqueue(LONG)
    ask: dict[str, Any] = {"model": "claude-9", "messages": HELLO, "stream": True}
    with anthropic_at(model_server.url) as client, callspan.budget(tokens=50):
        with pytest.raises(callspan.BudgetExceeded):
            client.messages.create(**ask, max_tokens=90)
        reservations._mean_outputs["claude-9"] = 5
        with pytest.raises(callspan.BudgetExceeded):
            list(client.messages.create(**ask, max_tokens=1))
    assert stops(telemetry) == {"tokens": 2}


@pytest.mark.guard_acts("the stream goes on")
def test_a_stream_may_go_on_with_a_warning(
    telemetry: Telemetry, program: Program, model_server: ModelServer, guard_reports: Any
) -> None:
    """With `in_stream="warn"` every chunk comes, one line says so, and the tokens are charged all the same."""
    model_server.enqueue(LONG)
    with callspan.budget(tokens=30, in_stream="warn") as budget:
        chunks = program.stream(**WITH_USAGE)
        with pytest.raises(callspan.BudgetExceeded):
            program.chat()
    assert len(chunks) > 60
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert len(telemetry.events("callspan.budget.stop")) == 1
    assert len(guard_reports.messages) == 1
    assert (
        budget.spent["tokens"]
        == model_server.ledger.total_told.input + model_server.ledger.total_told.output
    )


@pytest.mark.guard_acts("both streams go on")
def test_streams_that_go_on_are_one_line(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, guard_reports: Any
) -> None:
    """A budget warns once, however many streams go beyond it and however far."""
    model_server.enqueue(LONG, Reply(text="rose " * 90))
    budget = callspan.budget(tokens=30, in_stream="warn")
    with budget:
        stream = client.chat.completions.create(**CHAT, stream=True)
        other = client.chat.completions.create(**CHAT, stream=True)
        assert len(list(stream)) > 60
        assert len(list(other)) > 90
    assert len(guard_reports.messages) == 1
    assert stops(telemetry) == {"tokens": 2}


@pytest.mark.guard_acts("the client's request cannot be read")
def test_a_run_whose_request_cannot_be_read_is_recorded(
    telemetry: Telemetry, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework's model run is not given to a call that then is not observed."""
    models = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")

    def fail(*_arguments: object) -> None:
        raise ValueError

    monkeypatch.setattr(subscription, "_call", fail)
    model = models.ChatOpenAI(model=MODEL, base_url=model_server.url, api_key="any", max_retries=0)
    model.invoke("Which flowers last longest?")
    assert telemetry.span.name == f"chat {MODEL}"


def test_left_early_and_silent(program: Program, model_server: ModelServer) -> None:
    """Where nobody states the tokens the chunks that came are charged, and what was reserved is free again."""
    model_server.enqueue(LONG)
    with callspan.budget(tokens=1000) as budget:
        program.stream(take=5, max_tokens=900)
        program.chat(max_tokens=900)
    assert (
        5
        < budget.spent["tokens"]
        - model_server.ledger.total_told.input
        - model_server.ledger.total_told.output
        < 40
    )


def test_failed_calls_are_calls(program: Program, model_server: ModelServer) -> None:
    """A failed call has used no tokens, and frees what it had reserved."""
    model_server.enqueue(Reply(status=400))
    with callspan.budget(tokens=100, calls=2) as budget:
        with pytest.raises(openai.BadRequestError):
            program.chat(max_tokens=50)
        program.chat(max_tokens=50)
    assert budget.spent["calls"] == 2
    assert budget._reserved["tokens"] == 0


def test_nested(program: Program) -> None:
    """An inner block does not lift an outer limit, and what one refuses costs the other nothing."""
    with callspan.budget(calls=3) as outer, callspan.budget(calls=1) as inner:
        program.chat()
        with pytest.raises(callspan.BudgetExceeded) as caught:
            program.chat()
    assert caught.value.budget is inner
    assert (outer.spent["calls"], inner.spent["calls"]) == (1, 1)
    with callspan.budget(calls=9) as inner, outer:
        program.chat()
        program.chat()
        with pytest.raises(callspan.BudgetExceeded) as caught:
            program.chat()
    assert caught.value.budget is outer
    assert inner.spent["calls"] == 2


@pytest.mark.instrument(prices=PRICES)
def test_what_a_refused_call_had_reserved_is_free_again(
    program: Program, model_server: ModelServer
) -> None:
    """Where another budget refuses, dollars and tokens that were reserved are given back, and fit the next call."""
    model_server.enqueue(FIVE)
    with callspan.budget(usd=40, tokens=40) as inner, callspan.budget(calls=1) as outer:
        program.chat(max_tokens=2)
        for _ in range(9):
            with pytest.raises(callspan.BudgetExceeded) as caught:
                program.chat(max_tokens=20)
            assert caught.value.budget is outer
    assert (inner.spent["usd"], inner.spent["tokens"], inner.spent["calls"]) == (
        pytest.approx(5),
        5,
        1,
    )
    model_server.enqueue(FIVE)
    with inner:
        program.chat(max_tokens=20)
    assert inner.spent["usd"] == pytest.approx(10)


def test_process_and_client(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A budget can hold for the process, and for one client object."""
    telemetry.instrument(budget=callspan.budget(calls=3, name="process"))
    with openai_client(model_server.url) as one, openai_client(model_server.url) as other:
        callspan.attach(one, callspan.budget(calls=1, name="client"))
        one.chat.completions.create(**CHAT)
        with pytest.raises(callspan.BudgetExceeded, match="client"):
            one.chat.completions.create(**CHAT)
        other.chat.completions.create(**CHAT)
        other.chat.completions.create(**CHAT)
        with pytest.raises(callspan.BudgetExceeded, match="process"):
            other.chat.completions.create(**CHAT)


def test_threads(model_server: ModelServer) -> None:
    """However many threads ask at once, exactly as many calls go through as the limit allows."""
    refused = []

    def ask(client: openai.OpenAI) -> None:
        try:
            client.chat.completions.create(**CHAT)
        except callspan.BudgetExceeded as error:
            refused.append(error)

    budget = callspan.budget(calls=10)
    with openai_client(model_server.url) as client, ThreadPoolExecutor(8) as pool, budget:
        list(pool.map(callspan.carry(ask), [client] * 30))
    assert (len(model_server.requests), len(refused), budget.spent["calls"]) == (10, 20, 10)


async def test_what_is_in_flight_counts(model_server: ModelServer) -> None:
    """Calls that run at once cannot spend the same tokens twice."""
    gate = threading.Event()
    model_server.enqueue(*[Reply(usage=Counts(10, 40), gate=gate)] * 2)
    async with async_openai_client(model_server.url) as client:
        with callspan.budget(tokens=100) as budget:
            first = asyncio.create_task(client.chat.completions.create(**CHAT, max_tokens=60))
            while not budget.spent["calls"]:
                await asyncio.sleep(0)
            with pytest.raises(callspan.BudgetExceeded):
                await client.chat.completions.create(**CHAT, max_tokens=60)
            gate.set()
            await first
            await client.chat.completions.create(**CHAT, max_tokens=30)
    assert budget.spent["tokens"] == 100


async def test_one_budget_in_many_tasks(model_server: ModelServer) -> None:
    """Tasks may be in blocks of one budget at the same time, and each leaves its own."""
    budget = callspan.budget(calls=100)
    turns = [asyncio.Event() for _ in range(3)]
    async with async_openai_client(model_server.url) as client:

        async def work(number: int) -> None:
            with budget:
                turns[number].set()
                await turns[-1].wait()
                await client.chat.completions.create(**CHAT)
            await client.chat.completions.create(**CHAT)

        await asyncio.gather(*[work(number) for number in range(3)])
    assert budget.spent["calls"] == 3
    assert budget._blocks == []


def test_soft_limit(program: Program, model_server: ModelServer) -> None:
    """A handler hears once that a share of a limit is spent."""
    heard: list[float] = []
    model_server.enqueue(*[FIVE] * 6)
    with callspan.budget(
        tokens=40, soft=0.5, on_soft=lambda budget: heard.append(budget.spent["tokens"])
    ):
        for _ in range(5):
            program.chat(max_tokens=2)
    assert heard == [20]


@pytest.mark.guard_acts("the soft limit's handler raises")
def test_a_soft_handler_that_raises(program: Program) -> None:
    """It costs the app nothing."""
    with callspan.budget(calls=1, on_soft=lambda _: 1 / 0):
        program.chat()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "a budget needs a limit"),
        ({"usd": -1}, "limit in usd is -1: give a number, 0 or more"),
        ({"tokens": "many"}, "limit in tokens is 'many'"),
        ({"calls": True}, "limit in calls is True"),
        ({"seconds": float("inf")}, "limit in seconds is inf"),
        ({"tokens": 10**400}, "limit in tokens is 1000"),
        ({"calls": 1, "in_stream": "stop"}, "in_stream is 'stop'"),
        ({"calls": 1, "soft": 80}, "soft is 80"),
        ({"calls": 1, "soft": 1.1}, "soft is 1.1"),
        ({"calls": 1, "soft": 0}, "soft is 0"),
    ],
)
def test_wrong_budgets(options: dict[str, Any], says: str) -> None:
    """A limit that makes no sense is an error of one line where it is given."""
    with pytest.raises(callspan.SettingsError, match=says.replace("(", r"\(")):
        callspan.budget(**options)


def test_a_budget_is_asked_for_as_such() -> None:
    """`instrument(budget=5)` is an error that says how to make one."""
    with pytest.raises(callspan.SettingsError, match=r"callspan\.budget"):
        callspan.instrument(budget=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_inside_langchain(telemetry: Telemetry, model_server: ModelServer, way: str) -> None:
    """A call that LangChain makes is refused in the same way, and a stream of it is stopped."""
    models = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    model = models.ChatOpenAI(model=MODEL, base_url=model_server.url, api_key="any", max_retries=0)
    model_server.enqueue(FIVE if way == "invoke" else LONG)
    with callspan.budget(calls=1) if way == "invoke" else callspan.budget(tokens=30):
        if way == "invoke":
            model.invoke("Which flowers last longest?")
        with pytest.raises(callspan.BudgetExceeded):
            list(model.stream("Which flowers last longest?"))
    assert len(model_server.requests) == 1


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_client_whose_streams_are_generators(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """Google's streams are plain generators, which are stopped in the same way."""
    genai = pytest.importorskip("google.genai", reason="google-genai is not installed")
    model_server.enqueue(LONG)
    options = {"base_url": model_server.url.removesuffix("/v1"), "timeout": 20_000}
    client = genai.Client(api_key="any", http_options=options)
    ask = {"model": "gemini-9", "contents": "Which flowers last longest?"}

    async def read() -> None:
        async for _ in await client.aio.models.generate_content_stream(**ask):
            pass

    with callspan.budget(tokens=30), pytest.raises(callspan.BudgetExceeded):
        asyncio.run(read()) if asynchronous else list(client.models.generate_content_stream(**ask))
    assert telemetry.attributes["callspan.outcome"] == "error"
