"""LangChain's messages as neutral ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.formats.fields import get, items
from callspan.formats.parts import blob, media

_ROLES = {"human": "user", "ai": "assistant", "function": "tool"}


def messages(found: Any) -> list[dict[str, Any]]:
    """A list of messages."""
    return [message(item) for item in items(found)]


def message(item: Any) -> dict[str, Any]:
    """One message, with its role in the conventions' words."""
    kind = (
        str(get(item, "type") or "user").removesuffix("Chunk").removesuffix("MessageChunk").lower()
    )
    role = get(item, "role") if kind == "chat" else _ROLES.get(kind, kind)
    if role == "tool":
        answered = {
            "type": "tool_call_response",
            "id": get(item, "tool_call_id"),
            "response": get(item, "content"),
        }
        return {"role": "tool", "parts": [answered]}
    return {"role": str(role), "parts": parts(item)}


def parts(item: Any) -> list[dict[str, Any]]:
    """What a message says: text, reasoning, media by address or size, and the tools that it calls."""
    content = get(item, "content")
    found = [{"type": "text", "content": content}] if isinstance(content, str) and content else []
    found += [part for block in items(content) if (part := _part(block))]
    return found + [_tool_call(call) for call in items(get(item, "tool_calls"))]


def _tool_call(call: Any) -> dict[str, Any]:
    return {
        "type": "tool_call",
        "id": get(call, "id"),
        "name": get(call, "name") or "",
        "arguments": get(call, "args"),
    }


def _part(block: Any) -> dict[str, Any] | None:
    if isinstance(block, str):
        return {"type": "text", "content": block} if block else None
    kind = get(block, "type")
    if kind in ("text", "text-plain"):
        return {"type": "text", "content": str(get(block, "text") or "")}
    if kind in ("reasoning", "thinking"):
        return {
            "type": "reasoning",
            "content": str(get(block, "reasoning") or get(block, "thinking") or ""),
        }
    if kind in ("image_url", "image", "audio", "file", "video"):
        return _media(str(kind).partition("_")[0], block)
    return None


def _media(modality: str, block: Any) -> dict[str, Any] | None:
    data = get(block, "base64") or get(block, "data")
    modality = "document" if modality == "file" else modality
    if data:
        return blob(modality, str(get(block, "mime_type") or ""), data)
    address = get(block, "image_url") or get(block, "url")
    return media(modality, get(address, "url") if isinstance(address, Mapping) else address) or None
