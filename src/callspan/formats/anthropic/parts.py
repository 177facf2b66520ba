"""Messages and their blocks in Anthropic's format, as parts of a neutral message."""

from __future__ import annotations

from typing import Any

from callspan.events import REASONING, SERVER_TOOL_CALL, TEXT, TOOL_CALL, Part, shown
from callspan.formats import parts as openai_parts
from callspan.formats.fields import arguments_text, get, id_text, items, plain, text

_RESULT = "_tool_result"


def message(item: Any) -> dict[str, Any]:
    """One message of the conversation."""
    return {"role": get(item, "role") or "user", "parts": said(get(item, "content"))}


def said(value: Any) -> list[dict[str, Any]]:
    """What a message or the system prompt says: text, or blocks."""
    if isinstance(value, str):
        return [{"type": TEXT, "content": value}]
    return [piece for block in items(value) if (piece := _piece(block))]


def _piece(block: Any) -> dict[str, Any]:
    match get(block, "type"):
        case "image" | "document" as modality:
            return _media(modality, get(block, "source"))
        case "tool_result":
            found = _result(get(block, "content"))
            return {
                "type": "tool_call_response",
                "id": get(block, "tool_use_id"),
                "response": found,
            }
        case "search_result":
            return {"type": TEXT, "content": _joined(get(block, "content"))}
        case "container_upload":
            return {"type": "file", "modality": "document", "file_id": get(block, "file_id")}
        case _:
            known = part(block, 0)
            return shown(known, known.text)


def _media(modality: str, source: Any) -> dict[str, Any]:
    match get(source, "type"):
        case "base64":
            return openai_parts.blob(
                modality, str(get(source, "media_type") or ""), get(source, "data")
            )
        case "url":
            return openai_parts.media(modality, get(source, "url"))
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
    return "".join(found for block in items(value) if (found := text(get(block, "text"))))


def _result(value: Any) -> Any:
    """What a tool answered: its text, or its parts where it has others; their bytes are never kept, only their size."""
    found = said(value)
    if all(piece["type"] == TEXT for piece in found):
        return _joined(value)
    return [
        {**piece, "content": "", "size": len(piece["content"])}
        if piece["type"] == "blob"
        else piece
        for piece in found
    ]


def tool(item: Any) -> dict[str, Any]:
    """The definition of a tool; of the provider's own, type and name."""
    kind = text(get(item, "type")) or "custom"
    if kind != "custom":
        return {"type": kind, "name": get(item, "name") or get(item, "mcp_server_name") or kind}
    told = {"description": get(item, "description"), "parameters": get(item, "input_schema")}
    known = {name: plain(value) for name, value in told.items() if value is not None}
    return {"type": "function", "name": get(item, "name") or "", **known}


def part(block: Any, place: Any) -> Part:
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
            return compacted(block, place)
        case _:
            return Part(str(kind or "unknown"), index=place, data={})


def _called(kind: str, block: Any, place: Any) -> Part:
    # in a stream a call begins with an empty object, and its arguments follow as text
    return Part(
        kind,
        arguments_text(get(block, "input")),
        0,
        place,
        id_text(get(block, "id")),
        text(get(block, "name")),
    )


def _answered(tool: str, block: Any, place: Any) -> Part:
    """What a tool that the provider ran by itself has found."""
    found = {"type": tool, "content": _legible(plain(get(block, "content")))}
    own_id = id_text(get(block, "tool_use_id"))
    return Part(
        "server_tool_call_response",
        index=place,
        data={"id": own_id, "server_tool_call_response": found},
    )


def _legible(value: Any) -> Any:
    """Plain data without what is empty or encrypted, and with the size of bytes in their place."""
    if isinstance(value, list):
        return [_legible(item) for item in value]
    if not isinstance(value, dict):
        return value
    said = {
        name: item
        for name, item in value.items()
        if item is not None and not name.startswith("encrypted_")
    }
    found = {name: _legible(item) for name, item in said.items()}
    data = value.get("data") if value.get("type") == "base64" else None
    return {**found, "data": "", "size": len(data)} if isinstance(data, str) else found


def compacted(source: Any, place: int | None) -> Part:
    """The conversation so far in short, as the provider sums it up."""
    return Part("compaction", index=place, data={"content": text(get(source, "content")) or ""})
