"""What is not done because nobody needs it; section E of the list of what the package must survive."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import callspan
from callspan.accounting.tokens import encoding as counting
from callspan.content import encoding
from callspan.semconv import content
from callspan.testing.modelserver import ModelServer, Reply
from clients import async_openai_client
from program import CHAT, WITH_USAGE, Program
from telemetry import Telemetry


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("sampled", [False, True], ids=["sampled_out", "sampled"])
def test_content_is_not_built_for_nobody(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: Any,
    stream: bool,
    sampled: bool,
) -> None:
    """Of a span that is sampled out no content is shaped and no JSON written; its metrics are recorded."""
    built: list[str] = []
    for owner, name in ((content, "shaped"), (content, "Fitted"), (encoding, "encode")):
        made = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *a, name=name, made=made, **k: built.append(name) or made(*a, **k)
        )
    own = {} if sampled else {"tracer_provider": TracerProvider(sampler=ALWAYS_OFF)}
    telemetry.instrument(capture="span", **own)
    program.stream(**WITH_USAGE) if stream else program.chat()
    assert bool(built) == sampled
    assert len(telemetry.spans) == sampled
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}
    assert [point["count"] for point in telemetry.points("gen_ai.client.operation.duration")] == [1]


@pytest.mark.instrument(capture="both")
def test_a_long_history(telemetry: Telemetry, program: Program) -> None:
    """Two hundred messages stand in one attribute, whole and in order, and the span has dropped none."""
    said = [
        {"role": ("user", "assistant")[number % 2], "content": f"message {number}"}
        for number in range(200)
    ]
    program.chat(messages=said)
    found = json.loads(telemetry.attributes["gen_ai.input.messages"])
    assert [message["parts"][0]["content"] for message in found] == [
        message["content"] for message in said
    ]
    assert (telemetry.span.dropped_attributes, telemetry.span.dropped_events) == (0, 0)
    assert "callspan.content.elided" not in telemetry.attributes


@pytest.mark.instrument(estimate="missing")
def test_the_event_loop_goes_on(
    telemetry: Telemetry, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While ranks are loaded, which may take for ever, the event loop and its calls go on; then all are counted."""
    loading, loaded = threading.Event(), threading.Event()

    def load(_model: str | None) -> counting.Encoding:
        loading.set()
        assert loaded.wait(20)
        return counting.GUESS

    monkeypatch.setattr("callspan.accounting.tokens.estimator.encoding_for", load)
    model_server.enqueue(*[Reply(usage=False)] * 3)

    async def main() -> None:
        async with async_openai_client(model_server.url) as client:
            await client.chat.completions.create(**CHAT)
            await asyncio.to_thread(loading.wait, 20)
            for _ in range(2):
                await client.chat.completions.create(**CHAT)
            assert not telemetry.spans

    asyncio.run(main())
    loaded.set()
    assert callspan.flush()
    sources = [
        span.attributes["callspan.usage.source"] for span in telemetry.spans if span.attributes
    ]
    assert sources == ["heuristic"] * 3


@pytest.mark.instrument(estimate="missing")
def test_missing_ranks_are_looked_for_once(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ranks that are not there are looked for once, whatever the number of calls."""
    asked: list[str] = []

    def missing(name: str, _find: Any) -> Any:
        asked.append(name)
        raise FileNotFoundError(name)

    counting.forget()
    monkeypatch.setattr(counting, "describe", missing)
    model_server.enqueue(*[Reply(usage=False)] * 3)
    for _ in range(3):
        program.chat()
        assert callspan.flush()
    assert asked == ["o200k_base"]
    counting.forget()
