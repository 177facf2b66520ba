"""Pieces of messages that OpenAI's chat and responses formats have in common, as parts of a neutral message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from callspan.formats.fields import get

Part = dict[str, Any]
_DATA_URL = re.compile(r"data:([^;,]*)[^,]*,", re.ASCII)


def media(modality: str, url: Any) -> Part:
    """An image, sound or file by its address; inline data becomes a blob, and nothing an empty part."""
    found = _DATA_URL.match(url[:200]) if isinstance(url, str) else None
    if found is None:
        return {"type": "uri", "modality": modality, "uri": url} if isinstance(url, str) else {}
    return {
        "type": "blob",
        "modality": modality,
        "mime_type": found.group(1),
        "content": url[found.end() :],
    }


def blob(modality: str, mime_type: str, data: Any) -> Part:
    """Inline bytes, as base64 text; of bytes as such only the number is kept."""
    found: Part = {"type": "blob", "modality": modality, "mime_type": mime_type}
    if isinstance(data, (bytes, bytearray)):
        return {**found, "content": "", "size": len(data)}
    return {**found, "content": data if isinstance(data, str) else ""}


def sound(said: str) -> Part:
    """Sound that is told by a text: its address, a data URL, or its bytes."""
    return (
        media("audio", said)
        if said[:8].startswith(("http", "data:"))
        else blob("audio", "audio/wav", said)
    )


def file(source: Any) -> Part:
    """A file: by its id, its address, or inline."""
    if get(source, "file_id"):
        return {"type": "file", "modality": "document", "file_id": get(source, "file_id")}
    if get(source, "file_url"):
        return media("document", get(source, "file_url"))
    return media("document", get(source, "file_data"))


def tools(definitions: Any) -> list[Part]:
    """Tool definitions: name, description and parameters of functions; type and name of the provider's own."""
    return (
        [_tool(item) for item in definitions if isinstance(item, Mapping)]
        if isinstance(definitions, list)
        else []
    )


def _tool(item: Mapping[str, Any]) -> Part:
    kind = str(item.get("type") or "function")
    inner = item.get(kind)
    source = inner if isinstance(inner, Mapping) else item
    found: Part = {
        "type": kind,
        "name": str(source.get("name") or source.get("server_label") or kind),
    }
    for name in ("description", "parameters"):
        if source.get(name) is not None:
            found[name] = source[name]
    return found


def output_type(kind: Any) -> str | None:
    """What a response format asks for, in the conventions' words."""
    if not isinstance(kind, str):
        return None
    if kind in ("json_object", "json_schema"):
        return "json"
    return "text" if kind == "text" else None


def format_type(response_format: Any) -> str | None:
    """Return the output type that a response format asks for; a class asks for JSON that its objects are made of."""
    if isinstance(response_format, type):
        return "json"
    return output_type(get(response_format, "type"))
