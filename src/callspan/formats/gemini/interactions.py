"""Gemini's interactions: whole, or streamed as events; older clients speak of outputs, newer ones of steps."""

from __future__ import annotations

from typing import Any

from callspan.events import REASONING, TEXT, TOOL_CALL, Content, Delta, Failure, Part, Usage, shown
from callspan.events.ending import CANCELLED_BY_PROVIDER
from callspan.events.usage import DETAILS
from callspan.formats import parts as parts
from callspan.formats.errors import OTHER, failure_type
from callspan.formats.fields import (
    Body,
    arguments_text,
    count,
    get,
    id_text,
    index_of,
    items,
    plain,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.gemini.usage import read_modalities
from callspan.runtime.number import http_status

_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "thinking_level": "reasoning_level",
}
_ENDS = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "incomplete",
    "cancelled": "cancelled",
}
_MEDIA = ("image", "audio", "video", "document")
_EMPTY = ("", "model_output", "user_input")
_RESULT = "_result"
_BY_MODALITY = {
    "input_tokens_by_modality": "input",
    "tool_use_tokens_by_modality": "input",
    "output_tokens_by_modality": "output",
    "cached_tokens_by_modality": "cache_read",
}
_SEARCHES = {
    "google_search": "web_searches",
    "google_maps": "map_searches",
    "retrieval": "storage_searches",
}


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    found = read_settings(body.get("generation_config") or {}, _SETTINGS)
    beside = {"previous_response_id": "previous_interaction_id", "service_tier": "service_tier"}
    return found | {
        name: value for name, field in beside.items() if (value := text(body.get(field)))
    }


def content(body: Body) -> Content:
    """The system instruction, what is said now, and the tools."""
    said, system = body.get("input"), text(body.get("system_instruction"))
    found = [{"type": TEXT, "content": said}] if isinstance(said, str) else _said(said)
    return Content(
        messages=[{"role": "user", "parts": found}] if found else [],
        system=[{"type": TEXT, "content": system}] if system else [],
        tools=parts.tools([plain(tool) for tool in items(body.get("tools"))]),
    )


def _said(value: Any) -> list[dict[str, Any]]:
    """The parts of an input: contents, or turns and steps that have contents in them."""
    found = value if isinstance(value, (list, tuple)) else [value]
    return [shown(piece, piece.text) for item in found for piece in _pieces(item, None)]


def _pieces(item: Any, place: Any) -> list[Part]:
    """One content, turn or step."""
    inner = get(item, "content")
    if isinstance(inner, str):
        return [Part(TEXT, inner, index=place)]
    if isinstance(inner, (list, tuple)):
        return [piece for one in inner for piece in _pieces(one, place)]
    kind = text(get(item, "type")) or ""
    match kind:
        case "text":
            words = text(get(item, "text"))
            return [Part(TEXT, words, index=place)] if words else []
        case "thought" | "thought_summary":
            told = [*items(get(item, "summary")), inner]
            return [
                Part(REASONING, words, index=place)
                for one in told
                if (words := text(get(one, "text")))
            ]
        case "function_call":
            return [_called(item, place)]
        case _:
            return _other(kind, item, place)


def _called(item: Any, place: Any) -> Part:
    # a step begins with an empty object, and its arguments follow as text
    return Part(
        TOOL_CALL,
        arguments_text(get(item, "arguments")),
        0,
        place,
        id_text(get(item, "id")),
        text(get(item, "name")),
    )


def _other(kind: str, item: Any, place: Any) -> list[Part]:
    if kind in _MEDIA:
        uri, data = text(get(item, "uri")), get(item, "data")
        told = (
            parts.media(kind, uri)
            if uri
            else parts.blob(kind, str(get(item, "mime_type") or ""), data)
        )
        return [Part(told.pop("type"), index=place, data=told)]
    if kind.endswith(_RESULT):
        answered = {"id": id_text(get(item, "call_id")), "response": plain(get(item, "result"))}
        return [Part("tool_call_response", index=place, data=answered)]
    return [] if kind in _EMPTY or "signature" in kind else [Part(kind, index=place, data={})]


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole interaction."""
    kind = text(get(answer, "event_type")) or ""
    failed = get(answer, "error")
    match kind:
        case "step.delta" | "content.delta":
            return Delta(parts=_fragment(answer)) if needs_text else None
        case "step.start" | "content.start":
            begun = get(answer, "step") or get(answer, "content")
            return Delta(parts=_pieces(begun, index_of(answer))) if needs_text else None
        case "interaction.start" | "interaction.created":
            begun = get(answer, "interaction")
            return Delta(
                id=id_text(get(begun, "id")),
                model=text(get(begun, "model")),
                finish_reasons=((0, None),),
            )
        case "interaction.complete" | "interaction.completed":
            return _whole(get(answer, "interaction"), needs_text)
        case _ if failed is not None and not get(answer, "status"):
            told = str(get(failed, "message") or "")
            status = http_status(get(failed, "code"))
            return Delta(
                failure=Failure(failure_type(failed, "status", "code"), told, status), last=True
            )
        case _:
            return None if kind else _whole(answer, needs_text)


def _fragment(event: Any) -> list[Part]:
    delta, place = get(event, "delta"), index_of(event)
    if get(delta, "type") == "arguments_delta":
        return [Part(TOOL_CALL, text(get(delta, "arguments")) or "", index=place)]
    if get(delta, "type") == "thought_summary":
        words = text(get(get(delta, "content"), "text"))
        return [Part(REASONING, words, index=place)] if words else []
    return _pieces(delta, place)


def _whole(interaction: Any, needs_text: bool) -> Delta:
    status = text(get(interaction, "status")) or ""
    steps = items(get(interaction, "steps")) or items(get(interaction, "outputs"))
    made = [step for step in steps if get(step, "type") != "user_input"] if needs_text else []
    pieces = [piece for place, step in enumerate(made) for piece in _pieces(step, place)]
    ended = status in _ENDS
    return Delta(
        id=id_text(get(interaction, "id")),
        model=text(get(interaction, "model")),
        parts=pieces,
        finish_reasons=((0, _ENDS.get(status)),) if ended else (),
        usage=_usage(get(interaction, "usage")),
        failure=_failure(status, get(interaction, "error")),
        details=_tier(interaction),
        whole=bool(pieces),
        last=ended,
    )


def _failure(status: str, error: Any) -> Failure | None:
    if status == "cancelled":
        return Failure(CANCELLED_BY_PROVIDER)
    if status != "failed":
        return None
    code = failure_type(error, "status", "code")
    return Failure(status if code == OTHER else code, str(get(error, "message") or ""))


def _tier(interaction: Any) -> dict[str, Any]:
    found = text(get(interaction, "service_tier"))
    return {"service_tier": found} if found else {}


def _usage(stated: Any) -> Usage | None:
    """The counts; thoughts stand beside the output, unless the total says that they are in it."""
    told, tools = count(stated, "total_input_tokens"), count(stated, "total_tool_use_tokens")
    said, thought = count(stated, "total_output_tokens"), count(stated, "total_thought_tokens")
    apart = thought is not None and count(stated, "total_tokens") != (told or 0) + (tools or 0) + (
        said or 0
    )
    parts = read_modalities(stated, _BY_MODALITY, "tokens")
    details = {name: parts.pop(name) for name in DETAILS if name in parts}
    found = Usage(
        prompt=told,
        tool_input=tools,
        output=said,
        answer=(said or 0) if apart else None,
        cache_read=count(stated, "total_cached_tokens"),
        reasoning=thought,
        details={**details, **_searches(stated)} or None,
        **parts,
    )
    return None if found.states_nothing else found


def _searches(stated: Any) -> dict[str, int]:
    """Return how often the provider searched for the answer, by what it searched."""
    found: dict[str, int] = {}
    for each in items(get(stated, "grounding_tool_count")):
        name = _SEARCHES.get(text(get(each, "type")) or "", "other_tools")
        found[name] = found.get(name, 0) + (count(each, "count") or 0)
    return found


INTERACTIONS = Format("generate_content", parameters, read, content)
