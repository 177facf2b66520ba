"""Answers that Anthropic has sampled in several requests: all of their tokens count, each at the price of its model."""

from __future__ import annotations

from typing import Any

import pytest

import callspan
from priced import ask_anthropic, cost
from telemetry import Telemetry

pytestmark = pytest.mark.instrument(cost=True)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


def sampled(kind: str, read: int, written: int, **more: Any) -> dict[str, Any]:
    """Return one iteration."""
    empty = {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    return {"type": kind, "input_tokens": read, "output_tokens": written, **empty, **more}


COMPACTION = sampled("compaction", 180_000, 3500)
MESSAGE = sampled("message", 23_000, 1000)
TOTAL = {"input_tokens": 23_000, "output_tokens": 1000}
HAIKU = (203_000 * 1 + 4500 * 5) / 1e6


@STREAMED
@pytest.mark.parametrize(
    ("usage", "read", "written", "usd"),
    [
        ({**TOTAL, "iterations": [COMPACTION, MESSAGE]}, 203_000, 4500, HAIKU),
        ({**TOTAL, "iterations": [COMPACTION]}, 203_000, 4500, HAIKU),
        ({**TOTAL, "iterations": [sampled("compaction", 50, 5)]}, 23_050, 1005, (23_050 + 1005 * 5) / 1e6),
        ({**TOTAL, "iterations": [MESSAGE]}, 23_000, 1000, (23_000 + 1000 * 5) / 1e6),
        ({**TOTAL, "iterations": [sampled("message", 13_000, 400), sampled("message", 10_000, 600)]}, 23_000, 1000,
         (23_000 + 1000 * 5) / 1e6),
        ({**TOTAL, "iterations": [MESSAGE, sampled("new_kind", 100, 10)]}, 23_100, 1010, (23_100 + 1010 * 5) / 1e6),
        ({**TOTAL, "iterations": [sampled("new_kind", 3000, 0), sampled("message", 20_000, 1000)]}, 23_000, 1000,
         (23_000 + 1000 * 5) / 1e6),
        ({**TOTAL, "iterations": []}, 23_000, 1000, (23_000 + 1000 * 5) / 1e6),
        ({**TOTAL, "iterations": [None, 7, {"type": {}}]}, 23_000, 1000, (23_000 + 1000 * 5) / 1e6),
    ],
)  # fmt: skip
def test_compaction(
    telemetry: Telemetry, usage: dict[str, Any], read: int, written: int, usd: float, stream: bool
) -> None:
    """What is billed beside the counts of the answer is in all counts, and what is in them already is not twice."""
    with callspan.count_tokens() as count:
        ask_anthropic("claude-haiku-4-5", usage, stream)
    assert cost(telemetry) == (pytest.approx(usd), "genai-prices", None)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == read
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == written
    assert (count.input, count.output, count.cost) == (read, written, pytest.approx(usd))


@STREAMED
def test_another_model(telemetry: Telemetry, stream: bool) -> None:
    """An adviser's tokens are paid for at the price of its own model."""
    adviser = sampled("advisor_message", 800, 1600, model="claude-opus-4-5")
    iterations = [sampled("message", 400, 90), adviser, sampled("message", 1300, 440)]
    ask_anthropic(
        "claude-haiku-4-5",
        {"input_tokens": 400, "output_tokens": 530, "iterations": iterations},
        stream,
    )
    usd = (1700 * 1 + 530 * 5 + 800 * 5 + 1600 * 25) / 1e6
    assert cost(telemetry) == (pytest.approx(usd), "genai-prices", None)
    assert telemetry.attributes["gen_ai.usage.input_tokens"] == 2500
    assert telemetry.attributes["gen_ai.usage.output_tokens"] == 2130


@STREAMED
@pytest.mark.guard_may_act
def test_another_model_without_a_price(telemetry: Telemetry, stream: bool) -> None:
    """One model without a price makes the whole cost unknown."""
    adviser = sampled("advisor_message", 800, 1600, model="claude-unheard-of")
    ask_anthropic(
        "claude-haiku-4-5", {"iterations": [sampled("message", 1000, 100), adviser]}, stream
    )
    assert cost(telemetry) == (None, None, "price")


@STREAMED
def test_each_request_has_the_tier_of_its_own_size(telemetry: Telemetry, stream: bool) -> None:
    """Two requests of 90,000 tokens are not one of 180,000, for which each token costs more."""
    iterations = [sampled("compaction", 90_000, 0), sampled("message", 90_000, 0)]
    ask_anthropic(
        "claude-haiku-5-5",
        {"input_tokens": 90_000, "output_tokens": 0, "iterations": iterations},
        stream,
    )
    assert cost(telemetry)[0] == pytest.approx(180_000 * 0.1 / 1e6)


@STREAMED
def test_lifetimes_and_searches_of_the_whole(telemetry: Telemetry, stream: bool) -> None:
    """What is stated of the whole answer alone is paid for once."""
    usage = {
        "cache_creation_input_tokens": 100,
        "cache_creation": {"ephemeral_1h_input_tokens": 100, "ephemeral_5m_input_tokens": 0},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
        "iterations": [COMPACTION, sampled("message", 1000, 100, cache_creation_input_tokens=100)],
    }
    ask_anthropic("claude-haiku-4-5", usage, stream)
    usd = (181_000 * 1 + 100 * 2 + 3600 * 5) / 1e6 + 2 * 0.01
    assert cost(telemetry) == (pytest.approx(usd), "genai-prices", None)
    assert telemetry.attributes["callspan.usage.web_searches"] == 2


@pytest.mark.instrument(
    cost=True, prices={"models": {"claude-haiku-4-5": {"input": 2, "output": 2, "call": 0.5}}}
)
def test_own_prices(telemetry: Telemetry) -> None:
    """By the user's own prices all requests cost what the model does, and the call costs what a call does, once."""
    ask_anthropic("claude-haiku-4-5", {**TOTAL, "iterations": [COMPACTION, MESSAGE]})
    assert cost(telemetry) == (pytest.approx(0.5 + 207_500 * 2 / 1e6), "own", None)
