"""Costs that a provider or a gateway states itself: they are taken, and whose word they are stands beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from priced import ask_openai, chat_answer, cost, openai_at
from program import CHAT, Program
from telemetry import Telemetry

pytestmark = pytest.mark.instrument(cost=True)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
OPENROUTER, PERPLEXITY, XAI = (
    "https://openrouter.ai/api/v1",
    "https://api.perplexity.ai",
    "https://api.x.ai/v1",
)
VERCEL, DEEPINFRA = "https://ai-gateway.vercel.sh/v1", "https://api.deepinfra.com/v1/openai"
BYOK = {"cost": 0.0005, "is_byok": True}


@STREAMED
@pytest.mark.parametrize(
    ("address", "usage", "message", "usd"),
    [
        (
            OPENROUTER,
            {"cost": 0.0042, "is_byok": False, "cost_details": {"upstream_inference_cost": 1}},
            {},
            0.0042,
        ),
        (OPENROUTER, {"cost": 0}, {}, 0.0),
        (OPENROUTER, {**BYOK, "cost_details": {"upstream_inference_cost": 0.01}}, {}, 0.0105),
        (
            PERPLEXITY,
            {"cost": {"input_tokens_cost": 0.001, "request_cost": 0.005, "total_cost": 0.0061}},
            {},
            0.0061,
        ),
        (XAI, {"cost_in_usd_ticks": 37_756_000}, {}, 0.0037756),
        (DEEPINFRA, {"estimated_cost": 0.00031}, {}, 0.00031),
        (
            VERCEL,
            {},
            {"provider_metadata": {"gateway": {"cost": "0.0045405", "marketCost": "1"}}},
            0.0045405,
        ),
    ],
)
def test_taken(
    telemetry: Telemetry, address: str, usage: Any, message: Any, usd: float, stream: bool
) -> None:
    """The word of who sends the bill is better than any list: in spans, counters and budgets."""
    budget = callspan.budget(usd=9)
    with callspan.count_tokens() as count, budget:
        ask_openai(address, chat_answer("openai/gpt-4o", usage, message=message), stream)
    assert cost(telemetry) == (pytest.approx(usd), "provider", None)
    assert (count.cost, count.unknown_cost_calls) == (pytest.approx(usd), 0)
    assert (budget.spent["usd"], budget.unknown_calls) == (pytest.approx(usd), 0)


@STREAMED
def test_a_key_of_the_apps_own(telemetry: Telemetry, stream: bool) -> None:
    """With a key of the app's own a gateway's fee is a part of the cost; without the rest nobody knows the whole."""
    ask_openai(OPENROUTER, chat_answer("openai/gpt-4o", BYOK), stream)
    assert cost(telemetry) == (None, None, "upstream")


@pytest.mark.parametrize(
    "value", [-1, True, float("nan"), 1e300, "much", "", None, [], {"total_cost": "?"}]
)
def test_what_is_no_cost(telemetry: Telemetry, value: Any) -> None:
    """What cannot be the cost of a call is not taken for one, and the price list is asked."""
    ask_openai("https://api.openai.com/v1", chat_answer("gpt-4o", {"cost": value}))
    assert cost(telemetry) == (pytest.approx(0.0035), "genai-prices", None)


@pytest.mark.parametrize("way", ["plain", "raw"])
def test_in_the_header_of_a_proxy(
    telemetry: Telemetry, program: Program, model_server: ModelServer, way: str
) -> None:
    """LiteLLM's proxy states the cost in a header, which plain answers do not show to the app."""
    model_server.enqueue(Reply(model="gpt-4o", headers={"x-litellm-response-cost": "0.00123"}))
    path = (
        "chat.completions.create" if way == "plain" else "chat.completions.with_raw_response.create"
    )
    program.ask(path, **CHAT)
    assert cost(telemetry) == (0.00123, "provider", None)


def test_headers_of_those_who_are_no_gateway(telemetry: Telemetry) -> None:
    """At a provider's own address no header of a gateway is looked for."""
    answer = chat_answer("gpt-4o", {})
    ask_openai("https://api.openai.com/v1", answer, headers={"x-litellm-response-cost": "7"})
    assert cost(telemetry)[1] == "genai-prices"


@pytest.mark.instrument(
    cost=True, prices={"models": {"gpt-4o": {"input": 1, "output": 1}, "mapped": "openai/gpt-4o"}}
)
@pytest.mark.parametrize(
    ("model", "usd", "source"), [("gpt-4o", 0.0011, "own"), ("mapped", 0.5, "provider")]
)
def test_own_prices_come_first(telemetry: Telemetry, model: str, usd: float, source: str) -> None:
    """The user's own price is the user's word; a mere other name for a model is none."""
    ask_openai(OPENROUTER, chat_answer(model, {"cost": 0.5}))
    assert cost(telemetry) == (pytest.approx(usd), source, None)


def test_responses_state_it_too(telemetry: Telemetry) -> None:
    """The same in OpenAI's newer format."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 1,
        "total_tokens": 11,
        "cost_in_usd_ticks": 20_000_000,
    }
    body = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "grok-4", "status": "completed",
        "output": [], "usage": usage, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True,
    }  # fmt: skip
    with openai_at(XAI, json.loads(json.dumps(body))) as client:
        client.responses.create(model="grok-4", input="Hi")
    assert cost(telemetry) == (pytest.approx(0.002), "provider", None)
