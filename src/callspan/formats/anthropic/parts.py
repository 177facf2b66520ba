"""Messages and their blocks in Anthropic's format, as parts of a neutral message."""

from __future__ import annotations

from typing import Any, Final

from callspan.events import (
    REASONING,
    SERVER_TOOL_CALL,
    TEXT,
    TOOL_CALL,
    Message,
    MessagePart,
    Part,
    PartFields,
    ToolDefinition,
    message_part,
)
from callspan.formats import parts
from callspan.formats.fields import (
    Index,
    Item,
    arguments_text,
    get,
    id_text,
    plain,
    string,
    text,
    text_of,
)

_RESULT = "_tool_result"
_RESPONSE: Final = "server_tool_call_response"


def message(item: Item) -> Message:
    """Return one message of the conversation."""
    return {"role": parts.role_of(item), "parts": content_parts(get(item, "content"))}


def content_parts(value: Item) -> list[MessagePart]:
    """Return the parts of a message or of the system prompt, which are a text or blocks."""
    return parts.content_parts(value, _content_part)


def _content_part(block: Item) -> MessagePart | None:
    match get(block, "type"):
        case "image" | "document" as modality:
            return _media(modality, get(block, "source"))
        case "tool_result":
            return parts.tool_response(get(block, "tool_use_id"), _result(get(block, "content")))
        # results that the app hands to the model: their text is input as any other
        case "search_result":
            return parts.text_part(_joined_text(get(block, "content")))
        case "container_upload":
            return parts.file_reference("document", get(block, "file_id"))
        case _:
            piece = part(block, 0)
            return message_part(piece, piece.text)


def _media(modality: str, source: Item) -> MessagePart | None:
    match get(source, "type"):
        case "base64":
            media_type = text_of(source, "media_type")
            return parts.blob(modality, media_type, get(source, "data"))
        case "url":
            return parts.media(modality, get(source, "url"))
        case "file":
            return parts.file_reference(modality, get(source, "file_id"))
        case "text":
            return parts.text_part(string(get(source, "data")))
        case "content":
            return parts.text_part(_joined_text(get(source, "content")))
        case _:
            # a source of a kind that is newer than this code
            return {"type": modality}


def _joined_text(value: Item) -> str:
    if isinstance(value, str):
        return value
    return parts.joined_text(value)


def _result(value: Item) -> str | list[MessagePart]:
    """Return the result of a tool: its text, or its parts if it has others, without their bytes."""
    pieces = content_parts(value)
    if all(piece["type"] == TEXT for piece in pieces):
        return _joined_text(value)
    return [_without_bytes(piece) for piece in pieces]


def _without_bytes(piece: MessagePart) -> MessagePart:
    if piece["type"] != "blob":
        return piece
    return {**piece, "content": "", "size": len(piece.get("content", ""))}


def tool(item: Item) -> ToolDefinition:
    """Return the definition of a tool; of the provider's own tools only type and name."""
    kind = text(get(item, "type")) or "custom"
    # tools of the provider's have their schema at the provider
    if kind != "custom":
        name = get(item, "name") or get(item, "mcp_server_name") or kind
        return {"type": kind, "name": name}
    description = plain(get(item, "description"))
    return parts.function_tool(
        get(item, "name") or "", description, plain(get(item, "input_schema"))
    )


def part(block: Item, index: Index) -> Part:
    """Return one block of content, whole or as it begins."""
    kind = get(block, "type")
    match kind:
        case "text":
            return Part(TEXT, string(get(block, "text")), index=index)
        case "thinking" | "redacted_thinking":
            # The text of a redacted one is encrypted; the empty part says that there was one.
            return Part(REASONING, string(get(block, "thinking")), index=index)
        case "tool_use":
            return _tool_call(TOOL_CALL, block, index)
        case "server_tool_use" | "mcp_tool_use":
            return _tool_call(SERVER_TOOL_CALL, block, index)
        case "compaction":
            return compaction(block, index)
        case _:
            return _other_part(str(kind or "unknown"), block, index)


def _other_part(kind: str, block: Item, index: Index) -> Part:
    # `web_search_tool_result`, `mcp_tool_result` and so on, also those that are new
    if kind.endswith(_RESULT):
        return _server_tool_result(kind.removesuffix(_RESULT), block, index)
    # a block of a kind that is newer than this code: only its kind is captured
    return Part(kind, index=index, data={})


def _tool_call(kind: str, block: Item, index: Index) -> Part:
    # In a stream a call begins with an empty object, and its arguments follow as text.
    arguments = arguments_text(get(block, "input"))
    return Part(kind, arguments, 0, index, id_text(get(block, "id")), text(get(block, "name")))


def _server_tool_result(name: str, block: Item, index: Index) -> Part:
    """Return the result of a tool that the provider ran by itself."""
    result = {"type": name, "content": _readable(plain(get(block, "content")))}
    data: PartFields = {"id": id_text(get(block, "tool_use_id")), _RESPONSE: result}
    return Part(_RESPONSE, index=index, data=data)


def _readable(value: Any) -> Any:
    """Return plain data without encrypted fields and `None`, and inline bytes by their size."""
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        return _readable_fields(value)
    return value


def _readable_fields(value: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, item in value.items():
        # `encrypted_content` is for the provider alone, and long
        if item is not None and not name.startswith("encrypted_"):
            result[name] = _readable(item)
    data = value.get("data")
    if value.get("type") == "base64" and isinstance(data, str):
        result["data"] = ""
        result["size"] = len(data)
    return result


def compaction(source: Item, index: Index) -> Part:
    """Return the provider's summary of the conversation so far."""
    return Part("compaction", index=index, data={"content": string(get(source, "content"))})
