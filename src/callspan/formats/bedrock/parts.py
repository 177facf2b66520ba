"""Blocks of Bedrock's Converse, which requests, answers and the pieces of a stream have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from callspan.events import REASONING, SERVER_TOOL_CALL, TEXT, TOOL_CALL, Part, shown
from callspan.formats import parts as parts
from callspan.formats.fields import all_fields, get, get_nested, id_text, items, plain, text

_SERVER_TOOL = "server_tool_use"
_DOCUMENTS = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
}


def part(block: Any, place: Any = None) -> Part | None:
    """One block, or a piece of one: the first of its fields that is known; `None` where it says nothing."""
    for name, value in all_fields(block).items():
        read = _KINDS.get(name)
        if read is not None:
            return read(value, place)
    return None


def said(blocks: Any) -> list[dict[str, Any]]:
    """The parts that a message is made of."""
    found = (part(block, place) for place, block in enumerate(items(blocks)))
    return [shown(piece, piece.text) for piece in found if piece is not None]


def joined(blocks: Any) -> str:
    """What the texts among some blocks say."""
    return "".join(words for block in items(blocks) if (words := text(get(block, "text"))))


def _text(value: Any, place: Any) -> Part:
    return Part(TEXT, text(value) or "", index=place)


def _thought(value: Any, place: Any) -> Part:
    # what is redacted is not for reading, but that there was a thought is told
    whole = get(value, "reasoningText")
    return Part(REASONING, text(get(value if whole is None else whole, "text")) or "", index=place)


def _called(value: Any, place: Any) -> Part:
    """A tool's call: whole, as it begins, or a fragment of its arguments."""
    given = get(value, "input")
    arguments = (
        given
        if isinstance(given, str)
        else json.dumps(plain(given), ensure_ascii=False)
        if given
        else ""
    )
    kind = SERVER_TOOL_CALL if get(value, "type") == _SERVER_TOOL else TOOL_CALL
    return Part(
        kind, arguments, 0, place, id_text(get(value, "toolUseId")), text(get(value, "name"))
    )


def _answered(value: Any, place: Any) -> Part | None:
    content = get(value, "content")
    found = [get(item, "json") for item in items(content)]
    response = plain(found[0]) if len(found) == 1 and found[0] is not None else _result(content)
    told = {"id": id_text(get(value, "toolUseId")), "response": response}
    # pieces of the results of the platform's own tools come without an id, and are left out
    return Part("tool_call_response", index=place, data=told) if told["id"] else None


def _result(content: Any) -> Any:
    """What a tool answered: its text, or its parts where it has others."""
    found = said(content)
    if all(piece["type"] == TEXT for piece in found) and len(found) == len(items(content)):
        return joined(content)
    return [
        *found,
        *(plain(get(item, "json")) for item in items(content) if get(item, "json") is not None),
    ]


def _media(modality: str, value: Any, place: Any) -> Part:
    source, form = get(value, "source"), text(get(value, "format"))
    kind = (
        _DOCUMENTS.get(form or "", "")
        if modality == "document"
        else f"{modality}/{form}"
        if form
        else ""
    )
    address = get_nested(source, "s3Location", "uri")
    if text(get(source, "text")):
        return Part(TEXT, get(source, "text"), index=place)
    if items(get(source, "content")):
        return Part(TEXT, joined(get(source, "content")), index=place)
    told = (
        parts.media(modality, address)
        if address
        else parts.blob(modality, kind, get(source, "bytes"))
    )
    return Part(told.pop("type"), index=place, data=told)


def _guarded(value: Any, place: Any) -> Part:
    """What a guardrail is to look at."""
    image = get(value, "image")
    return (
        _text(get_nested(value, "text", "text"), place)
        if image is None
        else _media("image", image, place)
    )


def _joined(value: Any, place: Any) -> Part:
    return Part(TEXT, joined(get(value, "content")), index=place)


_KINDS: dict[str, Callable[[Any, Any], Part | None]] = {
    "text": _text,
    "reasoningContent": _thought,
    "toolUse": _called,
    "toolResult": _answered,
    "guardContent": _guarded,
    "citationsContent": _joined,
    "searchResult": _joined,
    **{modality: partial(_media, modality) for modality in ("image", "document", "video", "audio")},
}


def tools(definitions: Any) -> list[dict[str, Any]]:
    """Tool definitions: functions, and the platform's own by name."""
    return [
        _tool(item)
        for item in items(definitions)
        if get(item, "toolSpec") or get(item, "systemTool")
    ]


def _tool(item: Any) -> dict[str, Any]:
    own, spec = get(item, "systemTool"), get(item, "toolSpec")
    if spec is None:
        return {"type": "system_tool", "name": str(get(own, "name") or "")}
    told = {
        "description": get(spec, "description"),
        "parameters": plain(get_nested(spec, "inputSchema", "json")),
    }
    known = {name: value for name, value in told.items() if value is not None}
    return {"type": "function", "name": str(get(spec, "name") or ""), **known}
