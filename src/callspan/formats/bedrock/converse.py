"""Bedrock's Converse, whole or as a stream of events; Amazon's Nova models speak it as well."""

from __future__ import annotations

from callspan.events import (
    Conditions,
    Content,
    Delta,
    Message,
    ParameterName,
    Parameters,
    Part,
    Usage,
)
from callspan.formats.bedrock import parts
from callspan.formats.fields import (
    Body,
    Item,
    all_fields,
    count,
    get,
    get_nested,
    index_of,
    items,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.parts import output_type, role_of

_SETTINGS: dict[str, ParameterName] = {
    "maxTokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "top_p": "top_p",
    "topK": "top_k",
    "top_k": "top_k",
    "stopSequences": "stop",
    "reasoning_effort": "reasoning_level",
}
_LIFETIMES = ("5m", "1h")
"""The lifetimes of caches that have prices."""
# First the events of which a stream has most.
_PIECES = ("contentBlockDelta", "contentBlockStart")


def parameters(body: Body) -> Parameters:
    """Return the request's settings, also those that only some models have."""
    # Nova's own settings stand in its `inferenceConfig`, also where they are passed on as extra.
    extra = all_fields(body.get("additionalModelRequestFields"))
    extra_inference = all_fields(extra.get("inferenceConfig"))
    inference = all_fields(body.get("inferenceConfig"))
    # from the weakest to the strongest: Converse's own fields win
    model_settings = read_settings({**extra_inference, **extra, **inference}, _SETTINGS)
    settings: Parameters = {**model_settings, **_conditions(body)}
    reasoning = get(extra, "reasoningConfig") or body.get("reasoningConfig")
    effort = text(get(reasoning, "maxReasoningEffort"))
    if effort:
        settings["reasoning_level"] = effort
    guardrail = text(get_nested(body, "guardrailConfig", "guardrailIdentifier"))
    if guardrail:
        settings["guardrail_id"] = guardrail
    output = output_type(get_nested(body, "outputConfig", "textFormat", "type"))
    if output:
        settings["output_type"] = output
    return settings


def _conditions(source: Item) -> Conditions:
    """Return the conditions of a price, as they are in a request or in its answer."""
    conditions: Conditions = {}
    tier = text(get_nested(source, "serviceTier", "type"))
    if tier:
        conditions["service_tier"] = tier
    latency = text(get_nested(source, "performanceConfig", "latency"))
    if latency:
        conditions["latency"] = latency
    return conditions


def content(body: Body) -> Content:
    """Return the system prompt, the conversation and the tools."""
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        system=parts.content_parts(body.get("system")),
        tools=parts.tools(get_nested(body, "toolConfig", "tools")),
    )


def _message(item: Item) -> Message:
    pieces = parts.content_parts(get(item, "content"))
    return {"role": role_of(item), "parts": pieces}


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole answer."""
    # an event has one field, named by its kind
    for kind in _PIECES:
        event = get(answer, kind)
        if event is not None:
            return _piece(event) if needs_text else None
    if get(answer, "messageStart") is not None:
        return Delta(finish_reasons=((0, None),))
    # not the last event: the counts follow in `metadata`
    stop = get(answer, "messageStop")
    if stop is not None:
        return Delta(finish_reasons=((0, text(get(stop, "stopReason"))),))
    metadata = get(answer, "metadata")
    if metadata is not None:
        return _last(metadata)
    return _whole(answer, needs_text)


def _piece(event: Item) -> Delta | None:
    block = get(event, "delta") or get(event, "start")
    part = parts.part(block, index_of(event, "contentBlockIndex"))
    return None if part is None else Delta(parts=(part,))


def _last(metadata: Item) -> Delta:
    return Delta(
        model=_routed_model(metadata),
        usage=_usage(get(metadata, "usage")),
        details={**_conditions(metadata)},
        last=True,
    )


def _whole(answer: Item, needs_text: bool) -> Delta | None:
    message = get_nested(answer, "output", "message")
    if message is None:
        return None
    pieces: list[Part] = []
    if needs_text:
        for index, block in enumerate(items(get(message, "content"))):
            piece = parts.part(block, index)
            if piece is not None:
                pieces.append(piece)
    return Delta(
        model=_routed_model(answer),
        parts=pieces,
        finish_reasons=((0, text(get(answer, "stopReason"))),),
        usage=_usage(get(answer, "usage")),
        details={**_conditions(answer)},
    )


def _routed_model(answer: Item) -> str | None:
    """Return the model that a router of prompts has chosen; no other answer names its model."""
    return text(get_nested(answer, "trace", "promptRouter", "invokedModelId"))


def _usage(source: Item) -> Usage | None:
    """Return the counts; those of a cache stand beside the rest of the input."""
    if source is None:
        return None
    usage = Usage(
        uncached=count(source, "inputTokens"),
        output=count(source, "outputTokens"),
        cache_read=_cache_count(source, "cacheReadInputToken"),
        cache_write=_cache_count(source, "cacheWriteInputToken"),
        cache_write_1h=_written_for(source, "1h"),
        details=_details(source),
    )
    if usage.cache_read is None and usage.cache_write is None and usage.input is not None:
        # Older versions of botocore drop the counts of the cache, which are new to them; the
        # total includes them.
        total = count(source, "totalTokens") or 0
        usage.input = max(usage.input, total - (usage.output or 0))
        usage.uncached = usage.input
    return usage


def _written_for(source: Item, lifetime: str) -> int | None:
    """Return the tokens written to a cache of this lifetime; `None` if no lifetime is stated."""
    caches = items(get(source, "cacheDetails"))
    if not caches:
        return None
    matches = [cache for cache in caches if get(cache, "ttl") == lifetime]
    return sum(count(cache, "inputTokens") or 0 for cache in matches)


def _details(source: Item) -> dict[str, int] | None:
    """Return the tokens written to a cache of a lifetime whose price is not known."""
    caches = items(get(source, "cacheDetails"))
    others = [cache for cache in caches if get(cache, "ttl") not in _LIFETIMES]
    written = sum(count(cache, "inputTokens") or 0 for cache in others)
    return {"cache_write_other": written} if written else None


def _cache_count(source: Item, name: str) -> int | None:
    tokens = count(source, f"{name}s")
    if tokens is None:  # Nova's own format has another name for it
        tokens = count(source, f"{name}Count")
    return tokens


CONVERSE = Format("chat", parameters, read, content)
