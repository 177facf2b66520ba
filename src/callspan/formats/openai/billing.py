"""What servers that speak OpenAI's formats state beside the tokens: the cost, tools that they ran, parts of parts."""

from __future__ import annotations

from typing import Any

from callspan.events import Usage
from callspan.formats.fields import Body, all_fields, count, dollars, get, get_nested, items, text
from callspan.runtime.number import whole

FIELDS = frozenset(
    {
        "cache_creation",
        "citation_tokens",
        "cost",
        "cost_in_usd_ticks",
        "estimated_cost",
        "num_search_queries",
        "num_sources_used",
        "server_side_tool_usage_details",
        "server_tool_use",
        "tool_calls_details",
    }
)
"""The fields of a `usage` object that say more than most do."""
PARTS = frozenset(
    {"cached_tokens_details", "cache_creation_token_details", "cache_write_tokens_details"}
)
"""The same in the details of its input."""
_TICKS = 1e10
"""xAI's ticks in a dollar."""
_HOUR = "ephemeral_1h_input_tokens"
_COUNTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("web_searches", ("num_search_queries",)),  # Perplexity
    ("web_searches", ("tool_calls_details", "search_web", "invocation")),  # its agents
    (
        "web_searches",
        ("server_tool_use", "web_search_requests"),
    ),  # OpenRouter, gateways to Anthropic's models
    ("web_fetches", ("server_tool_use", "web_fetch_requests")),
    ("web_searches", ("server_side_tool_usage_details", "web_search_calls")),  # xAI
    ("social_searches", ("server_side_tool_usage_details", "x_search_calls")),
    ("storage_searches", ("server_side_tool_usage_details", "file_search_calls")),
    ("code_executions", ("server_side_tool_usage_details", "code_interpreter_calls")),
    ("search_sources", ("num_sources_used",)),
    ("citations", ("citation_tokens",)),
)


def add(found: Usage, stated: Body, sent: Body) -> None:
    """Add to the counts what a `usage` object, and the details of its input, say more than most do."""
    details = {name: amount for name, path in _COUNTS if (amount := count(stated, *path))}
    details.update(_cached(sent.get("cached_tokens_details")))
    kept_longest = count(sent.get("cache_write_tokens_details"), "ttl_12h_tokens")
    if kept_longest:
        details["cache_write_12h"] = kept_longest
    if found.cache_write_1h is None:
        hour = count(sent.get("cache_creation_token_details"), _HOUR)
        found.cache_write_1h = count(stated.get("cache_creation"), _HOUR) if hour is None else hour
    _add_cost(found, stated, details)
    found.details = details or None


def _cached(parts: Any) -> dict[str, int]:
    kinds = ("text", "audio", "image", "video")
    return {
        f"cache_read_{kind}": amount
        for kind in kinds
        if (amount := count(parts, f"{kind}_tokens")) is not None
    }


def _add_cost(found: Usage, stated: Body, details: dict[str, int]) -> None:
    """Add the cost. With a key of the app's own, OpenRouter's is only its fee, and what the model cost comes on top."""
    found.cost = _cost(stated)
    if found.cost is None or stated.get("is_byok") is not True:
        return
    upstream = dollars(get_nested(stated, "cost_details", "upstream_inference_cost"))
    if upstream is None:
        found.cost = None
        details["upstream_requests"] = 1
    else:
        found.cost += upstream


def _cost(stated: Body) -> float | None:
    ticks = whole(stated.get("cost_in_usd_ticks"))
    if ticks is not None and ticks >= 0:
        return ticks / _TICKS
    cost = stated.get("cost")
    total = get(cost, "total_cost")  # Perplexity's, which is an object
    for value in (cost, total, stated.get("estimated_cost")):
        if (usd := dollars(value)) is not None:
            return usd
    return None


_CONDITIONS = frozenset({"service_tier", "speed", "inference_geo"})
"""What LiteLLM and its proxy state among the counts, and Anthropic's models are priced by."""


def conditions(stated: Any) -> dict[str, str]:
    """Return what a `usage` object says of how the call was served."""
    told = all_fields(stated)
    if _CONDITIONS.isdisjoint(told):
        return {}
    return {name: value for name in _CONDITIONS if (value := text(told.get(name)))}


def gateway_cost(choice: Any) -> float | None:
    """Return what Vercel's gateway says that an answer cost, in the message of a choice or in the last piece of it."""
    metadata = all_fields(get(choice, "message") or get(choice, "delta")).get("provider_metadata")
    return None if metadata is None else dollars(get_nested(metadata, "gateway", "cost"))


_TOOLS = {
    "search": "web_searches",
    "web_search": "web_searches",
    "browser_search": "web_searches",
    "python": "code_executions",
    "code_interpreter": "code_executions",
}
"""Groq's names of the tools that its systems run."""


def executed(choices: list[Any]) -> dict[str, int]:
    """Return how often Groq ran which tools; only whole answers say so in a place that is always read."""
    messages = [message for choice in choices if (message := get(choice, "message")) is not None]
    if not messages:
        return {"other_tools": 1}
    details: dict[str, int] = {}
    for message in messages:
        for tool in items(get(message, "executed_tools")):
            name = _TOOLS.get(text(get(tool, "type")) or "", "other_tools")
            details[name] = details.get(name, 0) + 1
    return details


def models(breakdown: Any) -> list[tuple[str | None, Any]]:
    """Return the models that a system of Groq's asked, each with its `usage` object."""
    return [
        (text(get(each, "model")), all_fields(get(each, "usage")))
        for each in items(get(breakdown, "models"))
    ]
