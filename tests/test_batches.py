"""Results of batches: each counts once as this process reads it, priced as a batch, and has no span of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

import callspan
from batches import CHAT, GPT, line, lines, sums
from callspan.hooks import bodies
from callspan.lifecycle import batches as batches_module
from callspan.lifecycle.batches import memory
from clients import (
    AsyncHttpClient,
    HttpClient,
    anthropic_client,
    anthropic_http,
    async_openai_client,
    http,
    openai_client,
)
from telemetry import Telemetry

URL = "http://model.test/v1"
CLAUDE = "claude-haiku-4-5"
BATCH, FILE, ERRORS = "batch_1", "file-output", "file-errors"
PRICES = {"models": {CLAUDE: {"input": 1e6, "output": 2e6, "batch": 0.5}}}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": CLAUDE,
    "content": [{"type": "text", "text": "whisper"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 5, "service_tier": "batch"},
}
REFUSAL = {"type": "error", "error": {"type": "invalid_request_error", "message": "whisper"}}
CLAUDE_RESULTS = [
    {"custom_id": "a", "result": {"type": "succeeded", "message": MESSAGE}},
    {"custom_id": "b", "result": {"type": "errored", "error": REFUSAL}},
    {"custom_id": "c", "result": {"type": "expired"}},
    {"custom_id": "d", "result": {"type": "canceled"}},
    {"custom_id": "e", "result": {"type": "succeeded", "message": MESSAGE}},
]
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": GPT,
    "output": [],
    "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
}
EMBEDDING = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.5]}],
    "usage": {"prompt_tokens": 4, "total_tokens": 4},
}


BAD_REQUEST = {"error": {"message": "whisper", "type": "invalid_request_error", "code": "too_long"}}
EXPIRED = {"code": "batch_expired", "message": "whisper"}
FILES: dict[str, Any] = {
    FILE: [line("a", CHAT), line("b", RESPONSE), line("c", EMBEDDING)],
    ERRORS: [line("d", BAD_REQUEST, 400), line("e", None, error=EXPIRED)],
    "file-training": [{"messages": []}, line("f", CHAT)],
}


def claude(request: Any) -> Any:
    """Answer a request for a batch of Anthropic's, or for its results."""
    if request.url.path.endswith("/results"):
        headers = {"content-type": "application/x-jsonl"}
        return anthropic_http.Response(200, headers=headers, content=lines(CLAUDE_RESULTS))
    base = "https://api.anthropic.com"
    results_url = f"{base}{request.url.path}/results"
    body = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended"}
    return anthropic_http.Response(200, json={**body, "results_url": results_url})


def gpt(request: Any) -> Any:
    """Answer a request for a batch of OpenAI's, or for a file."""
    path = request.url.path
    if path.endswith("/content"):
        name = path.split("/")[-2]
        if name not in FILES:
            return http.Response(200, content=b"\x89PNG\n\x00\n")
        return http.Response(200, content=lines(FILES[name]))
    batch = {"id": BATCH, "object": "batch", "status": "completed", "output_file_id": FILE}
    return http.Response(200, json={**batch, "error_file_id": ERRORS})


def gpt_client() -> openai.OpenAI:
    """Return OpenAI's client, which `gpt` answers."""
    return openai_client(URL, http_client=HttpClient(transport=http.MockTransport(gpt)))


def async_gpt_client() -> openai.AsyncOpenAI:
    """Return OpenAI's asynchronous client, which `gpt` answers."""
    transport = http.MockTransport(gpt)
    return async_openai_client(URL, http_client=AsyncHttpClient(transport=transport))


pytestmark = pytest.mark.usefixtures("no_results_read")
ALL_OF_CLAUDE = (5, 3, 0, 20, 10)
ALL_OF_GPT = (3, 0, 0, 16, 5)


@pytest.mark.instrument(batches=True, cost=True, prices=PRICES)
def test_results_count_once(telemetry: Telemetry) -> None:
    """Results have tokens, costs at half the price and outcomes; the reading has their sums, and no duration."""
    client = anthropic_client(claude)
    with callspan.count_tokens() as count:
        for _ in range(2):
            results = list(client.messages.batches.results("msgbatch_1"))
            assert [each.custom_id for each in results] == list("abcde")
    assert sums(count) == ALL_OF_CLAUDE
    assert count.cost == 2 * (10 * 1 + 5 * 2) * 0.5
    attributes = dict(telemetry.attributes)
    assert telemetry.span.name == "fetch_batch"
    assert attributes["callspan.batch.id"] == "msgbatch_1"
    assert attributes["callspan.outcome"] == "completed"
    assert attributes["callspan.sum.calls"] == 5
    assert attributes["callspan.sum.failed_calls"] == 3
    assert "callspan.sum.unknown_calls" not in attributes
    assert attributes["callspan.sum.input_tokens"] == 20
    assert attributes["callspan.sum.cost.usd"] == 20.0
    assert attributes["callspan.sum.models"] == (CLAUDE,)
    assert not [name for name in attributes if name.startswith("gen_ai.usage")]
    assert telemetry.tokens == {"input": 20, "output": 10}
    assert set(telemetry.metrics) == {"gen_ai.client.token.usage", "callspan.client.cost"}
    assert "whisper" not in str(attributes)


def test_off_by_default(telemetry: Telemetry) -> None:
    """Without the setting nothing is counted."""
    with callspan.count_tokens() as count:
        list(anthropic_client(claude).messages.batches.results("msgbatch_1"))
        gpt_client().files.content(FILE)
    assert sums(count) == (0, 0, 0, 0, 0)
    assert telemetry.spans == []
    assert telemetry.metrics == {}


@pytest.mark.instrument(batches=True)
def test_partly_read(telemetry: Telemetry) -> None:
    """Of results that the app stops reading, those count that it has read; the rest counts when it is read."""
    client = anthropic_client(claude)
    with callspan.count_tokens() as count:
        for _ in client.messages.batches.results("msgbatch_1"):
            break
        assert sums(count) == (1, 0, 0, 10, 5)
        assert telemetry.attributes["callspan.outcome"] == "abandoned"
        list(client.messages.batches.results("msgbatch_1"))
    assert sums(count) == ALL_OF_CLAUDE
    assert [dict(span.attributes or {})["callspan.sum.calls"] for span in telemetry.spans] == [1, 4]


def _iterate(client: Any) -> None:
    list(client.messages.batches.results("msgbatch_1"))


def _step(client: Any) -> None:
    results = client.messages.batches.results("msgbatch_1")
    for _ in CLAUDE_RESULTS:
        next(results)
    assert next(results, None) is None


def _beta(client: Any) -> None:
    list(client.beta.messages.batches.results("msgbatch_1"))


def _raw(client: Any) -> None:
    raw = client.messages.batches.with_raw_response.results("msgbatch_1")
    list(raw.parse())


def _streaming(client: Any) -> None:
    with client.messages.batches.with_streaming_response.results("msgbatch_1") as response:
        assert len(list(response.iter_lines())) == 5


@pytest.mark.instrument(batches=True)
@pytest.mark.parametrize("read", [_iterate, _step, _beta, _raw, _streaming])
def test_every_way_of_anthropic(telemetry: Telemetry, read: Any) -> None:
    """However the app reads the results, they count, and the reading ends."""
    with callspan.count_tokens() as count:
        read(anthropic_client(claude))
    assert sums(count) == ALL_OF_CLAUDE
    assert telemetry.attributes["callspan.outcome"] == "completed"


@pytest.mark.instrument(batches=True)
async def test_async_anthropic(telemetry: Telemetry) -> None:
    """In asynchronous code too, whole and partly."""
    client = anthropic_client(claude, "AsyncAnthropic")
    with callspan.count_tokens() as count:
        async for _ in await client.messages.batches.results("msgbatch_1"):
            break
        assert sums(count) == (1, 0, 0, 10, 5)
        results = [each async for each in await client.messages.batches.results("msgbatch_1")]
    assert len(results) == 5
    assert sums(count) == ALL_OF_CLAUDE
    assert len(telemetry.spans) == 2


@pytest.mark.instrument(batches=True, cost=True)
def test_files_of_openai(telemetry: Telemetry) -> None:
    """Each line is read by the format of its endpoint; its cost is by the list for batches, if that has one."""
    client = gpt_client()
    batch = client.batches.retrieve(BATCH)
    with callspan.count_tokens() as count:
        text = client.files.content(batch.output_file_id or "").text
        client.files.content(batch.output_file_id or "")
    assert len(text.splitlines()) == 3
    assert sums(count) == ALL_OF_GPT
    assert count.cost == pytest.approx((12 * 0.4 + 5 * 1.6) / 1e6 / 2)
    assert count.by_model["text-embedding-3-small"].unknown_cost_calls == 1
    callspan.flush()
    attributes = telemetry.attributes
    assert (attributes["callspan.batch.id"], attributes["callspan.batch.file_id"]) == (BATCH, FILE)
    assert attributes["callspan.sum.calls"] == 3
    assert attributes["callspan.sum.cost.unknown_calls"] == 1
    operations = {
        point["attributes"]["gen_ai.operation.name"]
        for point in telemetry.points("gen_ai.client.token.usage")
    }
    assert operations == {"chat", "embeddings"}


@pytest.mark.guard_acts("it says that own prices lack what a batch costs")
@pytest.mark.instrument(
    batches=True, cost=True, prices={"models": {CLAUDE: {"input": 1, "output": 1}}}
)
def test_own_prices_without_batches(telemetry: Telemetry) -> None:
    """Own prices that do not say what a batch costs leave its cost unknown, never too high."""
    with callspan.count_tokens() as count:
        list(anthropic_client(claude).messages.batches.results("msgbatch_1"))
    assert (count.cost, count.unknown_cost_calls) == (None, 2)
    callspan.flush()


@pytest.mark.instrument(batches=True)
async def test_a_large_file_leaves_the_loop_its_turns(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In asynchronous code other tasks run while many results are read; all are counted at the end."""
    monkeypatch.setattr(bodies, "PORTION", 1000)
    monkeypatch.setitem(FILES, FILE, [line(str(number), CHAT) for number in range(50)])
    turns = 0

    async def other_task() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other_task())
    with callspan.count_tokens() as count:
        reading = asyncio.create_task(async_gpt_client().files.content(FILE))
        while not count.calls:
            await asyncio.sleep(0)
        turns_before = turns
        await reading
    task.cancel()
    assert count.calls == 50
    assert turns - turns_before > 5


@pytest.mark.instrument(batches=True)
async def test_a_cancelled_reader(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is cancelled while its results are read ends the reading; those that were read count."""
    monkeypatch.setattr(bodies, "PORTION", 1000)
    monkeypatch.setitem(FILES, FILE, [line(str(number), CHAT) for number in range(50)])
    with callspan.count_tokens() as count:
        reading = asyncio.create_task(async_gpt_client().files.content(FILE))
        while not count.calls:
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert 0 < count.calls < 50
    assert telemetry.attributes["callspan.outcome"] == "cancelled"


def _content(client: openai.OpenAI) -> None:
    client.files.content(FILE)


def _raw_content(client: openai.OpenAI) -> None:
    client.files.with_raw_response.content(FILE)


def _streamed_content(client: openai.OpenAI) -> None:
    with client.files.with_streaming_response.content(FILE) as response:
        assert len(list(response.iter_lines())) == 3


@pytest.mark.instrument(batches=True)
@pytest.mark.parametrize("read", [_content, _raw_content, _streamed_content])
def test_every_way_of_openai(telemetry: Telemetry, read: Any) -> None:
    """A file counts whether it is received whole or in pieces; without the batch its id is not known."""
    with callspan.count_tokens() as count:
        read(gpt_client())
    assert sums(count) == ALL_OF_GPT
    assert "callspan.batch.id" not in telemetry.attributes


@pytest.mark.instrument(batches=True)
async def test_async_openai(telemetry: Telemetry) -> None:
    """In asynchronous code too."""
    client = async_gpt_client()
    with callspan.count_tokens() as count:
        await client.batches.retrieve(BATCH)
        await client.files.content(FILE)
        async with client.files.with_streaming_response.content(ERRORS) as response:
            assert len([each async for each in response.iter_lines()]) == 2
    assert sums(count) == (5, 2, 0, 16, 5)
    assert [dict(span.attributes or {})["callspan.batch.id"] for span in telemetry.spans] == [
        BATCH
    ] * 2


@pytest.mark.instrument(batches=True)
@pytest.mark.parametrize("name", ["file-training", "file-image"])
def test_other_files(telemetry: Telemetry, name: str) -> None:
    """A file that does not begin with a result is nothing of ours."""
    with callspan.count_tokens() as count:
        gpt_client().files.content(name)
    assert count.calls == 0
    assert telemetry.spans == []


@pytest.mark.instrument(batches=True)
def test_an_odd_line_costs_no_other(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are cut, or of another kind, are left out; those beside them count."""
    content = [line("a", CHAT), line("b", {"object": 7, "usage": "?"}), line("c", CHAT)]
    monkeypatch.setitem(FILES, FILE, content)
    with callspan.count_tokens() as count:
        gpt_client().files.content(FILE)
    assert sums(count) == (3, 0, 1, 14, 6)


class Results:
    """A handler that notes the results that it is told of."""

    needs_text = True

    def __init__(self) -> None:
        self.results: list[tuple[Any, ...]] = []

    def on_end(self, call: Any, response: Any) -> None:
        """Note the end of the reading."""
        self.results.append((call.operation, call.outcome.value))

    def on_batch_result(self, call: Any, response: Any) -> None:
        """Note a result."""
        kind = call.failure.type if call.failure else None
        parent = call.parent.operation
        self.results.append((call.operation, call.outcome.value, kind, response.text, parent))


@pytest.mark.instrument(batches=True)
def test_handlers() -> None:
    """A handler is told of each result as a call that has ended, and of the end of the reading."""
    handler = Results()
    telemetry = Telemetry()
    telemetry.instrument(batches=True, handlers=[handler])
    try:
        list(anthropic_client(claude).messages.batches.results("msgbatch_1"))
        gpt_client().files.content(ERRORS)
    finally:
        callspan.uninstrument()
    parent = "fetch_batch"
    assert handler.results == [
        ("chat", "completed", None, "whisper", parent),
        ("chat", "error", "invalid_request_error", "", parent),
        ("chat", "error", "expired", "", parent),
        ("chat", "error", "cancelled", "", parent),
        ("chat", "completed", None, "whisper", parent),
        (parent, "completed"),
        ("chat", "error", "too_long", "", parent),
        ("chat", "error", "batch_expired", "", parent),
        (parent, "completed"),
    ]


@pytest.mark.instrument(batches=True)
def test_budgets_count_and_never_refuse(telemetry: Telemetry) -> None:
    """The money is spent: a budget that is used up lets the results pass, and counts them."""
    client = anthropic_client(claude)
    with callspan.budget(tokens=12) as budget:
        assert len(list(client.messages.batches.results("msgbatch_1"))) == 5
        assert budget.spent["tokens"] == 30
        with pytest.raises(callspan.BudgetExceeded):
            gpt_client().chat.completions.create(model=GPT, messages=[])
    assert [span.name for span in telemetry.spans] == ["fetch_batch"]


@pytest.mark.instrument(batches=True, extra_metrics=["calls", "active"])
def test_inside_an_agent(telemetry: Telemetry) -> None:
    """An agent that reads results has them in its sums; each counts as a call, and none is ever active."""

    @callspan.agent
    def reader() -> None:
        list(anthropic_client(claude).messages.batches.results("msgbatch_1"))

    reader()
    reading, agent = telemetry.spans
    assert reading.parent is not None
    assert reading.parent.span_id == agent.context.span_id
    assert dict(agent.attributes or {})["callspan.sum.calls"] == 5
    calls = telemetry.points("callspan.client.calls")
    assert {each["attributes"]["callspan.outcome"]: each["value"] for each in calls} == {
        "completed": 2,
        "error": 3,
    }
    assert telemetry.points("callspan.client.active") == []


@pytest.mark.instrument(batches=True)
def test_the_memory_is_bounded(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many results the oldest are forgotten, and would count again; files likewise."""
    monkeypatch.setattr(batches_module, "MOST_RESULTS", 2)
    monkeypatch.setattr(batches_module, "MOST_FILES", 1)
    client = gpt_client()
    client.batches.retrieve(BATCH)
    with callspan.count_tokens() as count:
        client.files.content(FILE)
        assert count.calls == 3
        client.files.content(FILE)
    assert count.calls == 6
    assert memory.batch_of(ERRORS) == BATCH
    assert memory.batch_of(FILE) is None
