"""What a price depends on beside the model and the tokens: known to the price data, or else the cost is unknown."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price, data_snapshot

import callspan
from aws import answered, bedrock
from callspan.accounting.prices.priced_call import PricedCall
from callspan.accounting.prices.table import Prices
from priced import ask_anthropic, ask_gemini, ask_openai, chat_answer, cost, gemini_answer
from telemetry import Telemetry

pytestmark = pytest.mark.instrument(cost=True)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
OPENAI = "https://api.openai.com/v1"
USUAL = {"speed": "standard", "service_tier": "standard", "inference_geo": "global"}
WHEN = datetime(2026, 11, 1, tzinfo=timezone.utc)


@STREAMED
@pytest.mark.parametrize(
    ("model", "usage", "usd", "unknown"),
    [
        ("claude-haiku-4-5", {}, (1000 * 1 + 100 * 5) / 1e6, None),
        (
            "claude-haiku-4-5",
            {"speed": "standard", "service_tier": "standard", "inference_geo": "global"},
            0.0015,
            None,
        ),
        ("claude-haiku-4-5", {"speed": "fast"}, None, "speed"),
        (
            "claude-haiku-4-5",
            {
                "cache_creation_input_tokens": 300,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 100,
                    "ephemeral_1h_input_tokens": 0,
                    "ephemeral_2h_input_tokens": 200,
                },
            },
            None,
            "cache_lifetime",
        ),
        ("claude-fable-5-2", {"speed": "fast"}, (1000 * 16 + 100 * 80) / 1e6, None),
        ("claude-haiku-4-5", {"service_tier": "priority"}, None, "service_tier"),
        ("claude-haiku-4-5", {"service_tier": "batch"}, (1000 * 0.5 + 100 * 2.5) / 1e6, None),
        ("claude-fable-5-2", {"service_tier": "batch", "speed": "fast"}, None, "speed"),
        ("claude-haiku-4-5", {"inference_geo": "us"}, None, "inference_geo"),
        (
            "claude-haiku-4-5",
            {"fallback_credit": {"status": {"type": "redeemed"}}},
            None,
            "repricing",
        ),
        (
            "claude-haiku-4-5",
            {
                "cache_creation_input_tokens": 300,
                "cache_creation": {"ephemeral_1h_input_tokens": 100},
            },
            (1000 * 1 + 200 * 1.25 + 100 * 2 + 100 * 5) / 1e6,
            None,
        ),
        (
            "claude-haiku-4-5",
            {"server_tool_use": {"web_search_requests": 3}},
            0.0015 + 3 * 0.01,
            None,
        ),
        ("claude-haiku-4-5", {"server_tool_use": {"web_fetch_requests": 3}}, 0.0015, None),
    ],
)
def test_anthropic(
    telemetry: Telemetry,
    model: str,
    usage: dict[str, Any],
    usd: float | None,
    unknown: str | None,
    stream: bool,
) -> None:
    """Speed, tier, geography, lifetimes and searches have their own prices, or the reason says which has none."""
    ask_anthropic(model, usage, stream)
    found = cost(telemetry)
    assert found == (pytest.approx(usd) if usd else None, "genai-prices" if usd else None, unknown)


@STREAMED
def test_what_was_asked_for_counts_where_the_answer_is_silent(
    telemetry: Telemetry, stream: bool
) -> None:
    """A request's speed decides unless the answer knows better."""
    ask_anthropic("claude-haiku-4-5", {}, stream, extra_body={"speed": "fast"})
    assert cost(telemetry)[2] == "speed"
    telemetry.clear()
    ask_anthropic("claude-haiku-4-5", {"speed": "standard"}, stream, extra_body={"speed": "fast"})
    assert cost(telemetry)[1] == "genai-prices"


@STREAMED
@pytest.mark.parametrize(
    ("tier", "address", "usd", "unknown"),
    [
        ("default", OPENAI, 1000 * 0.4 + 100 * 1.6, None),
        ("priority", OPENAI, 1000 * 0.7 + 100 * 2.8, None),
        ("flex", OPENAI, None, "service_tier"),
        ("scale", OPENAI, None, "service_tier"),
        ("default", "https://eu.api.openai.com/v1", None, "inference_geo"),
    ],
)
def test_openai(
    telemetry: Telemetry,
    tier: str,
    address: str,
    usd: float | None,
    unknown: str | None,
    stream: bool,
) -> None:
    """A tier without data for this model, and data kept in a region, have no price that anybody knows."""
    ask_openai(address, chat_answer("gpt-4.1-mini", {}, service_tier=tier), stream)
    assert cost(telemetry) == (
        pytest.approx(usd / 1e6) if usd else None,
        "genai-prices" if usd else None,
        unknown,
    )


def test_the_longest_lifetime_of_openai(telemetry: Telemetry) -> None:
    """What is kept for twelve hours has no price in the data."""
    details = {
        "cached_tokens": 0,
        "cache_write_tokens": 500,
        "cache_write_tokens_details": {"ttl_12h_tokens": 500},
    }
    ask_openai(OPENAI, chat_answer("gpt-4.1-mini", {"prompt_tokens_details": details}))
    assert cost(telemetry)[2] == "cache_lifetime"


@STREAMED
@pytest.mark.parametrize(
    ("usage", "unknown"),
    [
        ({"serviceTier": "priority"}, "service_tier"),
        ({"serviceTier": "flex"}, "service_tier"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "service_tier"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "service_tier"),
        ({"trafficType": "ON_DEMAND"}, None),
        ({"serviceTier": "standard"}, None),
    ],
)
def test_gemini(
    telemetry: Telemetry, usage: dict[str, Any], unknown: str | None, stream: bool
) -> None:
    """Gemini's tiers, and Vertex's kinds of traffic, have the list price only where it is theirs."""
    ask_gemini(gemini_answer(usage), stream)
    assert cost(telemetry)[1:] == (None if unknown else "genai-prices", unknown)


CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Roses."}]}},
    "stopReason": "end_turn",
    "metrics": {"latencyMs": 1},
}
HOUR = {"cacheWriteInputTokens": 300, "cacheDetails": [{"ttl": "1h", "inputTokens": 300}]}
TWO_HOURS = {"cacheWriteInputTokens": 300, "cacheDetails": [{"ttl": "2h", "inputTokens": 300}]}
HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, which Bedrock's page requires"
)
@pytest.mark.parametrize(
    ("model", "usage", "beside", "usd", "unknown"),
    [
        (HAIKU, {}, {}, 1000 * 1 + 100 * 5, None),
        (HAIKU, {}, {"serviceTier": {"type": "priority"}}, None, "service_tier"),
        (HAIKU, {}, {"serviceTier": {"type": "default"}}, 1000 * 1 + 100 * 5, None),
        (HAIKU, {}, {"performanceConfig": {"latency": "optimized"}}, None, "latency"),
        (HAIKU, HOUR, {}, 1000 * 1 + 300 * 2 + 100 * 5, None),
        (
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            HOUR,
            {},
            1000 * 1.1 + 300 * 2.2 + 100 * 5.5,
            None,
        ),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", HOUR, {}, None, "cache_lifetime"),
        (HAIKU, TWO_HOURS, {}, None, "cache_lifetime"),
    ],
)
def test_converse(
    telemetry: Telemetry,
    model: str,
    usage: Any,
    beside: Any,
    usd: float | None,
    unknown: str | None,
) -> None:
    """Bedrock's tiers, latencies and lifetimes of caches."""
    counts = {"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100, **usage}
    body = json.dumps({**CONVERSED, "usage": counts, **beside}).encode()
    client = answered(bedrock("http://127.0.0.1:1"), body)
    client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "Hi"}]}])
    assert cost(telemetry) == (
        pytest.approx(usd / 1e6) if usd else None,
        "genai-prices" if usd else None,
        unknown,
    )


@pytest.mark.breaks(
    "span.required", "a call without a guardrail has no id of one, which Bedrock's page requires"
)
@pytest.mark.parametrize(
    ("headers", "asked", "unknown"),
    [
        ({"x-amzn-bedrock-service-tier": "flex"}, {}, "service_tier"),
        ({"x-amzn-bedrock-performanceconfig-latency": "optimized"}, {}, "latency"),
        ({}, {"serviceTier": "priority"}, "service_tier"),
        ({}, {}, None),
    ],
)
def test_invoke_model(
    telemetry: Telemetry, headers: dict[str, str], asked: Any, unknown: str | None
) -> None:
    """The same in the headers of InvokeModel, whatever the vendor's own answer says of its tiers."""
    usage = {"input_tokens": 1000, "output_tokens": 100, "service_tier": "standard"}
    message = {
        "type": "message",
        "model": "claude-haiku-4-5-20251001",
        "content": [],
        "usage": usage,
    }
    client = answered(bedrock("http://127.0.0.1:1"), json.dumps(message).encode(), **headers)
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    client.invoke_model(modelId=HAIKU, body=json.dumps(body), **asked)["body"].read()
    usd = None if unknown else pytest.approx((1000 * 1 + 100 * 5) / 1e6)
    assert cost(telemetry) == (usd, None if unknown else "genai-prices", unknown)


LIFETIMES: list[tuple[dict[str, int], int, int]] = [
    (
        {"cache_creation": 0, "ephemeral_1h_input_tokens": 300, "ephemeral_5m_input_tokens": 100},
        100,
        300,
    ),
    (
        {"cache_creation": 400, "ephemeral_1h_input_tokens": 300, "ephemeral_5m_input_tokens": 100},
        100,
        300,
    ),
    ({"cache_creation": 400}, 400, 0),
]
WRITTEN = {"input": 1, "output": 1, "cache_write": 10, "cache_write_1h": 100}


@pytest.mark.instrument(cost=True, prices={"models": {"claude-haiku-4-5": WRITTEN}})
@pytest.mark.parametrize(("details", "minutes", "hour"), LIFETIMES)
def test_langchain(telemetry: Telemetry, details: Any, minutes: int, hour: int) -> None:
    """Lifetimes of caches in LangChain's own counts, of a model whose client nobody watches."""
    models = pytest.importorskip(
        "langchain_core.language_models.fake_chat_models", reason="no LangChain"
    )
    messages = pytest.importorskip("langchain_core.messages")
    usage = {
        "input_tokens": 1000,
        "output_tokens": 0,
        "total_tokens": 1000,
        "input_token_details": details,
    }
    named = {"model_name": "claude-haiku-4-5"}
    said = messages.AIMessage("Hi", usage_metadata=usage, response_metadata=named)
    models.GenericFakeChatModel(messages=iter([said])).invoke("Hi")
    usd = (1000 - minutes - hour) * 1 + minutes * 10 + hour * 100
    assert cost(telemetry) == (pytest.approx(usd / 1e6), "own", None)


PLAIN = {"input": 300_000, "output": 4000, "cache_read": 1000, "cache_write": 300}
SOUND = {
    **PLAIN,
    "input_audio": 700,
    "output_audio": 50,
    "input_image": 90,
    "output_image": 60,
    "reasoning": 20,
}
CACHED = {"cache_read_audio": 400, "cache_read_image": 10, "cache_read_video": 0}
TOOLS = {**CACHED, "web_searches": 2}
THEIRS = {
    "cache_read_audio": "cache_audio_read_tokens",
    "cache_read_image": "cache_image_read_tokens",
    "cache_read_video": "cache_video_read_tokens",
    "reasoning": "output_reasoning_tokens",
    "web_searches": "web_searches",
}


@pytest.mark.parametrize(
    ("counts", "details", "least"), [(PLAIN, {}, 1500), (SOUND, CACHED, 1500), (SOUND, TOOLS, 40)]
)
def test_all_counts_reach_genai_prices(
    counts: dict[str, int], details: dict[str, int], least: int
) -> None:
    """For every model that genai-prices has, the cost is what it makes of the same counts."""
    stated = callspan.Usage(**counts, details=details)  # type: ignore[arg-type]
    named = {
        THEIRS.get(name, f"{name}_tokens"): number for name, number in {**counts, **details}.items()
    }
    prices, moment, compared = Prices(), int(WHEN.timestamp() // 60), 0
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            found = prices.cost(PricedCall(provider.id, (model.id, None), (), moment, stated))
            if found.usd is not None:
                theirs = TheirUsage(**named)
                total = calc_price(
                    theirs, model.id, provider_id=provider.id, genai_request_timestamp=WHEN
                ).total_price
                assert found.usd == pytest.approx(float(total)), (provider.id, model.id)
                compared += 1
    assert compared > least
