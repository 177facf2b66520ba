"""Sums of the calls inside agents and workflows, on the spans of these."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

import callspan
from callspan.accounting.tokens.encoding import GUESS, Encoding
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import async_openai_client
from program import CHAT, WITH_USAGE
from telemetry import Telemetry

FIVE = Reply(usage=Counts(input=3, output=2))
PRICES = {"models": {"gpt-4.1-mini": {"input": 1_000_000, "output": 1_000_000}}}
"""A dollar a token."""
SILENT = Reply(text="Roses last four days.", usage=False)


def sums(telemetry: Telemetry, name: str) -> dict[str, Any]:
    """Return the sums on the one span of a name."""
    (attributes,) = (dict(span.attributes or {}) for span in telemetry.spans if span.name == name)
    return {
        key.removeprefix("callspan.sum."): value
        for key, value in attributes.items()
        if key.startswith("callspan.sum.")
    }


def of_calls(calls: int, *models: str) -> dict[str, Any]:
    """Return the sums of so many calls with the reply `FIVE`."""
    tokens = {"input_tokens": 3 * calls, "output_tokens": 2 * calls}
    return {"calls": calls, **tokens, "models": models or ("gpt-4.1-mini",)}


def test_each_has_the_sums_of_all_that_is_inside(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """An agent has its own calls and those of agents in it; a tool, a call and a lone agent have no sums."""
    model_server.enqueue(FIVE, Reply(usage=Counts(10, 20), model="gpt-4.1-2026"), FIVE, FIVE)

    @callspan.tool
    def ask_specialist() -> None:
        with callspan.agent("specialist"):
            client.chat.completions.create(**{**CHAT, "model": "gpt-4.1"})
            client.chat.completions.create(**CHAT)

    with callspan.count_tokens() as count, callspan.workflow("order"):
        with callspan.agent("florist"):
            client.chat.completions.create(**CHAT)
            ask_specialist()
        client.chat.completions.create(**CHAT)
        with callspan.agent("idle"):
            pass
    both = ("gpt-4.1-2026", "gpt-4.1-mini")
    inner = {"calls": 2, "input_tokens": 13, "output_tokens": 22, "models": both}
    assert sums(telemetry, "invoke_agent specialist") == inner
    outer = {"calls": 3, "input_tokens": 16, "output_tokens": 24, "models": both}
    assert sums(telemetry, "invoke_agent florist") == outer
    whole = {"calls": 4, "input_tokens": 19, "output_tokens": 26, "models": both}
    assert sums(telemetry, "invoke_workflow order") == whole
    assert (count.calls, count.input, count.output) == (4, 19, 26)
    for name in ("execute_tool ask_specialist", "invoke_agent idle", "chat gpt-4.1"):
        assert sums(telemetry, name) == {}


def test_nobody_counts_twice_who_adds_up_spans(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """The conventions' counts stand on the spans of calls alone."""
    with callspan.workflow("order"), callspan.agent("florist"):
        client.chat.completions.create(**CHAT)
    with_usage = [
        span.name
        for span in telemetry.spans
        if any(name.startswith("gen_ai.usage.") for name in span.attributes or {})
    ]
    assert with_usage == ["chat gpt-4.1-mini"]


@pytest.mark.parametrize("read", [list, next], ids=["whole", "left early"])
def test_streams(
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
    read: Callable[[Iterator[Any]], Any],
) -> None:
    """A stream is in the sums when it has ended; of one that was left, the tokens are unknown."""
    model_server.enqueue(FIVE)
    with callspan.agent("florist"):
        stream = client.chat.completions.create(**CHAT, **WITH_USAGE)
        read(iter(stream))
        stream.close()
    expected = of_calls(1)
    if read is next:
        expected = {"calls": 1, "unknown_calls": 1, "models": ("gpt-4.1-mini",)}
    assert sums(telemetry, "invoke_agent florist") == expected


def test_failed_calls(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A failed call is counted, and its tokens are not called unknown; so with the failed agent."""
    model_server.enqueue(FIVE, Reply(status=400))

    @callspan.agent("florist")
    def answer() -> None:
        client.chat.completions.create(**CHAT)
        client.chat.completions.create(**CHAT)

    with pytest.raises(openai.BadRequestError):
        answer()
    expected = {"calls": 2, "failed_calls": 1, "input_tokens": 3, "output_tokens": 2}
    assert sums(telemetry, "invoke_agent florist") == {**expected, "models": ("gpt-4.1-mini",)}


@pytest.mark.guard_acts("it tells of the model without a price")
@pytest.mark.instrument(cost=True, prices=PRICES)
def test_costs(telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer) -> None:
    """Known costs are added up, and calls without one are counted."""
    model_server.enqueue(FIVE, FIVE, FIVE)
    with callspan.workflow("order"):
        with callspan.agent("florist"):
            client.chat.completions.create(**CHAT)
            client.chat.completions.create(**{**CHAT, "model": "nobody-knows-it"})
        client.chat.completions.create(**CHAT)
    assert callspan.flush()
    costs = {"cost.source": "calls", "cost.unknown_calls": 1}
    models = ("gpt-4.1-mini", "nobody-knows-it")
    expected = {**of_calls(2, *models), **costs, "cost.usd": 5.0}
    assert sums(telemetry, "invoke_agent florist") == expected
    expected = {**of_calls(3, *models), **costs, "cost.usd": 10.0}
    assert sums(telemetry, "invoke_workflow order") == expected


@pytest.mark.instrument(estimate="missing")
def test_estimates_that_come_after_the_end(
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The span of an agent waits for the estimates in it, which are marked, and keeps its true end."""
    counting = threading.Event()

    # without an encoding the tokens are estimated by the bytes
    def count_later(_model: str | None) -> Encoding:
        assert counting.wait(30)
        return GUESS

    monkeypatch.setattr("callspan.accounting.tokens.estimator.encoding_for", count_later)
    model_server.enqueue(FIVE, SILENT)
    with callspan.agent("florist"):
        client.chat.completions.create(**CHAT)
        client.chat.completions.create(**CHAT)
    ends_before = [span.name for span in telemetry.spans]
    with telemetry.tracer.start_as_current_span("later"):
        counting.set()
    assert callspan.flush()
    assert ends_before == ["chat gpt-4.1-mini"]
    found = sums(telemetry, "invoke_agent florist")
    usage: list[dict[str, Any]] = [
        dict(span.attributes or {}) for span in telemetry.spans if span.name.startswith("chat")
    ]
    for kind in ("input", "output"):
        expected = sum(each[f"gen_ai.usage.{kind}_tokens"] for each in usage)
        assert found[f"{kind}_tokens"] == expected > 3
    assert (found["calls"], found["estimated_calls"], found.get("unknown_calls")) == (2, 1, None)
    (agent,) = (span for span in telemetry.spans if span.name == "invoke_agent florist")
    (later,) = (span for span in telemetry.all_spans if span.name == "later")
    assert agent.end_time is not None
    assert later.start_time is not None
    assert agent.end_time <= later.start_time


def test_without_estimates_tokens_are_unknown(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """No tokens are made up, also while a block counts and estimates them for itself."""
    model_server.enqueue(SILENT)
    with callspan.count_tokens(), callspan.agent("florist"):
        client.chat.completions.create(**CHAT)
    expected = {"calls": 1, "unknown_calls": 1, "models": ("gpt-4.1-mini",)}
    assert sums(telemetry, "invoke_agent florist") == expected


async def test_agents_at_the_same_time(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Agents in tasks have their own calls, those in tasks of theirs too, and the workflow all."""
    model_server.enqueue(*[FIVE] * 6)
    both_began = asyncio.Event()
    began: list[str] = []
    async with async_openai_client(model_server.url) as client:

        async def work(name: str, calls: int) -> None:
            async with callspan.agent(name):
                began.append(name)
                if len(began) == 2:
                    both_began.set()
                await both_began.wait()
                await asyncio.gather(
                    *[client.chat.completions.create(**CHAT) for _ in range(calls)]
                )

        async with callspan.workflow("order"):
            await asyncio.gather(work("florist", 2), work("buyer", 4))
    assert sums(telemetry, "invoke_agent florist") == of_calls(2)
    assert sums(telemetry, "invoke_agent buyer") == of_calls(4)
    assert sums(telemetry, "invoke_workflow order") == of_calls(6)


def test_threads(
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
    frequent_switches: None,
) -> None:
    """Calls that end in many threads at once are all in the sums, where the context goes along."""
    model_server.enqueue(*[FIVE] * 30)

    def ask(_number: int) -> None:
        client.chat.completions.create(**CHAT)

    with ThreadPoolExecutor(6) as pool, callspan.workflow("order"):
        with callspan.agent("florist"):
            list(pool.map(callspan.carry(ask), range(20)))
        # without the context these are calls of nobody's
        list(pool.map(ask, range(10)))
    assert sums(telemetry, "invoke_agent florist") == of_calls(20)
    assert sums(telemetry, "invoke_workflow order") == of_calls(20)


def test_a_call_that_outlives_its_agent(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """It is in the sums of what is still open around it, and changes nothing that has ended."""
    model_server.enqueue(FIVE, FIVE)
    with callspan.workflow("order"):
        with callspan.agent("florist"):
            client.chat.completions.create(**CHAT)
            stream = client.chat.completions.create(**CHAT, **WITH_USAGE)
        list(stream)
    assert sums(telemetry, "invoke_agent florist") == of_calls(1)
    assert sums(telemetry, "invoke_workflow order") == of_calls(2)


class _AgentsAlone(Sampler):
    """Records the spans of agents, and no others."""

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        name = kwargs.get("name") or args[2]
        is_agent = name.startswith("invoke_agent")
        return SamplingResult(Decision.RECORD_AND_SAMPLE if is_agent else Decision.DROP)

    def get_description(self) -> str:
        return "agents alone"


def test_calls_that_are_not_sampled(client: openai.OpenAI, model_server: ModelServer) -> None:
    """The sums have calls without a recorded span too."""
    model_server.enqueue(FIVE)
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=_AgentsAlone(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    callspan.instrument(tracer_provider=provider)
    try:
        with callspan.agent("florist"):
            client.chat.completions.create(**CHAT)
    finally:
        callspan.uninstrument()
    (span,) = exporter.get_finished_spans()
    provider.shutdown()
    assert span.name == "invoke_agent florist"
    assert (span.attributes or {})["callspan.sum.input_tokens"] == 3


def test_models_are_bounded(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """An app may make up names of models: a span has twenty of them, and counts all calls."""
    model_server.enqueue(*[FIVE] * 25)
    with callspan.agent("florist"):
        for number in range(25):
            client.chat.completions.create(**{**CHAT, "model": f"model-{number}"})
    found = sums(telemetry, "invoke_agent florist")
    assert (found["calls"], len(found["models"])) == (25, 20)
