"""Read LangChain's messages as neutral ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import Message, MessagePart
from callspan.formats.fields import get, get_first, items
from callspan.formats.parts import blob, media

_ROLES = {"human": "user", "ai": "assistant", "function": "tool"}
Item = Any
"""A message, a content block or a tool call of LangChain's: an object or a dict."""


def read_messages(messages: Item) -> list[Message]:
    """Return a list of messages."""
    return [_message(message) for message in items(messages)]


def _message(message: Item) -> Message:
    """Return a message with its role in the conventions' words."""
    role = role_of(message)
    if role == "tool":
        result: MessagePart = {
            "type": "tool_call_response",
            "id": get(message, "tool_call_id"),
            "response": get(message, "content"),
        }
        return {"role": "tool", "parts": [result]}
    return {"role": str(role), "parts": read_parts(message)}


def role_of(message: Item) -> Any:
    """Return the role of a message in the conventions' words."""
    # dicts of an app's have a role in place of LangChain's type
    message_type = str(get(message, "type") or get(message, "role") or "user")
    # chunks of streams have types such as `AIMessageChunk`
    message_type = message_type.removesuffix("Chunk").removesuffix("MessageChunk").lower()
    if message_type == "chat":
        return get(message, "role")
    return _ROLES.get(message_type, message_type)


def read_parts(message: Item) -> list[MessagePart]:
    """Return the parts of a message: text, reasoning, media by address or size, tool calls."""
    parts: list[MessagePart] = []
    content = get(message, "content")
    if isinstance(content, str) and content:
        parts.append({"type": "text", "content": content})
    for block in items(content):
        part = _part(block)
        if part is not None:
            parts.append(part)
    # beside the content: blocks of tool calls in it repeat these
    for call in items(get(message, "tool_calls")):
        parts.append(_tool_call(call))
    return parts


def _tool_call(call: Item) -> MessagePart:
    return {
        "type": "tool_call",
        "id": get(call, "id"),
        "name": get(call, "name") or "",
        "arguments": get(call, "args"),
    }


def _part(block: Item) -> MessagePart | None:
    if isinstance(block, str):
        return {"type": "text", "content": block} if block else None
    block_type = get(block, "type")
    if block_type in ("text", "text-plain"):
        return {"type": "text", "content": _string(block, "text")}
    if block_type in ("reasoning", "thinking"):
        # LangChain's own blocks have one name, Anthropic's the other
        return {"type": "reasoning", "content": _string(block, "reasoning", "thinking")}
    if block_type in ("image_url", "image", "audio", "file", "video"):
        return _media(str(block_type).partition("_")[0], block)
    return None


def _media(modality: str, block: Item) -> MessagePart | None:
    if modality == "file":
        modality = "document"
    data = get_first(block, "base64", "data")
    if data:
        return blob(modality, _string(block, "mime_type"), data)
    address = get_first(block, "image_url", "url")
    # OpenAI's block has an object with the address, LangChain's the address itself
    if isinstance(address, Mapping):
        address = get(address, "url")
    return media(modality, address)


def _string(block: Item, *fields: str) -> str:
    value = get_first(block, *fields)
    return "" if value is None else str(value)
