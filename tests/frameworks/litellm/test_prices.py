"""What decides the price of a call that LiteLLM makes by itself, as LiteLLM hands it on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply
from frameworks.litellm.models import ASK, CLAUDE, litellm
from priced import anthropic_answer, cost
from telemetry import Telemetry
from test_anthropic_iterations import COMPACTION, HAIKU, MESSAGE, TOTAL

HOUR = {"cache_creation_input_tokens": 300, "cache_creation": {"ephemeral_1h_input_tokens": 300}}
NO_CACHE = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


@pytest.mark.instrument(cost=True)
@pytest.mark.parametrize(
    ("usage", "usd", "unknown"),
    [
        (HOUR, 0.0015 + 300 * 2 / 1e6, None),
        ({**TOTAL, **NO_CACHE, "iterations": [COMPACTION, MESSAGE]}, HAIKU, None),
        ({"server_tool_use": {"web_search_requests": 3}}, 0.0015 + 0.03, None),
        ({"speed": "fast"}, None, "speed"),
        ({"service_tier": "priority"}, None, "service_tier"),
        ({"inference_geo": "us"}, None, "inference_geo"),
        ({"speed": "standard", "service_tier": "standard"}, 0.0015, None),
    ],
)
def test_anthropic(
    telemetry: Telemetry,
    model_server: ModelServer,
    usage: Any,
    usd: float | None,
    unknown: str | None,
) -> None:
    """Lifetimes, searches, speed, tier and geography of an answer of Anthropic's."""
    model_server.enqueue(Reply(raw=json.dumps(anthropic_answer("claude-haiku-4-5", usage))))
    litellm.completion(
        messages=ASK, **{**CLAUDE.at(model_server), "model": "anthropic/claude-haiku-4-5"}
    )
    assert cost(telemetry) == (
        pytest.approx(usd) if usd else None,
        "genai-prices" if usd else None,
        unknown,
    )
