"""Cohere's chat: whole, or streamed as events that each speak of one part of the message."""

from __future__ import annotations

from typing import Any

from callspan.events import REASONING, TEXT, TOOL_CALL, Content, Delta, Failure, Part, shown
from callspan.formats import parts as parts
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import read_failure
from callspan.formats.fields import Body, get, id_text, index_of, items, plain, read_settings, text
from callspan.formats.format import Format

_SETTINGS = {
    "temperature": "temperature",
    "p": "top_p",
    "k": "top_k",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
_FAILED = ("ERROR", "TIMEOUT")
"""Reasons by which an answer with status 200 says that it is none."""
_PLAN = "plan"


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    kind = parts.format_type(body.get("response_format"))
    return read_settings(body, _SETTINGS) | ({"output_type": kind} if kind else {})


def content(body: Body) -> Content:
    """The conversation and the tools. System messages stay where they stand in it."""
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        tools=parts.tools(plain(body.get("tools"))),
    )


def _message(item: Any) -> dict[str, Any]:
    role = get(item, "role") or "user"
    if role == "tool":
        found = {
            "type": "tool_call_response",
            "id": get(item, "tool_call_id"),
            "response": _result(item),
        }
        return {"role": role, "parts": [found]}
    return {"role": role, "parts": [shown(part, part.text) for part in _spoken(item)]}


def _result(item: Any) -> Any:
    """What a tool answered: its text, or its documents."""
    given = get(item, "content")
    blocks = items(given)
    if all(get(block, "type") == "text" for block in blocks) and blocks:
        return "".join(text(get(block, "text")) or "" for block in blocks)
    return plain(given)


def _spoken(message: Any) -> list[Part]:
    """The parts of a message: what the model plans, says or is shown, and the tools that it calls."""
    plan, said = text(get(message, "tool_plan")), get(message, "content")
    found = [Part(REASONING, plan, index=_PLAN)] if plan else []
    blocks = [{"type": "text", "text": said}] if isinstance(said, str) else items(said)
    found += [_block(block, place) for place, block in enumerate(blocks)]
    return found + [
        _called(call, place) for place, call in enumerate(items(get(message, "tool_calls")))
    ]


def _block(block: Any, place: Any) -> Part:
    """One block of content, whole or as it begins."""
    match get(block, "type"):
        case "image_url":
            source = get(block, "image_url")
            told = parts.media("image", source if isinstance(source, str) else get(source, "url"))
            return Part(told.pop("type", "image"), index=place, data=told)
        case "document":
            return Part("document", index=place, data={})
        case _:
            return _fragment(block, place)


def _fragment(block: Any, place: Any) -> Part:
    thought = text(get(block, "thinking"))
    return Part(
        REASONING if thought else TEXT, thought or text(get(block, "text")) or "", index=place
    )


def _called(call: Any, place: Any) -> Part:
    function = get(call, "function")
    arguments, own_id = text(get(function, "arguments")), id_text(get(call, "id"))
    return Part(
        TOOL_CALL, arguments or "", index=place, id=own_id, name=text(get(function, "name"))
    )


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole answer."""
    kind = get(answer, "type")
    if kind == "message-start":
        return Delta(id=id_text(get(answer, "id")), finish_reasons=((0, None),))
    if kind == "message-end":
        return _end(answer, get(answer, "delta"))
    if isinstance(kind, str):
        part = (
            _piece(kind, get(get(answer, "delta"), "message"), index_of(answer))
            if needs_text
            else None
        )
        return Delta(parts=(part,)) if part is not None else None
    delta = _end(answer, answer)
    delta.parts = _spoken(get(answer, "message")) if needs_text else ()
    return delta


def _piece(kind: str, message: Any, place: Any) -> Part | None:
    """What one event adds to the message."""
    match kind:
        case "content-start" | "content-delta":
            return _fragment(get(message, "content"), place)
        case "tool-plan-delta":
            return Part(REASONING, text(get(message, "tool_plan")) or "", index=_PLAN)
        case "tool-call-start" | "tool-call-delta":
            return _called(get(message, "tool_calls"), place)
        case _:
            return None


def _end(answer: Any, told: Any) -> Delta:
    """The end of an answer, as the last event or the whole of it tells."""
    reason = text(get(told, "finish_reason"))
    stated = get(told, "usage") or get(
        told, "meta"
    )  # its client for AWS puts counts where the first API has them
    return Delta(
        id=id_text(get(answer, "id")),
        finish_reasons=((0, reason),),
        usage=read_usage(stated),
        failure=failure_of_reason(reason, get(told, "error")) if reason else read_failure(answer),
        last=True,
    )


def failure_of_reason(reason: str | None, said: Any = None) -> Failure | None:
    """Why an answer is none, told by the reason for which it has ended."""
    return Failure(reason, str(said or "")) if reason in _FAILED and reason is not None else None


CHAT = Format("chat", parameters, read, content)
