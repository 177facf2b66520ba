"""Bedrock's Converse, whole or as a stream of events; Amazon's Nova models speak it by themselves too."""

from __future__ import annotations

from typing import Any

from callspan.events import Content, Delta, Usage
from callspan.formats.bedrock import parts as parts
from callspan.formats.fields import (
    Body,
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
from callspan.formats.parts import output_type

_SETTINGS = {
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


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings, also those that only some models have."""
    more = all_fields(body.get("additionalModelRequestFields"))
    own = all_fields(more.get("inferenceConfig"))
    found = read_settings({**own, **more, **all_fields(body.get("inferenceConfig"))}, _SETTINGS)
    effort = text(
        get(get(more, "reasoningConfig") or body.get("reasoningConfig"), "maxReasoningEffort")
    )
    if effort:
        found["reasoning_level"] = effort
    guardrail = text(get_nested(body, "guardrailConfig", "guardrailIdentifier"))
    if guardrail:
        found["guardrail_id"] = guardrail
    wanted = output_type(get_nested(body, "outputConfig", "textFormat", "type"))
    return found | conditions(body) | ({"output_type": wanted} if wanted else {})


def conditions(source: Any) -> dict[str, str]:
    """Return what the price depends on beside the model: the tier and the latency that were asked for, or given."""
    tier, latency = (
        text(get_nested(source, "serviceTier", "type")),
        text(get_nested(source, "performanceConfig", "latency")),
    )
    return {name: value for name, value in (("service_tier", tier), ("latency", latency)) if value}


def content(body: Body) -> Content:
    """The system prompt, the conversation and the tools."""
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        system=parts.said(body.get("system")),
        tools=parts.tools(get_nested(body, "toolConfig", "tools")),
    )


def _message(item: Any) -> dict[str, Any]:
    return {"role": get(item, "role") or "user", "parts": parts.said(get(item, "content"))}


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole answer."""
    for kind in _PIECES:
        piece = get(answer, kind)
        if piece is not None:
            return _piece(piece, needs_text)
    if get(answer, "messageStart") is not None:
        return Delta(finish_reasons=((0, None),))
    end = get(answer, "messageStop")
    if end is not None:
        return Delta(finish_reasons=((0, text(get(end, "stopReason"))),))
    metadata = get(answer, "metadata")
    return _whole(answer, needs_text) if metadata is None else _last(metadata)


_PIECES = ("contentBlockDelta", "contentBlockStart")


def _piece(event: Any, needs_text: bool) -> Delta | None:
    said = get(event, "delta") or get(event, "start")
    part = parts.part(said, index_of(event, "contentBlockIndex")) if needs_text else None
    return None if part is None else Delta(parts=(part,))


def _last(metadata: Any) -> Delta:
    return Delta(
        model=_routed(metadata),
        usage=_usage(get(metadata, "usage")),
        details=conditions(metadata),
        last=True,
    )


def _whole(answer: Any, needs_text: bool) -> Delta | None:
    message = get_nested(answer, "output", "message")
    if message is None:
        return None
    blocks = items(get(message, "content")) if needs_text else ()
    found = (parts.part(block, place) for place, block in enumerate(blocks))
    return Delta(
        model=_routed(answer),
        parts=[part for part in found if part is not None],
        finish_reasons=((0, text(get(answer, "stopReason"))),),
        usage=_usage(get(answer, "usage")),
        details=conditions(answer),
    )


def _routed(answer: Any) -> str | None:
    """The model that a router of prompts has chosen; else none is named in an answer."""
    return text(get_nested(answer, "trace", "promptRouter", "invokedModelId"))


def _usage(stated: Any) -> Usage | None:
    """The counts as they are stated: what was read from or written to a cache stands beside the rest of the input."""
    if stated is None:
        return None
    found = Usage(
        uncached=count(stated, "inputTokens"),
        output=count(stated, "outputTokens"),
        cache_read=_cached(stated, "cacheReadInputToken"),
        cache_write=_cached(stated, "cacheWriteInputToken"),
        cache_write_1h=_kept_for(stated, "1h"),
    )
    if found.cache_read is None and found.cache_write is None and found.input is not None:
        # older versions of the client leave out what they do not know of, but in the total it is
        found.uncached = found.input = max(
            found.input, (count(stated, "totalTokens") or 0) - (found.output or 0)
        )
    return found


def _kept_for(stated: Any, lifetime: str) -> int | None:
    """Return the tokens that were written to a cache of this lifetime; `None` where lifetimes are not stated."""
    written = [
        count(each, "inputTokens") or 0 for each in _caches(stated) if get(each, "ttl") == lifetime
    ]
    return sum(written) if _caches(stated) else None


def _caches(stated: Any) -> list[Any]:
    return items(get(stated, "cacheDetails"))


def _cached(stated: Any, name: str) -> int | None:
    """Nova's own format has another name for it."""
    found = count(stated, f"{name}s")
    return count(stated, f"{name}Count") if found is None else found


CONVERSE = Format("chat", parameters, read, content)
