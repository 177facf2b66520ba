"""Blocks of Bedrock's Converse, which requests, answers and the pieces of a stream share."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from callspan.events import (
    REASONING,
    SERVER_TOOL_CALL,
    TEXT,
    TOOL_CALL,
    MessagePart,
    Part,
    ToolDefinition,
)
from callspan.formats import parts
from callspan.formats.fields import (
    Index,
    Item,
    all_fields,
    get,
    get_nested,
    id_text,
    items,
    plain,
    string,
    text,
    text_of,
)

_SERVER_TOOL = "server_tool_use"
_DOCUMENTS = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
}


def part(block: Item, index: Index = None) -> Part | None:
    """Return one block, or a piece of one, by its first field with a reader; `None` if none has."""
    for name, value in all_fields(block).items():
        read = _READERS.get(name)
        if read is not None:
            return read(value, index)
    return None


def content_parts(blocks: Item) -> list[MessagePart]:
    """Return the parts of a message."""
    pieces: list[Part] = []
    for index, block in enumerate(items(blocks)):
        piece = part(block, index)
        if piece is not None:
            pieces.append(piece)
    return parts.message_parts(pieces)


def _text(value: Item, index: Index) -> Part:
    return Part(TEXT, string(value), index=index)


def _reasoning(value: Item, index: Index) -> Part:
    # A block has the text one level down, a piece of a stream has not. The text of a redacted
    # thought is encrypted; the empty part says that there was one.
    block = get(value, "reasoningText")
    if block is None:
        block = value
    return Part(REASONING, string(get(block, "text")), index=index)


def _tool_call(value: Item, index: Index) -> Part:
    """Return a tool call: whole, as it begins, or a fragment of its arguments."""
    arguments = get(value, "input")
    if not arguments:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(plain(arguments), ensure_ascii=False)
    kind = SERVER_TOOL_CALL if get(value, "type") == _SERVER_TOOL else TOOL_CALL
    call_id = id_text(get(value, "toolUseId"))
    return Part(kind, arguments, 0, index, call_id, text(get(value, "name")))


def _tool_result(value: Item, index: Index) -> Part | None:
    call_id = id_text(get(value, "toolUseId"))
    # Pieces of the results of the platform's own tools come without an id, and are left out.
    if not call_id:
        return None
    response = parts.tool_response(call_id, _result(get(value, "content")))
    return parts.whole_part(response, index)


def _result(content: Item) -> Any:
    """Return the result of a tool: one JSON value, one text, or else all its parts."""
    blocks = items(content)
    values = [get(block, "json") for block in blocks]
    # the usual result of a tool is one object, which is shown as it is
    if len(values) == 1 and values[0] is not None:
        return plain(values[0])
    pieces = content_parts(content)
    if len(pieces) == len(blocks) and all(piece["type"] == TEXT for piece in pieces):
        return parts.joined_text(content)
    return [*pieces, *(plain(value) for value in values if value is not None)]


def _media(modality: str, value: Item, index: Index) -> Part:
    source = get(value, "source")
    if text(get(source, "text")):
        return Part(TEXT, get(source, "text"), index=index)
    if items(get(source, "content")):
        return Part(TEXT, parts.joined_text(get(source, "content")), index=index)
    # a file may lie in S3, where Bedrock reads it by itself
    address = get_nested(source, "s3Location", "uri")
    if address:
        return parts.whole_part(parts.media_at(modality, str(address)), index)
    mime_type = _mime_type(modality, text(get(value, "format")))
    return parts.whole_part(parts.blob(modality, mime_type, get(source, "bytes")), index)


def _mime_type(modality: str, file_format: str | None) -> str:
    if file_format is None:
        return ""
    if modality == "document":
        return _DOCUMENTS.get(file_format, "")
    return f"{modality}/{file_format}"


def _guarded(value: Item, index: Index) -> Part:
    """Return a content that a guardrail is to look at."""
    image = get(value, "image")
    if image is None:
        return _text(get_nested(value, "text", "text"), index)
    return _media("image", image, index)


def _joined(value: Item, index: Index) -> Part:
    return Part(TEXT, parts.joined_text(get(value, "content")), index=index)


_READERS: dict[str, Callable[[Item, Index], Part | None]] = {
    "text": _text,
    "reasoningContent": _reasoning,
    "toolUse": _tool_call,
    "toolResult": _tool_result,
    "guardContent": _guarded,
    "citationsContent": _joined,
    "searchResult": _joined,
    "image": partial(_media, "image"),
    "document": partial(_media, "document"),
    "video": partial(_media, "video"),
    "audio": partial(_media, "audio"),
}
"""How the fields of a block are read; a block has one of them."""


def tools(definitions: Item) -> list[ToolDefinition]:
    """Return the definitions of tools: functions, and the platform's own by name."""
    result: list[ToolDefinition] = []
    # points of a cache stand among the tools, and are none
    for item in items(definitions):
        if get(item, "toolSpec") or get(item, "systemTool"):
            result.append(_tool(item))
    return result


def _tool(item: Item) -> ToolDefinition:
    spec = get(item, "toolSpec")
    if spec is None:
        return {"type": "system_tool", "name": str(get_nested(item, "systemTool", "name") or "")}
    schema = plain(get_nested(spec, "inputSchema", "json"))
    return parts.function_tool(text_of(spec, "name"), get(spec, "description"), schema)
