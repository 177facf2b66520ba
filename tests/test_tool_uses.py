"""Tools that run at the provider: how often is on the span, and their fees are in the cost or make it unknown."""

from __future__ import annotations

from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from priced import (
    ask_anthropic,
    ask_gemini,
    ask_openai,
    chat_answer,
    cost,
    gemini_answer,
    openai_at,
)
from telemetry import Telemetry

pytestmark = pytest.mark.instrument(cost=True)
OPENROUTER, PERPLEXITY, XAI = (
    "https://openrouter.ai/api/v1",
    "https://api.perplexity.ai",
    "https://api.x.ai/v1",
)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
SEARCH = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "q"},
}
OPENED = {**SEARCH, "action": {"type": "open_page", "url": "https://flowers.example"}}
FILES = {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["q"]}
CODE = {
    "type": "code_interpreter_call",
    "id": "ci_1",
    "status": "completed",
    "code": "1",
    "container_id": "c",
}
PICTURE = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": None}
BILLED = {"tool_usage": {"web_search": {"num_requests": 1}}}
TOKENS = (1000 * 2 + 100 * 8) / 1e6


@STREAMED
def test_anthropic(telemetry: Telemetry, stream: bool) -> None:
    """Searches have a fee, and what was fetched has none."""
    ask_anthropic(
        "claude-haiku-4-5",
        {"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 2}},
        stream,
    )
    assert cost(telemetry)[0] == pytest.approx(0.0015 + 0.03)
    assert telemetry.attributes["callspan.usage.web_searches"] == 3
    assert telemetry.attributes["callspan.usage.web_fetches"] == 2


@pytest.mark.parametrize(
    ("output", "beside", "uses", "usd", "unknown"),
    [
        ([SEARCH, SEARCH, OPENED], {}, {"web_searches": 2}, TOKENS + 0.02, None),
        (
            [SEARCH, SEARCH],
            BILLED,
            {"web_searches": 1},
            TOKENS + 0.01,
            None,
        ),
        (
            [SEARCH],
            {"tools": [{"type": "web_search_preview"}]},
            {"web_searches": 1},
            None,
            "search_type",
        ),
        ([FILES], {}, {"storage_searches": 1}, TOKENS + 0.0025, None),
        ([CODE], {}, {"code_executions": 1}, None, "tool_use"),
        ([PICTURE], {}, {}, None, "tool_use"),
        ([OPENED], {}, {}, TOKENS, None),
    ],
)
def test_responses(
    telemetry: Telemetry,
    output: Any,
    beside: Any,
    uses: dict[str, int],
    usd: float | None,
    unknown: str | None,
) -> None:
    """Items of OpenAI's responses that were made by its own tools."""
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    body = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4.1", "status": "completed",
        "output": output, "usage": usage, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True, **beside,
    }  # fmt: skip
    with openai_at("https://api.openai.com/v1", body) as client:
        client.responses.create(model="gpt-4.1", input="Hi")
    assert cost(telemetry) == (
        pytest.approx(usd) if usd else None,
        "genai-prices" if usd else None,
        unknown,
    )
    stated = {
        name.rpartition(".")[2]: value
        for name, value in telemetry.attributes.items()
        if "callspan.usage" in name
    }
    assert stated == uses


@STREAMED
def test_models_that_always_search(telemetry: Telemetry, stream: bool) -> None:
    """Nobody says how often a model searched whose every answer is searched for."""
    ask_openai("https://api.openai.com/v1", chat_answer("gpt-4o-search-preview", {}), stream)
    assert cost(telemetry)[2] == "search_type"


@STREAMED
@pytest.mark.parametrize(
    ("grounds", "uses", "usd", "unknown"),
    [
        (
            {"webSearchQueries": ["roses", "tulips"]},
            {"web_searches": 2},
            (300 + 250) / 1e6 + 0.07,
            None,
        ),
        ({"groundingChunks": [{"maps": {"title": "Florist"}}]}, {}, None, "tool_use"),
        ({}, {}, (300 + 250) / 1e6, None),
    ],
)
def test_gemini(
    telemetry: Telemetry,
    grounds: Any,
    uses: dict[str, int],
    usd: float | None,
    unknown: str | None,
    stream: bool,
) -> None:
    """Searches that ground an answer."""
    ask_gemini(gemini_answer({}, groundingMetadata=grounds), stream)
    assert cost(telemetry) == (
        pytest.approx(usd) if usd else None,
        "genai-prices" if usd else None,
        unknown,
    )
    assert telemetry.attributes.get("callspan.usage.web_searches", 0) == uses.get("web_searches", 0)


@STREAMED
@pytest.mark.parametrize(
    ("address", "model", "usage", "name", "number", "unknown"),
    [
        (PERPLEXITY, "sonar-deep-research", {"num_search_queries": 4}, "web_searches", 4, None),
        (
            OPENROUTER,
            "openai/gpt-4o",
            {"server_tool_use": {"web_search_requests": 2}},
            "web_searches",
            2,
            "tool_use",
        ),
        (
            XAI,
            "grok-4",
            {"server_side_tool_usage_details": {"x_search_calls": 5}},
            "social_searches",
            5,
            "tool_use",
        ),
        (XAI, "grok-4", {"num_sources_used": 6}, "search_sources", 6, "tool_use"),
    ],
)
def test_compatible_servers(
    telemetry: Telemetry,
    address: str,
    model: str,
    usage: Any,
    name: str,
    number: int,
    unknown: str,
    stream: bool,
) -> None:
    """Numbers of searches in the counts of servers that follow OpenAI."""
    ask_openai(address, chat_answer(model, usage), stream)
    assert cost(telemetry)[2] == unknown
    assert telemetry.attributes[f"callspan.usage.{name}"] == number


BREAKDOWN = {"models": [
    {"model": "llama-3.3-70b-versatile", "usage": {"prompt_tokens": 600, "completion_tokens": 60, "total_tokens": 660}},
    {"model": "openai/gpt-oss-120b", "usage": {"prompt_tokens": 400, "completion_tokens": 40, "total_tokens": 440}},
]}  # fmt: skip


def test_searches_beside_the_tools_of_groq(telemetry: Telemetry) -> None:
    """Searches among the counts stay, also where the answer names tools that ran."""
    tools = [{"type": "python", "index": 0, "arguments": "{}"}]
    usage = {"num_sources_used": 6}
    answer = chat_answer(
        "groq/compound", usage, message={"executed_tools": tools}, usage_breakdown=BREAKDOWN
    )
    ask_openai("https://api.groq.com/openai/v1", answer, False)
    assert cost(telemetry)[2] == "tool_use"
    assert telemetry.attributes["callspan.usage.search_sources"] == 6
    assert telemetry.attributes["callspan.usage.code_executions"] == 1


@STREAMED
@pytest.mark.parametrize(
    ("tools", "unknown"),
    [([], None), ([{"type": "search", "index": 0, "arguments": "{}"}], "tool_use")],
)
def test_systems_of_groq(
    telemetry: Telemetry, tools: Any, unknown: str | None, stream: bool
) -> None:
    """Each model that a system asks has its price, and each tool a fee; a stream need not say which of them ran."""
    answer = chat_answer(
        "groq/compound", {}, message={"executed_tools": tools}, usage_breakdown=BREAKDOWN
    )
    ask_openai("https://api.groq.com/openai/v1", answer, stream)
    usd, source, reason = cost(telemetry)
    assert reason == ("tool_use" if stream else unknown)
    if reason is None:
        assert (usd, source) == (
            pytest.approx((600 * 0.59 + 60 * 0.79 + 400 * 0.15 + 40 * 0.6) / 1e6),
            "genai-prices",
        )


def test_cohere_rerank(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A ranking is billed by searches, for which there is no price; its tokens are as unknown as before."""
    cohere = pytest.importorskip("cohere", reason="cohere is not installed")
    body = '{"id": "1", "results": [], "meta": {"billed_units": {"search_units": 2}}}'
    model_server.enqueue(Reply(raw=body))
    with callspan.count_tokens() as count:
        client = cohere.ClientV2(api_key="any", base_url=model_server.url.removesuffix("/v1"))
        client.rerank(model="rerank-v3.5", query="roses", documents=["a"])
    assert cost(telemetry)[0] is None
    assert telemetry.attributes["callspan.usage.rerank_searches"] == 2
    assert (count.unknown_calls, count.unknown_cost_calls) == (1, 1)
