"""What Anthropic's client does over several calls, and the requests in which no model is called."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from opentelemetry import trace

import callspan
from anthropic_program import HELLO, Server, Way, both, play
from clients import anthropic_client
from telemetry import Telemetry

CHAT = "chat claude-flowers"
RUNNER = "anthropic.messages.tool_runner"
TRACES = pytest.mark.skipif(
    not hasattr(anthropic._base_client.BaseClient, "_tracer"),  # type: ignore[attr-defined]
    reason="a version of the client without spans of its own",
)


@pytest.fixture
def global_tracer(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The telemetry's tracer provider as the global one, which the client uses by itself."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.tracer_provider)


def tree(telemetry: Telemetry) -> list[tuple[str, str | None]]:
    """Each span with its parent, in the order in which they began, all of one trace."""
    spans = sorted(telemetry.all_spans, key=lambda span: span.start_time or 0)
    names = {span.context.span_id: span.name for span in spans if span.context}
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    return [(span.name, names[span.parent.span_id] if span.parent else None) for span in spans]


def get_weather(city: str) -> str:
    """Look up the weather.

    Args:
        city: Where.
    """
    trace.get_tracer("app").start_span(f"look up {city}").end()
    return f"Rain in {city}."


async def aget_weather(city: str) -> str:
    """Look up the weather.

    Args:
        city: Where.
    """
    return get_weather(city)


def runner() -> tuple[Way, Way]:
    """The tool runner, with whole answers."""

    def run(client: Any) -> None:
        client.beta.messages.tool_runner(
            **HELLO, tools=[anthropic.beta_tool(get_weather)]
        ).until_done()

    async def arun(client: Any) -> None:
        tool = anthropic.beta_async_tool(aget_weather, name="get_weather")
        await client.beta.messages.tool_runner(**HELLO, tools=[tool]).until_done()

    return run, arun


def streaming_runner() -> tuple[Way, Way]:
    """The tool runner, with streams."""

    def run(client: Any) -> None:
        tool = anthropic.beta_tool(get_weather)
        for stream in client.beta.messages.tool_runner(**HELLO, tools=[tool], stream=True):
            list(stream)

    async def arun(client: Any) -> None:
        tool = anthropic.beta_async_tool(aget_weather, name="get_weather")
        async for stream in client.beta.messages.tool_runner(**HELLO, tools=[tool], stream=True):
            _ = [event async for event in stream]

    return run, arun


RUNS = {
    "whole": (runner(), ("message_tool_use.json", "message_text.json")),
    "streamed": (streaming_runner(), ("stream_tool_use.sse", "stream_text.sse")),
}


@TRACES
@both
@pytest.mark.parametrize("run", RUNS)
def test_tool_runner(
    telemetry: Telemetry, global_tracer: None, run: str, asynchronous: bool
) -> None:
    """The runner's spans of the agent and its tools stay; our spans of the calls are where the client's own were."""
    ways, answers = RUNS[run]
    play(Server(*answers), ways, asynchronous)
    tool = "anthropic.custom_tool_use get_weather"
    assert tree(telemetry) == [
        (RUNNER, None),
        (CHAT, RUNNER),
        (tool, RUNNER),
        ("look up Paris", tool),
        (CHAT, RUNNER),
    ]
    assert telemetry.tokens["output"] == sum(
        span.attributes["gen_ai.usage.output_tokens"] for span in telemetry.spans
    )


@pytest.mark.skipif(
    not hasattr(anthropic, "beta_tool"), reason="a version of the client without a tool runner"
)
@pytest.mark.parametrize("run", RUNS)
def test_each_turn_of_the_tool_runner_is_a_call(telemetry: Telemetry, run: str) -> None:
    """Each turn has a span, also where nobody takes the client's own spans."""
    ways, answers = RUNS[run]
    play(Server(*answers), ways, False)
    assert [span.name for span in telemetry.spans] == [CHAT, CHAT]


@pytest.mark.skipif(
    not hasattr(anthropic.resources.beta.messages.Messages, "thread"),
    reason="a version of the client without threads",
)
@both
def test_thread(telemetry: Telemetry, asynchronous: bool) -> None:
    """A conversation that the server holds is one call a turn, which names the answer that it goes on from."""

    def talk(client: Any) -> None:
        thread = client.beta.messages.thread(model="claude-flowers", max_tokens=64)
        for _ in range(2):
            thread.send(*HELLO["messages"])

    async def atalk(client: Any) -> None:
        thread = client.beta.messages.thread(model="claude-flowers", max_tokens=64)
        for _ in range(2):
            await thread.send(*HELLO["messages"])

    play(Server("message_text.json"), (talk, atalk), asynchronous)
    names = ("gen_ai.response.id", "gen_ai.request.previous_response.id")
    found = [[(span.attributes or {}).get(name) for name in names] for span in telemetry.spans]
    answer = "msg_013Zva2CMHLNnXjNJJKqJ2EF"
    assert found == [[answer, None], [answer, answer]]


NO_CALLS = {
    "messages.count_tokens": (
        {"model": "claude-flowers", "messages": HELLO["messages"]},
        "count_tokens.json",
    ),
    "beta.messages.count_tokens": (
        {"model": "claude-flowers", "messages": HELLO["messages"]},
        "count_tokens.json",
    ),
    "messages.batches.create": ({"requests": [{"custom_id": "a", "params": HELLO}]}, "batch.json"),
    "messages.batches.retrieve": ({"message_batch_id": "msgbatch_1"}, "batch.json"),
    "beta.messages.batches.create": (
        {"requests": [{"custom_id": "a", "params": HELLO}]},
        "batch.json",
    ),
}


def found(client: Any, path: str) -> Any:
    """What a dotted path leads to, if it is there."""
    for name in path.split("."):
        client = getattr(client, name, None)
    return client


with anthropic_client(None) as _client:
    HERE = [path for path in NO_CALLS if found(_client, path)]


@both
@pytest.mark.parametrize("path", HERE)
def test_no_model_is_called(telemetry: Telemetry, path: str, asynchronous: bool) -> None:
    """Tokens that are counted beforehand, and batches that are worked off later, are no calls and use no tokens."""
    request, answer = NO_CALLS[path]

    async def aask(client: Any) -> None:
        await found(client, path)(**request)

    with callspan.count_tokens() as usage:
        play(Server(answer), (lambda client: found(client, path)(**request), aask), asynchronous)
    assert telemetry.spans == []
    assert (usage.calls, usage.total) == (0, 0)


@TRACES
@pytest.mark.parametrize("path", HERE)
def test_own_spans_of_other_requests_stay(
    telemetry: Telemetry, global_tracer: None, path: str
) -> None:
    """A request that we make no span for keeps the client's own."""
    request, answer = NO_CALLS[path]
    with anthropic_client(Server(answer)) as client:
        found(client, path)(**request)
    assert [span.name for span in telemetry.all_spans] == [
        f"anthropic.{path.removeprefix('beta.')}"
    ]
