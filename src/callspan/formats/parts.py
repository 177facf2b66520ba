"""Parts of neutral messages, and the pieces that OpenAI's chat and responses have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from callspan.events import TEXT, Content, Message, MessagePart, Part, ToolDefinition, message_part
from callspan.formats.fields import Index, Item, get, items, string

_DATA_URL = re.compile(r"data:([^;,]*)[^,]*,", re.ASCII)
_DATA_URL_START = 200
"""Characters in which the comma of a data URL must be; the rest may be megabytes."""


def role_of(message: Item) -> str:
    """Return the role of a message of a request; the user's if it has none."""
    return get(message, "role") or "user"


def text_part(content: str) -> MessagePart:
    """Return a part that is a text."""
    return {"type": TEXT, "content": content}


def unknown_part(kind: object) -> MessagePart:
    """Return a part of a kind that no reader knows: only its kind is captured."""
    return {"type": str(kind or "unknown")}


def text_parts(content: str | None) -> list[MessagePart]:
    """Return a text as a list of one part; without a text the list is empty."""
    return [text_part(content)] if content else []


def content_parts(
    content: Item, read_item: Callable[[Item], MessagePart | None]
) -> list[MessagePart]:
    """Return the parts of a message's content, which is a text or a list of items.

    Items for which `read_item` returns `None` are left out.
    """
    # most messages are a text, and no list of one item is built for them
    if isinstance(content, str):
        return [text_part(content)]
    pieces: list[MessagePart] = []
    for item in items(content):
        piece = read_item(item)
        if piece is not None:
            pieces.append(piece)
    return pieces


def joined_text(blocks: object) -> str:
    """Return the texts of a list of items as one text."""
    texts = [string(get(block, "text")) for block in items(blocks)]
    return "".join(texts)


def text_or_value(value: Item) -> Item:
    """Return the texts of a list of items as one text; any other value as it is."""
    if isinstance(value, list):
        return joined_text(value)
    return value


def user_messages(parts: list[MessagePart]) -> list[Message]:
    """Return parts as a list of one message of the user; without parts the list is empty."""
    return [{"role": "user", "parts": parts}] if parts else []


def prompt_content(prompt: str | None) -> Content:
    """Return the content of a request that has a prompt in place of messages."""
    return Content(user_messages(text_parts(prompt)))


def tool_response(call_id: Item, response: object) -> MessagePart:
    """Return the part that has the result of a tool call."""
    return {"type": "tool_call_response", "id": call_id, "response": response}


def message_parts(pieces: Iterable[Part]) -> list[MessagePart]:
    """Return parts of an answer as parts of a message, for requests that repeat an answer."""
    return [message_part(piece, piece.text) for piece in pieces]


def whole_part(part: MessagePart, index: Index = None, choice: int = 0) -> Part:
    """Return a part of a message as a part of an answer."""
    return Part(part["type"], choice=choice, index=index, data=part)


def media(modality: str, url: object) -> MessagePart | None:
    """Return an image, sound or file by its address; inline data becomes a blob.

    Without an address there is no part.
    """
    if not isinstance(url, str):
        return None
    return media_at(modality, url)


def media_at(modality: str, url: str) -> MessagePart:
    """Return an image, sound or file by its address; inline data becomes a blob."""
    # cut before the match, so that the time does not depend on the size of an image
    data_url = _DATA_URL.match(url[:_DATA_URL_START])
    if data_url is None:
        return {"type": "uri", "modality": modality, "uri": url}
    return {
        "type": "blob",
        "modality": modality,
        "mime_type": data_url.group(1),
        "content": url[data_url.end() :],
    }


def blob(modality: str, mime_type: str, data: object) -> MessagePart:
    """Return inline data as base64 text; of raw bytes only the number is in the part."""
    part: MessagePart = {"type": "blob", "modality": modality, "mime_type": mime_type}
    # Bedrock's client takes raw bytes; to encode them would cost time for nothing
    if isinstance(data, (bytes, bytearray)):
        return {**part, "content": "", "size": len(data)}
    return {**part, "content": data if isinstance(data, str) else ""}


def sound(source: str) -> MessagePart:
    """Return the part of a sound that is a text: its address, a data URL, or base64."""
    # only the start is looked at, as the rest may be megabytes
    if source[:8].startswith(("http", "data:")):
        return media_at("audio", source)
    return blob("audio", "audio/wav", source)


def input_audio(source: Item) -> MessagePart:
    """Return the part of a sound that has its format and its data in fields."""
    audio_format = get(source, "format") or "wav"
    return blob("audio", f"audio/{audio_format}", get(source, "data"))


def file(source: Item) -> MessagePart | None:
    """Return a file by its id, else by its address, else inline."""
    # an app may send a file in one of three ways
    if get(source, "file_id"):
        return file_reference("document", get(source, "file_id"))
    if get(source, "file_url"):
        return media("document", get(source, "file_url"))
    return media("document", get(source, "file_data"))


def file_reference(modality: str, file_id: Item) -> MessagePart:
    """Return a file that lies at the provider, by its id."""
    return {"type": "file", "modality": modality, "file_id": file_id}


def tools(definitions: object) -> list[ToolDefinition]:
    """Return the definitions of tools; of the provider's own tools only type and name."""
    if not isinstance(definitions, list):
        return []
    return [_tool(item) for item in definitions if isinstance(item, Mapping)]


def _tool(item: Mapping[str, Any]) -> ToolDefinition:
    kind = str(item.get("type") or "function")
    # chat has the definition one level down, under its type; responses have it beside the type
    inner = item.get(kind)
    source = inner if isinstance(inner, Mapping) else item
    # a server of the Model Context Protocol has a label; a search of the provider's has no name
    name = source.get("name") or source.get("server_label") or kind
    definition: ToolDefinition = {"type": kind, "name": str(name)}
    description, parameters = source.get("description"), source.get("parameters")
    if description is not None:
        definition["description"] = description
    if parameters is not None:
        definition["parameters"] = parameters
    return definition


def function_tool(name: object, description: object, parameters: object) -> ToolDefinition:
    """Return the definition of a function, without the fields that are `None`."""
    definition: ToolDefinition = {"type": "function", "name": name}
    if description is not None:
        definition["description"] = description
    if parameters is not None:
        definition["parameters"] = parameters
    return definition


def output_type(kind: object) -> str | None:
    """Return the type of a response format in the conventions' words."""
    if not isinstance(kind, str):
        return None
    if kind in ("json_object", "json_schema"):
        return "json"
    return "text" if kind == "text" else None


def format_type(response_format: Item) -> str | None:
    """Return the output type of a response format; a class stands for JSON of its objects."""
    # `parse` helpers take a pydantic class, of which the client makes a schema
    if isinstance(response_format, type):
        return "json"
    return output_type(get(response_format, "type"))
