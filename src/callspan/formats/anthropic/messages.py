"""Anthropic's messages: whole, or streamed as events that are each about one block of content."""

from __future__ import annotations

from callspan.events import (
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Failure,
    ParameterName,
    Parameters,
    Part,
)
from callspan.formats.anthropic import parts
from callspan.formats.anthropic.usage import read_conditions, read_usage
from callspan.formats.errors import error_message, failure_type, read_failure
from callspan.formats.fields import (
    Body,
    Item,
    get,
    get_nested,
    id_text,
    index_of,
    items,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.parts import output_type

_SETTINGS: dict[str, ParameterName] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop_sequences": "stop",
    "service_tier": "service_tier",
    "speed": "speed",
    "inference_geo": "inference_geo",
}
_FRAGMENTS = {
    "text_delta": (TEXT, "text"),
    "thinking_delta": (REASONING, "thinking"),
    "input_json_delta": (TOOL_CALL, "partial_json"),
}
"""The fragments of a stream by their type: the kind of part, and the field that has the text."""


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    settings = read_settings(body, _SETTINGS)
    config = body.get("output_config")
    # `output_format` is the name that was used while this was in beta.
    output_format = get(config, "format") or body.get("output_format")
    values = {
        "reasoning_level": text(get(config, "effort")),
        "output_type": output_type(get(output_format, "type")),
        "previous_response_id": text(get(body.get("thread"), "previous_message_id")),
    }
    for name, value in values.items():
        if value:
            settings[name] = value
    return settings


def content(body: Body) -> Content:
    """Return the system prompt, the conversation and the tools."""
    return Content(
        messages=[parts.message(item) for item in items(body.get("messages"))],
        system=parts.content_parts(body.get("system")),
        tools=[parts.tool(item) for item in items(body.get("tools"))],
    )


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole message."""
    kind = get(answer, "type")
    if kind == "content_block_delta":  # most events of a stream
        return _fragment(answer) if needs_text else None
    if kind == "content_block_start":
        return _block_start(answer) if needs_text else None
    if isinstance(kind, str) and kind != "message":
        return _event(kind, answer)
    return _whole(answer, needs_text)  # some servers leave the type out


def _event(kind: str, event: Item) -> Delta | None:
    """Read an event that is about the whole message; `None` for one that tells nothing."""
    match kind:
        # the input is counted here; the output in `message_delta`, as a running total
        case "message_start":
            return _message_start(get(event, "message"))
        case "message_delta":
            return _message_delta(event)
        case "message_stop":
            # the events before it have all the rest
            return Delta(last=True)
        case "error":
            error = get(event, "error")
            failure = Failure(failure_type(error, "type"), error_message(error))
            return Delta(failure=failure, last=True)
        case _:
            return None


def _fragment(event: Item) -> Delta | None:
    delta = get(event, "delta")
    kind = text(get(delta, "type"))
    if kind == "compaction_delta":  # comes whole, after a block that begins empty
        return Delta(parts=(parts.compaction(delta, index_of(event)),))
    if kind not in _FRAGMENTS:
        return None
    part_kind, field = _FRAGMENTS[kind]
    fragment = text(get(delta, field))
    if fragment is None:
        return None
    return Delta(parts=(Part(part_kind, fragment, index=index_of(event)),))


def _block_start(event: Item) -> Delta | None:
    block = get(event, "content_block")
    if get(block, "type") == "compaction" and not get(block, "content"):
        return None
    return Delta(parts=(parts.part(block, index_of(event)),))


def _message_start(message: Item) -> Delta:
    usage = get(message, "usage")
    return Delta(
        id=id_text(get(message, "id")),
        model=text(get(message, "model")),
        finish_reasons=((0, None),),
        usage=read_usage(usage),
        details=read_conditions(usage),
    )


def _message_delta(event: Item) -> Delta:
    usage = get(event, "usage")
    reason = text(get_nested(event, "delta", "stop_reason"))
    return Delta(
        finish_reasons=((0, reason),), usage=read_usage(usage), details=read_conditions(usage)
    )


def _whole(message: Item, needs_text: bool) -> Delta:
    reason = text(get(message, "stop_reason"))
    usage = get(message, "usage")
    delta = Delta(
        id=id_text(get(message, "id")),
        model=text(get(message, "model")),
        usage=read_usage(usage),
        details=read_conditions(usage),
    )
    if reason:
        delta.finish_reasons = ((0, reason),)
    else:
        delta.failure = read_failure(message)
    if needs_text:
        blocks = enumerate(items(get(message, "content")))
        delta.parts = [parts.part(block, index) for index, block in blocks]
    return delta


MESSAGES = Format("chat", parameters, read, content)
