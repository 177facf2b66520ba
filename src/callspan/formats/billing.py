"""Fields of OpenAI's `usage` objects that few servers have: cost, tool uses, parts of parts."""

from __future__ import annotations

from callspan.events import ConditionName, Conditions, Usage
from callspan.formats.fields import (
    Body,
    Item,
    all_fields,
    count,
    dollars,
    get,
    get_nested,
    items,
    string,
    text,
)
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
"""Fields of a `usage` object that few servers have."""
PARTS = frozenset(
    {"cached_tokens_details", "cache_creation_token_details", "cache_write_tokens_details"}
)
"""Fields in the details of its input that few servers have."""
_TICKS = 1e10
"""xAI's ticks in a dollar."""
_HOUR = "ephemeral_1h_input_tokens"
_LIFETIMES = ("ephemeral_5m_input_tokens", _HOUR)
"""The lifetimes of caches that have prices."""
_COUNTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("web_searches", ("num_search_queries",)),  # Perplexity
    ("web_searches", ("tool_calls_details", "search_web", "invocation")),  # its agents
    # OpenRouter, gateways to Anthropic's models
    ("web_searches", ("server_tool_use", "web_search_requests")),
    ("web_fetches", ("server_tool_use", "web_fetch_requests")),
    ("web_searches", ("server_side_tool_usage_details", "web_search_calls")),  # xAI
    ("social_searches", ("server_side_tool_usage_details", "x_search_calls")),
    ("storage_searches", ("server_side_tool_usage_details", "file_search_calls")),
    ("code_executions", ("server_side_tool_usage_details", "code_interpreter_calls")),
    # xAI's live search, and below it Perplexity's research
    ("search_sources", ("num_sources_used",)),
    ("citations", ("citation_tokens",)),
)
"""Where servers state uses of their own tools, by the names of `Usage.details`."""
_CACHED_KINDS = ("text", "audio", "image", "video")
_CONDITIONS: frozenset[ConditionName] = frozenset({"service_tier", "speed", "inference_geo"})
"""Fields that LiteLLM and its proxy put among the counts; Anthropic's models are priced by them."""
_TOOLS = {
    "search": "web_searches",
    "web_search": "web_searches",
    "browser_search": "web_searches",
    "python": "code_executions",
    "code_interpreter": "code_executions",
}
"""Groq's names of the tools that its systems run."""


def add(usage: Usage, counts: Body, input_parts: Body) -> None:
    """Add to the counts the rare fields of a `usage` object and of the details of its input."""
    details: dict[str, int] = {}
    for name, path in _COUNTS:
        amount = count(counts, *path)
        # servers write 0 for tools that they did not run; that is no fact worth an attribute
        if amount:
            details[name] = amount
    _add_cached(details, input_parts.get("cached_tokens_details"))
    longest = count(input_parts.get("cache_write_tokens_details"), "ttl_12h_tokens")
    if longest:
        details["cache_write_other"] = longest
    unpriced = written_without_price(counts.get("cache_creation"))
    if unpriced:
        details["cache_write_other"] = unpriced
    if usage.cache_write_1h is None:
        usage.cache_write_1h = count(input_parts.get("cache_creation_token_details"), _HOUR)
    if usage.cache_write_1h is None:
        usage.cache_write_1h = count(counts.get("cache_creation"), _HOUR)
    _add_cost(usage, counts, details)
    usage.details = details or None


def written_without_price(cache_creation: Item) -> int:
    """Return the tokens written to a cache of a lifetime other than those that have prices.

    Args:
        cache_creation: Anthropic's counts by lifetime, which other servers repeat.
    """
    written = all_fields(cache_creation)
    total = 0
    for field in written:
        if field.startswith("ephemeral_") and field not in _LIFETIMES:
            total += count(written, field) or 0
    return total


def _add_cached(details: dict[str, int], parts: Item) -> None:
    for kind in _CACHED_KINDS:
        amount = count(parts, f"{kind}_tokens")
        if amount is not None:
            details[f"cache_read_{kind}"] = amount


def _add_cost(usage: Usage, counts: Body, details: dict[str, int]) -> None:
    """Add the cost in US dollars.

    With a key of the app's own, OpenRouter's cost is its fee alone, and the model's is added.
    """
    # xAI's is in ticks, DeepInfra's an estimate, `cost` OpenRouter's or Perplexity's
    usage.cost = _cost(counts)
    if usage.cost is None or counts.get("is_byok") is not True:
        return
    upstream = dollars(get_nested(counts, "cost_details", "upstream_inference_cost"))
    # the fee alone would pass for the cost of the call, so there is none
    if upstream is None:
        usage.cost = None
        details["upstream_requests"] = 1
    else:
        usage.cost += upstream


def _cost(counts: Body) -> float | None:
    ticks = whole(counts.get("cost_in_usd_ticks"))
    if ticks is not None and ticks >= 0:
        return ticks / _TICKS
    cost = counts.get("cost")
    total = get(cost, "total_cost")  # Perplexity's, which is an object
    for value in (cost, total, counts.get("estimated_cost")):
        usd = dollars(value)
        if usd is not None:
            return usd
    return None


def conditions(usage: Item) -> Conditions:
    """Return the fields of a `usage` object that a price depends on beside the counts."""
    values = all_fields(usage)
    # most servers have none of them here: one look in place of three
    if _CONDITIONS.isdisjoint(values):
        return {}
    result: Conditions = {}
    for name in _CONDITIONS:
        value = text(values.get(name))
        if value:
            result[name] = value
    return result


def gateway_cost(choice: Item) -> float | None:
    """Return the cost of an answer in US dollars as Vercel's gateway states it.

    It stands in the message of a choice, or in the last piece of one.
    """
    message = all_fields(get(choice, "message") or get(choice, "delta"))
    metadata = message.get("provider_metadata")
    if metadata is None:
        return None
    return dollars(get_nested(metadata, "gateway", "cost"))


def executed_tools(choices: list[Item]) -> dict[str, int]:
    """Return how often Groq ran its tools, by the names of `Usage.details`.

    A whole answer names them. A stream names them in chunks that need not be read, so it counts as
    one use of an unknown tool.
    """
    messages = [get(choice, "message") for choice in choices]
    messages = [message for message in messages if message is not None]
    # a fee that nobody can name makes the cost unknown, which is better than too low
    if not messages:
        return {"other_tools": 1}
    details: dict[str, int] = {}
    for message in messages:
        for tool in items(get(message, "executed_tools")):
            name = _TOOLS.get(string(get(tool, "type")), "other_tools")
            details[name] = details.get(name, 0) + 1
    return details


def models(breakdown: Item) -> list[tuple[str | None, Body]]:
    """Return the models that a system of Groq's asked, each with its `usage` object."""
    entries = items(get(breakdown, "models"))
    return [(text(get(entry, "model")), all_fields(get(entry, "usage"))) for entry in entries]
