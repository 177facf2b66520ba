"""Anthropic's messages: whole, or streamed as events that each speak of one block of the content."""

from __future__ import annotations

import json
from typing import Any

from callspan.dialects import openai_parts as parts
from callspan.dialects.dialect import Body, Dialect, chosen, count, get, items, plain, text
from callspan.dialects.openai_failure import failure_type
from callspan.events import REASONING, SERVER_TOOL_CALL, TEXT, TOOL_CALL, Content, Delta, Failure, Part, Usage, shown

_SETTINGS = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop_sequences": "stop",
}
_FRAGMENTS = {
    "text_delta": (TEXT, "text"),
    "thinking_delta": (REASONING, "thinking"),
    "input_json_delta": (TOOL_CALL, "partial_json"),
}
_RESULT = "_tool_result"


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    found = chosen(body, _SETTINGS)
    wanted = body.get("output_config")
    effort = text(get(wanted, "effort"))
    if effort:
        found["reasoning_level"] = effort
    kind = parts.output_type(get(get(wanted, "format") or body.get("output_format"), "type"))
    return found | ({"output_type": kind} if kind else {})


def content(body: Body) -> Content:
    """The system prompt, the conversation and the tools."""
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        system=_said(body.get("system")),
        tools=[_tool(item) for item in items(body.get("tools"))],
    )


def _message(item: Any) -> dict[str, Any]:
    return {"role": get(item, "role") or "user", "parts": _said(get(item, "content"))}


def _said(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"type": TEXT, "content": value}]
    return [piece for block in items(value) if (piece := _piece(block))]


def _piece(block: Any) -> dict[str, Any]:
    match get(block, "type"):
        case "image" | "document" as modality:
            return _media(modality, get(block, "source"))
        case "tool_result":
            found = _result(get(block, "content"))
            return {"type": "tool_call_response", "id": get(block, "tool_use_id"), "response": found}
        case "search_result":
            return {"type": TEXT, "content": _joined(get(block, "content"))}
        case _:
            part = _block(block, 0)
            return shown(part, part.text)


def _media(modality: str, source: Any) -> dict[str, Any]:
    match get(source, "type"):
        case "base64":
            return parts.blob(modality, str(get(source, "media_type") or ""), get(source, "data"))
        case "url":
            return parts.media(modality, get(source, "url"))
        case "file":
            return {"type": "file", "modality": modality, "file_id": get(source, "file_id")}
        case "text":
            return {"type": TEXT, "content": text(get(source, "data")) or ""}
        case "content":
            return {"type": TEXT, "content": _joined(get(source, "content"))}
        case _:
            return {"type": modality}


def _joined(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "".join(part for block in items(value) if (part := text(get(block, "text"))))


def _result(value: Any) -> Any:
    """What a tool answered: its text, or its parts where it has others; their bytes are never kept, only their size."""
    found = _said(value)
    if all(piece["type"] == TEXT for piece in found):
        return _joined(value)
    return [
        {**piece, "content": "", "size": len(piece["content"])} if piece["type"] == "blob" else piece for piece in found
    ]


def _tool(item: Any) -> dict[str, Any]:
    kind = text(get(item, "type")) or "custom"
    if kind != "custom":
        return {"type": kind, "name": get(item, "name") or get(item, "mcp_server_name") or kind}
    told = {"description": get(item, "description"), "parameters": get(item, "input_schema")}
    known = {name: plain(value) for name, value in told.items() if value is not None}
    return {"type": "function", "name": get(item, "name") or "", **known}


def read(answer: Any, full: bool) -> Delta | None:
    """One event of a stream, or one whole message."""
    kind = get(answer, "type")
    match kind:
        case "content_block_delta":
            return _fragment(answer) if full else None
        case "content_block_start":
            return Delta(parts=(_block(get(answer, "content_block"), _place(answer)),)) if full else None
        case "message_start":
            begun = get(answer, "message")
            return Delta(
                id=text(get(begun, "id")),
                model=text(get(begun, "model")),
                finish_reasons=((0, None),),
                usage=_usage(get(begun, "usage")),
            )
        case "message_delta":
            reason = text(get(get(answer, "delta"), "stop_reason"))
            return Delta(finish_reasons=((0, reason),), usage=_usage(get(answer, "usage")))
        case "message_stop":
            return Delta(last=True)
        case "error":
            return Delta(failure=_failure(get(answer, "error")), last=True)
        case _:
            return _whole(answer, full) if kind == "message" or not isinstance(kind, str) else None


def _fragment(event: Any) -> Delta | None:
    delta = get(event, "delta")
    kind, field = _FRAGMENTS.get(text(get(delta, "type")) or "", ("", ""))
    said = text(get(delta, field))
    return Delta(parts=(Part(kind, said, index=_place(event)),)) if said else None


def _place(event: Any) -> int | None:
    place = get(event, "index")
    return place if isinstance(place, int) else None


def _whole(message: Any, full: bool) -> Delta:
    reason = text(get(message, "stop_reason"))
    blocks = items(get(message, "content")) if full else ()
    return Delta(
        id=text(get(message, "id")),
        model=text(get(message, "model")),
        parts=[_block(block, place) for place, block in enumerate(blocks)],
        finish_reasons=((0, reason),) if reason else (),
        usage=_usage(get(message, "usage")),
    )


def _block(block: Any, place: Any) -> Part:
    """One block of content, whole or as it begins."""
    kind = get(block, "type")
    match kind:
        case "text":
            return Part(TEXT, text(get(block, "text")) or "", index=place)
        case "thinking" | "redacted_thinking":
            # what is redacted is not for reading, but that there was a thought is told
            return Part(REASONING, text(get(block, "thinking")) or "", index=place)
        case "tool_use":
            return _called(TOOL_CALL, block, place)
        case "server_tool_use" | "mcp_tool_use":
            return _called(SERVER_TOOL_CALL, block, place)
        case str() if kind.endswith(_RESULT):
            return _answered(kind.removesuffix(_RESULT), block, place)
        case "compaction":
            return Part("compaction", index=place, data={"content": text(get(block, "content")) or ""})
        case _:
            return Part(str(kind or "unknown"), index=place, data={})


def _called(kind: str, block: Any, place: Any) -> Part:
    # in a stream a call begins with an empty object, and its arguments follow as text
    given = get(block, "input")
    arguments = json.dumps(plain(given), ensure_ascii=False, default=repr) if given else ""
    return Part(kind, arguments, 0, place, text(get(block, "id")), text(get(block, "name")))


def _answered(tool: str, block: Any, place: Any) -> Part:
    """What a tool that the provider ran by itself has found."""
    found = {"type": tool, "content": plain(get(block, "content"))}
    identity = text(get(block, "tool_use_id"))
    return Part("server_tool_call_response", index=place, data={"id": identity, "server_tool_call_response": found})


def _usage(stated: Any) -> Usage | None:
    """The counts as they are stated: what was read from or written to a cache stands beside the rest of the input."""
    if stated is None:
        return None
    return Usage(
        uncached=count(stated, "input_tokens"),
        output=count(stated, "output_tokens"),
        cache_read=count(stated, "cache_read_input_tokens"),
        cache_write=count(stated, "cache_creation_input_tokens"),
        reasoning=count(stated, "output_tokens_details", "thinking_tokens"),
    )


def _failure(error: Any) -> Failure:
    return Failure(failure_type(error, "type"), str(get(error, "message") or ""))


MESSAGES = Dialect("chat", parameters, read, content)
