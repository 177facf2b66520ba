"""Responses that a provider makes in the background: one call, whose tokens count once, when they are known."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

import callspan
from callspan.lifecycle import pending_calls as pending_calls_module
from callspan.lifecycle.pending_calls import pending_calls
from callspan.lifecycle.shutdown import forget_all
from clients import AsyncHttpClient, HttpClient, async_openai_client, http, openai_client
from telemetry import Telemetry

pytestmark = pytest.mark.needs("responses.create:background")
MODEL = "gpt-4.1-mini"
PRICES = {"currency": "USD", "models": {MODEL: {"input": 1_000_000, "output": 2_000_000}}}
ASK: dict[str, Any] = {"model": MODEL, "input": "Roses?", "background": True}
USAGE = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
USD = 5 * 1.0 + 2 * 2.0


class Server:
    """Answers for responses that take `polls` fetches until they are done; made ones are numbered."""

    def __init__(
        self, polls: int = 2, ending: str = "completed", usage: Any = USAGE, url: str = "model.test"
    ) -> None:
        self.polls, self.ending, self.usage, self.url = polls, ending, usage, url
        self.made = 0
        self._fetched: dict[str, int] = {}
        self._lock = threading.Lock()

    def respond(self, request: Any) -> Any:
        """Answer one request."""
        path = request.url.path
        if path.endswith("/cancel"):
            return self._answer(path.split("/")[-2], "cancelled", None)
        asked = (
            json.loads(request.content) if request.method == "POST" else dict(request.url.params)
        )
        with self._lock:
            if request.method == "POST":
                self.made += 1
                identity, status = f"resp_{self.url}_{self.made}", "queued"
            else:
                identity = path.rpartition("/")[2]
                self._fetched[identity] = self._fetched.get(identity, 0) + 1
                status = self.ending if self._fetched[identity] >= self.polls else "in_progress"
        usage = self.usage if status == self.ending else None
        if asked.get("stream") in (True, "true"):
            return self._stream(identity, usage)
        return self._answer(identity, status, usage)

    def body(self, identity: str, status: str, usage: Any) -> dict[str, Any]:
        """A response as it stands."""
        head = {
            "id": identity,
            "object": "response",
            "model": MODEL,
            "created_at": 1_790_000_000,
            "output": [],
        }
        error = {"code": "server_error", "message": "whisper"} if status == "failed" else None
        return {**head, "background": True, "status": status, "usage": usage, "error": error}

    def _answer(self, identity: str, status: str, usage: Any) -> Any:
        return http.Response(200, json=self.body(identity, status, usage))

    def _stream(self, identity: str, usage: Any) -> Any:
        begun = self.body(identity, "in_progress", None)
        events = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        events.append(
            {"type": "response.completed", "response": self.body(identity, "completed", self.usage)}
        )
        frames = [
            f"data: {json.dumps({**event, 'sequence_number': n})}\n\n"
            for n, event in enumerate(events)
        ]
        return http.Response(
            200, headers={"content-type": "text/event-stream"}, content="".join(frames).encode()
        )

    def client(self) -> openai.OpenAI:
        """A client that speaks to it."""
        transport = http.MockTransport(self.respond)
        return openai_client(f"http://{self.url}/v1", http_client=HttpClient(transport=transport))

    def async_client(self) -> openai.AsyncOpenAI:
        """The same in asynchronous code."""
        transport = http.MockTransport(self.respond)
        return async_openai_client(
            f"http://{self.url}/v1", http_client=AsyncHttpClient(transport=transport)
        )


def sums(count: Any) -> tuple[Any, ...]:
    """Calls, those that failed, those without counts, tokens in and out, dollars and calls whose cost is not known."""
    return (
        count.calls,
        count.failed_calls,
        count.unknown_calls,
        count.input,
        count.output,
        count.cost,
        count.unknown_cost_calls,
    )


WAITING = (1, 0, 1, 0, 0, None, 1)
DONE = (1, 0, 0, 5, 2, USD, 0)


@pytest.fixture(autouse=True)
def instrumented(telemetry: Telemetry) -> None:
    """Costs are wanted, by prices of the test's own; nothing is left of other tests."""
    telemetry.instrument(cost=True, prices=PRICES)
    pending_calls.clear()


def cost_of(telemetry: Telemetry) -> tuple[float, int]:
    """What the metrics say: dollars, and calls whose cost is unknown."""
    assert callspan.flush()
    unknown = telemetry.points("callspan.cost.unknown") or telemetry.points(
        "callspan.client.cost.unknown"
    )
    return (
        sum(point["value"] for point in telemetry.points("callspan.client.cost")),
        sum(point["value"] for point in unknown),
    )


def test_polls_are_one_call(telemetry: Telemetry) -> None:
    """The tokens count once, with the poll that tells them, and no poll is a call."""
    client = Server(polls=3).client()
    with callspan.count_tokens() as count, callspan.budget(tokens=1000, usd=100) as budget:
        identity = client.responses.create(**ASK).id
        assert sums(count) == WAITING
        assert (budget.spent["calls"], budget.spent["tokens"], budget.spent["usd"]) == (1, 0, 0)
        statuses = [client.responses.retrieve(identity).status for _ in range(5)]
    assert statuses == ["in_progress", "in_progress", "completed", "completed", "completed"]
    assert sums(count) == DONE
    assert sums(count.by_model[MODEL]) == DONE
    assert budget.spent == {"calls": 1, "tokens": 7, "usd": USD}
    assert (count.estimated_input, count.estimated_output) == (0, 0)
    assert cost_of(telemetry) == (USD, 0)
    assert [span.name for span in telemetry.spans] == [f"chat {MODEL}", *["fetch_response"] * 5]
    assert telemetry.tokens == {}


def test_a_cost_that_is_stated_before_the_tokens(telemetry: Telemetry) -> None:
    """The cost of the fetched response takes the place of that of a proxy's first answer."""
    server = Server()

    def respond(request: Any) -> Any:
        answer = server.respond(request)
        if request.method == "POST":
            answer.headers["x-litellm-response-cost"] = "0.5"
        return answer

    transport = http.MockTransport(respond)
    client = openai_client("http://model.test/v1", http_client=HttpClient(transport=transport))
    with callspan.count_tokens() as count:
        identity = client.responses.create(**ASK).id
        assert sums(count) == (1, 0, 1, 0, 0, 0.5, 0)
        for _ in range(2):
            client.responses.retrieve(identity)
    assert sums(count) == DONE


def test_asynchronous_polls(telemetry: Telemetry) -> None:
    """The same in asynchronous code, with polls that run at the same time."""

    async def main() -> Any:
        client = Server(polls=1).async_client()
        with callspan.count_tokens() as count:
            identity = (await client.responses.create(**ASK)).id
            await asyncio.gather(*(client.responses.retrieve(identity) for _ in range(5)))
        return count

    assert sums(asyncio.run(main())) == DONE


def test_raw_polls(telemetry: Telemetry) -> None:
    """Raw and streaming responses tell the same."""
    for way in ("raw", "streaming"):
        client = Server(polls=1, url=way).client()
        with callspan.count_tokens() as count:
            identity = client.responses.with_raw_response.create(**ASK).parse().id
            if way == "raw":
                client.responses.with_raw_response.retrieve(identity)
            else:
                with client.responses.with_streaming_response.retrieve(identity) as response:
                    response.read()
        assert sums(count) == DONE


def test_azure(telemetry: Telemetry) -> None:
    """Azure's client polls as well."""
    server = Server(polls=1, url="flowers.openai.azure.com")
    speaker = HttpClient(transport=http.MockTransport(server.respond))
    client = openai.AzureOpenAI(
        api_key="any",
        api_version="2025-04-01-preview",
        azure_endpoint=f"https://{server.url}",
        http_client=speaker,
    )
    with callspan.count_tokens() as count:
        client.responses.retrieve(client.responses.create(**ASK).id)
    assert (count.calls, count.unknown_calls, count.total) == (1, 0, 7)


def test_polls_after_the_block(telemetry: Telemetry) -> None:
    """A call counts where it was begun, whoever fetches it: another block, another client, no block."""
    server = Server(polls=1)
    with callspan.count_tokens() as count, callspan.budget(tokens=1000) as budget:
        identity = server.client().responses.create(**ASK).id
    with callspan.count_tokens() as other:
        server.client().responses.retrieve(identity)
    assert (sums(count), sums(other)) == (DONE, (0, 0, 0, 0, 0, 0.0, 0))
    assert budget.spent["tokens"] == 7


def test_polls_from_threads(telemetry: Telemetry) -> None:
    """Of polls that learn it at the same time one counts it."""
    client = Server(polls=1).client()
    with callspan.count_tokens() as count:
        identities = [client.responses.create(**ASK).id for _ in range(5)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client.responses.retrieve, identities * 4))
    assert (count.calls, count.unknown_calls, count.total, count.cost) == (5, 0, 35, 5 * USD)


def test_what_others_have_made(telemetry: Telemetry) -> None:
    """A response that this process did not make is a call of that which did, however often it is fetched."""
    client = Server(polls=1).client()
    with callspan.count_tokens() as count, callspan.budget(tokens=1000) as budget:
        for _ in range(3):
            client.responses.retrieve("resp_of_another_process")
    assert sums(count) == (0, 0, 0, 0, 0, 0.0, 0)
    assert budget.spent == {"calls": 0, "tokens": 0, "usd": 0}
    assert cost_of(telemetry) == (0, 0)


@pytest.mark.parametrize("left", [False, True], ids=["read", "left"])
def test_streams(telemetry: Telemetry, left: bool) -> None:
    """A stream tells its counts at its end; one that is left is resumed by fetching, which tells them then."""
    client = Server().client()
    with callspan.count_tokens() as count:
        stream = client.responses.create(**ASK, stream=True)
        first = next(iter(stream))
        if not left:
            list(stream)
        stream.close()
        for _ in range(2):
            list(client.responses.retrieve(first.response.id, stream=True, starting_after=1))
    assert (count.calls, count.total, count.cost) == (1, 7, USD)


@pytest.mark.parametrize(
    ("ending", "usage", "expected"),
    [
        ("failed", None, (1, 1, 0, 0, 0, 0.0, 0)),
        ("failed", USAGE, (1, 1, 0, 5, 2, USD, 0)),
        ("incomplete", USAGE, DONE),
        ("completed", None, WAITING),
    ],
)
def test_endings(telemetry: Telemetry, ending: str, usage: Any, expected: tuple[Any, ...]) -> None:
    """A response that fails in the background makes its call one that failed; without counts they stay unknown."""
    client = Server(polls=1, ending=ending, usage=usage).client()
    with callspan.count_tokens() as count, callspan.budget(tokens=1000) as budget:
        identity = client.responses.create(**ASK).id
        for _ in range(2):
            client.responses.retrieve(identity)
    assert sums(count) == expected
    assert budget._reserved["tokens"] == 0


def test_cancelled(telemetry: Telemetry) -> None:
    """A response that the app cancels has ended: its call has failed, and a budget gets back what it had reserved."""
    client = Server().client()
    with callspan.count_tokens() as count, callspan.budget(tokens=1000) as budget:
        client.responses.cancel(client.responses.create(**ASK).id)
    assert (count.calls, count.failed_calls) == (1, 1)
    assert budget._reserved["tokens"] == 0
    assert telemetry.spans[-1].name == "fetch_response"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("ending", ["failed", "completed"])
def test_what_ends_at_once_without_counts(telemetry: Telemetry, ending: str, stream: bool) -> None:
    """No fetch is awaited, and what was reserved is given back."""
    server = Server(usage=None)
    last = {"type": f"response.{ending}", "sequence_number": 0}
    last["response"] = server.body("resp_1", ending, None)
    answer = http.Response(200, json=last["response"])
    if stream:
        head = {"content-type": "text/event-stream"}
        answer = http.Response(200, headers=head, content=f"data: {json.dumps(last)}\n\n".encode())
    transport = http.MockTransport(lambda _request: answer)
    client = openai_client("http://model.test/v1", http_client=HttpClient(transport=transport))
    with callspan.count_tokens() as count, callspan.budget(tokens=1000) as budget:
        response = client.responses.create(**ASK, stream=stream)
        if stream:
            list(response)
    assert (count.calls, count.failed_calls) == (1, int(ending == "failed"))
    assert budget._reserved["tokens"] == 0
    assert len(pending_calls._calls) == 0


def test_a_response_without_an_id_awaits_no_fetch(telemetry: Telemetry) -> None:
    """Nothing could fetch it, so what was reserved for it is given back."""
    answer = http.Response(200, json=Server().body("", "queued", None))
    transport = http.MockTransport(lambda _request: answer)
    client = openai_client("http://model.test/v1", http_client=HttpClient(transport=transport))
    with callspan.budget(tokens=1000) as budget:
        client.responses.create(**ASK)
    assert budget._reserved["tokens"] == 0
    assert len(pending_calls._calls) == 0


def test_a_budget_holds_what_may_be_used(telemetry: Telemetry) -> None:
    """Until the counts are known a budget keeps what was reserved, so that not all is begun that cannot be paid."""
    client = Server(polls=1).client()
    with callspan.budget(tokens=100) as budget:
        identity = client.responses.create(**ASK, max_output_tokens=90).id
        with pytest.raises(callspan.BudgetExceeded):
            client.responses.create(**ASK, max_output_tokens=90)
        client.responses.retrieve(identity)
        client.responses.create(**ASK, max_output_tokens=80)
    assert budget.spent["calls"] == 2


def test_memory_is_bounded(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of responses that nobody fetches only so many are kept; the oldest give back what they have reserved."""
    monkeypatch.setattr(pending_calls_module, "MOST_CALLS", 3)
    client = Server(polls=1).client()
    with callspan.count_tokens() as count, callspan.budget(tokens=10_000) as budget:
        identities = [client.responses.create(**ASK, max_output_tokens=10).id for _ in range(5)]
        assert len(pending_calls._calls) == 3
        for identity in identities:
            client.responses.retrieve(identity)
    assert (count.calls, count.unknown_calls, count.total) == (5, 2, 21)
    assert budget._reserved["tokens"] == 0
    assert len(pending_calls._calls) == 0


def test_a_forked_child_holds_nothing_for_calls_of_its_parent(telemetry: Telemetry) -> None:
    """The parent fetches them, and the child's budgets are free of what they had reserved."""
    client = Server(polls=1).client()
    with callspan.budget(tokens=100) as budget:
        client.responses.create(**ASK, max_output_tokens=90)
        forget_all()
        client.responses.create(**ASK, max_output_tokens=90)
        forget_all()
    assert budget._reserved["tokens"] == 0


def test_no_content_is_kept(telemetry: Telemetry) -> None:
    """What is waited for keeps neither the prompt nor a span."""
    Server().client().responses.create(**ASK)
    [pending] = pending_calls._calls.values()
    assert pending.call.content.messages == []
    assert (pending.call.span, pending.call.context, pending.call.captured_content) == (
        None,
        None,
        None,
    )


def test_an_ordinary_response_that_is_fetched(telemetry: Telemetry) -> None:
    """What was counted when it was made is not counted again."""
    server = Server(polls=1)
    client = server.client()
    body = server.body("resp_plain", "completed", USAGE)
    transport = http.MockTransport(lambda _request: http.Response(200, json=body))
    plain = openai_client("http://model.test/v1", http_client=HttpClient(transport=transport))
    with callspan.count_tokens() as count:
        plain.responses.create(model=MODEL, input="Roses?")
        client.responses.retrieve("resp_plain")
    assert sums(count) == DONE


def test_compaction(telemetry: Telemetry) -> None:
    """A conversation that a model makes shorter is a call of that model, with its tokens."""
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "whisper"}
    body = {
        "id": "resp_1",
        "object": "response.compaction",
        "created_at": 1_790_000_000,
        "output": [item],
    }
    answer = {**body, "usage": USAGE}
    transport = http.MockTransport(lambda _request: http.Response(200, json=answer))
    telemetry.instrument(capture="span", cost=True, prices=PRICES)
    client = openai_client("http://model.test/v1", http_client=HttpClient(transport=transport))
    if not hasattr(client.responses, "compact"):
        pytest.skip("an old version of the client")
    with callspan.count_tokens() as count:
        client.responses.compact(model=MODEL, input="Roses?")
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.response.finish_reasons"] == ("compaction",)
    assert json.loads(attributes["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "compaction", "id": "cmp_1"}
    ]
    assert "whisper" not in telemetry.everything()
    assert sums(count) == DONE
    assert telemetry.tokens == {"input": 5, "output": 2}
