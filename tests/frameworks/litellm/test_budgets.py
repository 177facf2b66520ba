"""Budgets over LiteLLM: refused before anything is sent, stopped in streams, and raised to the app as what they are."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

import callspan
from callspan.accounting import reservations
from callspan.testing.modelserver import Counts, ModelServer, Reply
from frameworks.litellm.models import ASK, CLAUDE, GEMINI, MODELS, OPENAI, VLLM, Model, litellm
from frameworks.litellm.test_failures import router
from telemetry import Telemetry

LONG = Reply(text="rose " * 60)
pytestmark = pytest.mark.filterwarnings(
    "default"
    if hasattr(litellm.CustomStreamWrapper, "aclose")
    # streams of LiteLLM 1.80 cannot be closed, by the app or by us, so their connections wait for the collector
    else "ignore:Exception ignored in. <function ClientResponse:pytest.PytestUnraisableExceptionWarning"
)
WAYS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    """No output of an earlier test is taken for the usual one."""
    reservations._mean_outputs.clear()
    yield
    reservations._mean_outputs.clear()


def asked(given: dict[str, Any], asynchronous: bool, by: Any = litellm) -> Any:
    """What LiteLLM answers, a stream's chunks as a list."""

    async def aread() -> Any:
        answer = await by.acompletion(**{"messages": ASK, **given})
        return [chunk async for chunk in answer] if given.get("stream") else answer

    if asynchronous:
        return asyncio.run(aread())
    answer = by.completion(**{"messages": ASK, **given})
    return list(answer) if given.get("stream") else answer


def stops(telemetry: Telemetry) -> dict[str, int]:
    """What the metric of stops has counted, by unit."""
    points = telemetry.points("callspan.budget.stops")
    return {point["attributes"]["callspan.budget.stop.unit"]: point["value"] for point in points}


@WAYS
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_call_too_many(
    telemetry: Telemetry, model_server: ModelServer, model: Model, stream: bool, asynchronous: bool
) -> None:
    """It raises the very refusal in the app, and is not sent; it is no call of anybody's, and each call counts once."""
    given = model.at(model_server, stream=stream)
    with callspan.count_tokens() as count, callspan.budget(calls=2) as budget:
        asked(given, asynchronous)
        asked(given, asynchronous)
        with pytest.raises(callspan.BudgetExceeded) as caught:
            asked(given, asynchronous)
    assert (caught.value.budget, caught.value.unit, caught.value.spent) == (budget, "calls", 2)
    assert (len(model_server.requests), len(telemetry.spans), count.calls) == (2, 2, 2)
    assert stops(telemetry) == {"calls": 1}
    total = model_server.ledger.total_told
    if not stream or model in (CLAUDE, GEMINI):  # the others state no tokens in streams unasked
        assert budget.spent["tokens"] == total.input + total.output
    assert budget.spent["calls"] == 2
    assert not any(budget._reserved.values())


@WAYS
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_refusal_is_on_the_span_around(
    telemetry: Telemetry, model_server: ModelServer, model: Model, asynchronous: bool
) -> None:
    """A refused call has no span; the app's own span has the event."""
    order, limit = telemetry.tracer.start_as_current_span("order"), callspan.budget(tokens=100)
    with order, limit, pytest.raises(callspan.BudgetExceeded):
        asked(model.at(model_server, max_tokens=100), asynchronous)
    (span,) = telemetry.all_spans
    (event,) = (event for event in span.events if event.name == "callspan.budget.stop")
    assert (span.name, event.attributes["callspan.budget.stop.limit"]) == ("order", 100)
    assert not model_server.requests


@WAYS
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_stream_is_stopped(
    telemetry: Telemetry, model_server: ModelServer, model: Model, asynchronous: bool
) -> None:
    """A stream that says more than there is raises from its next step; the span tells why."""
    model_server.enqueue(LONG)
    with callspan.budget(tokens=30) as budget, pytest.raises(callspan.BudgetExceeded) as caught:
        asked(model.at(model_server, stream=True), asynchronous)
    assert caught.value.budget is budget
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.attributes["error.type"].endswith("BudgetExceeded")
    assert stops(telemetry) == {"tokens": 1}
    assert not any(budget._reserved.values())


@WAYS
@pytest.mark.parametrize("model", [OPENAI, CLAUDE], ids=str)
def test_a_stream_of_responses_is_stopped(
    telemetry: Telemetry, model_server: ModelServer, model: Model, asynchronous: bool
) -> None:
    """The same for responses, which LiteLLM asks for over HTTP of its own or makes of chats."""
    model_server.enqueue(LONG)
    given = {"input": "Flowers?", **model.at(model_server, stream=True)}

    async def aread() -> None:
        async for _ in await litellm.aresponses(**given):
            pass

    with callspan.budget(tokens=30), pytest.raises(callspan.BudgetExceeded):
        asyncio.run(aread()) if asynchronous else list(litellm.responses(**given))
    assert stops(telemetry) == {"tokens": 1}


PRICES = {"models": {"claude-sonnet-4-5": {"input": 1_000_000, "output": 1_000_000}}}
"""A dollar a token."""


@pytest.mark.instrument(prices=PRICES)
@WAYS
def test_usd(telemetry: Telemetry, model_server: ModelServer, asynchronous: bool) -> None:
    """The model that LiteLLM asks in the end is the one whose price is reserved."""
    model_server.enqueue(Reply(text="Roses.", usage=Counts(7, 2)))
    with callspan.budget(usd=25) as budget:
        asked(CLAUDE.at(model_server, max_tokens=2), asynchronous)
        assert budget.spent["usd"] == pytest.approx(9)
        with pytest.raises(callspan.BudgetExceeded):
            asked(CLAUDE.at(model_server, max_tokens=20), asynchronous)
    assert budget.unknown_calls == 0


LIMIT = callspan.budget(calls=1, name="process")


@pytest.mark.instrument(budget=LIMIT)
def test_the_budget_of_the_process(telemetry: Telemetry, model_server: ModelServer) -> None:
    """One that is given to `instrument()` holds for LiteLLM as for any client."""
    asked(VLLM.at(model_server), False)
    with pytest.raises(callspan.BudgetExceeded, match="process"):
        asked(VLLM.at(model_server), False)
    assert len(model_server.requests) == 1


@WAYS
@pytest.mark.parametrize("model", [OPENAI, CLAUDE], ids=str)
def test_neither_retried_nor_sent_elsewhere(
    telemetry: Telemetry, model_server: ModelServer, model: Model, asynchronous: bool
) -> None:
    """Retries and fallbacks of one call end in the refusal."""
    given = model.at(model_server, num_retries=2, fallbacks=[VLLM.at(model_server)])
    with callspan.budget(calls=1):
        asked(model.at(model_server), asynchronous)
        with pytest.raises(callspan.BudgetExceeded):
            asked(model.at(model_server, num_retries=2), asynchronous)
        with pytest.raises(callspan.BudgetExceeded):
            asked(given, asynchronous)
    assert len(model_server.requests) == 1


@WAYS
@pytest.mark.parametrize("name", ["own", "client"])
def test_a_router(
    telemetry: Telemetry, model_server: ModelServer, name: str, asynchronous: bool
) -> None:
    """A router whose models are all refused gives up with the refusal, and asks them again when there is room."""
    by = router(model_server, num_retries=1, fallbacks=[{"own": ["client"]}])
    with callspan.budget(calls=1):
        asked({"model": name}, asynchronous, by)
        with pytest.raises(callspan.BudgetExceeded):
            asked({"model": name}, asynchronous, by)
        assert len(model_server.requests) == 1
    asked({"model": name}, asynchronous, by)
    assert len(model_server.requests) == 2


@pytest.mark.parametrize("model", [OPENAI, CLAUDE], ids=str)
def test_under_langchain(telemetry: Telemetry, model_server: ModelServer, model: Model) -> None:
    """LangChain over LiteLLM hands the refusal on."""
    community = pytest.importorskip(
        "langchain_litellm", reason="langchain-litellm is not installed"
    )
    chat = community.ChatLiteLLM(**model.at(model_server))
    with callspan.budget(calls=1):
        chat.invoke("Flowers?")
        with pytest.raises(callspan.BudgetExceeded):
            chat.invoke("Flowers?")
    assert len(model_server.requests) == 1


def test_what_is_not_sent_spends_nothing(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Mock answers, calls that LiteLLM refuses, and a stream whose request is made when it is read, and that nobody
    reads."""
    with callspan.budget(calls=1, tokens=1000) as budget:
        asked(CLAUDE.at(model_server, mock_response="Roses."), False)
        with pytest.raises(litellm.BadRequestError):
            litellm.completion("nobody-knows-this-model", ASK)
        litellm.completion(messages=ASK, **GEMINI.at(model_server, stream=True))
        gc.collect()
        callspan.flush()
        assert budget.spent["calls"] == 0
        assert not any(budget._reserved.values())
        asked(CLAUDE.at(model_server), False)


def test_an_earlier_refusal_is_not_raised_again(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """An app that is handling a refusal, and asks elsewhere, gets the error of that."""
    model_server.enqueue(Reply(status=429))
    with callspan.budget(calls=1):
        asked(CLAUDE.at(model_server, mock_response="Roses."), False)
        try:
            raise callspan.BudgetExceeded(callspan.budget(calls=0), "calls", 0)
        except callspan.BudgetExceeded:
            with pytest.raises(litellm.RateLimitError):
                asked(CLAUDE.at(model_server), False)
    assert telemetry.attributes["http.response.status_code"] == 429


@WAYS
def test_responses_and_embeddings(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """The other functions too, also one that works for another."""
    calls = {
        "responses": {"input": "Flowers?", **CLAUDE.at(model_server)},
        "embedding": {
            "input": ["Roses"],
            **VLLM.at(model_server),
            "model": "hosted_vllm/text-embedding-3-small",
        },
    }
    with callspan.budget(calls=0):
        for name, given in calls.items():
            ask = getattr(litellm, f"a{name}" if asynchronous else name)
            with pytest.raises(callspan.BudgetExceeded):
                asyncio.run(ask(**given)) if asynchronous else ask(**given)
    assert not model_server.requests
    assert not telemetry.spans
