"""Anthropic's messages: whole, or streamed as events that each speak of one block of the content."""

from __future__ import annotations

from typing import Any

from callspan.events import REASONING, TEXT, TOOL_CALL, Content, Delta, Failure, Part
from callspan.formats.anthropic import parts as parts
from callspan.formats.anthropic.usage import read_conditions, read_usage
from callspan.formats.errors import failure_type, read_failure
from callspan.formats.fields import Body, get, id_text, index_of, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.parts import output_type

_SETTINGS = {
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


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    found = read_settings(body, _SETTINGS)
    wanted = body.get("output_config")
    effort = text(get(wanted, "effort"))
    if effort:
        found["reasoning_level"] = effort
    kind = output_type(get(get(wanted, "format") or body.get("output_format"), "type"))
    earlier = text(get(body.get("thread"), "previous_message_id"))
    told = {"output_type": kind, "previous_response_id": earlier}
    return found | {name: value for name, value in told.items() if value}


def content(body: Body) -> Content:
    """The system prompt, the conversation and the tools."""
    return Content(
        messages=[parts.message(item) for item in items(body.get("messages"))],
        system=parts.said(body.get("system")),
        tools=[parts.tool(item) for item in items(body.get("tools"))],
    )


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole message."""
    kind = get(answer, "type")
    match kind:
        case "content_block_delta":
            return _fragment(answer) if needs_text else None
        case "content_block_start":
            return _begun(get(answer, "content_block"), index_of(answer)) if needs_text else None
        case "message_start":
            begun = get(answer, "message")
            return Delta(
                id=id_text(get(begun, "id")),
                model=text(get(begun, "model")),
                finish_reasons=((0, None),),
                usage=read_usage(get(begun, "usage")),
                details=read_conditions(get(begun, "usage")),
            )
        case "message_delta":
            reason = text(get(get(answer, "delta"), "stop_reason"))
            stated = get(answer, "usage")
            return Delta(
                finish_reasons=((0, reason),),
                usage=read_usage(stated),
                details=read_conditions(stated),
            )
        case "message_stop":
            return Delta(last=True)
        case "error":
            return Delta(failure=_failure(get(answer, "error")), last=True)
        case _:
            return (
                _whole(answer, needs_text)
                if kind == "message" or not isinstance(kind, str)
                else None
            )


def _fragment(event: Any) -> Delta | None:
    delta = get(event, "delta")
    if get(delta, "type") == "compaction_delta":  # comes whole, after a block that begins empty
        return Delta(parts=(parts.compacted(delta, index_of(event)),))
    kind, field = _FRAGMENTS.get(text(get(delta, "type")) or "", ("", ""))
    said = text(get(delta, field))
    return Delta(parts=(Part(kind, said, index=index_of(event)),)) if said else None


def _whole(message: Any, needs_text: bool) -> Delta:
    reason = text(get(message, "stop_reason"))
    said = items(get(message, "content")) if needs_text else ()
    return Delta(
        id=id_text(get(message, "id")),
        model=text(get(message, "model")),
        parts=[parts.part(block, place) for place, block in enumerate(said)],
        finish_reasons=((0, reason),) if reason else (),
        usage=read_usage(get(message, "usage")),
        details=read_conditions(get(message, "usage")),
        failure=None if reason else read_failure(message),
    )


def _begun(block: Any, place: int | None) -> Delta | None:
    if get(block, "type") == "compaction" and not get(block, "content"):
        return None
    return Delta(parts=(parts.part(block, place),))


def _failure(error: Any) -> Failure:
    return Failure(failure_type(error, "type"), str(get(error, "message") or ""))


MESSAGES = Format("chat", parameters, read, content)
