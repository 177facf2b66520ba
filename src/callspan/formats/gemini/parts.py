"""Parts of Gemini's contents, which requests and answers have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from callspan.events import REASONING, SERVER_TOOL_CALL, TEXT, TOOL_CALL, Part, shown
from callspan.formats import parts as parts
from callspan.formats.fields import all_fields, arguments_text, get, id_text, items, plain, text

_MODALITIES = ("image", "audio", "video")
_CODE = "code_execution"
_WORD = re.compile("[A-Z]")


def field(source: Any, name: str) -> Any:
    """A field of a request; the client writes inner ones in either spelling, depending on its version."""
    found = get(source, name)
    return (
        get(source, _WORD.sub(lambda start: f"_{start.group().lower()}", name))
        if found is None
        else found
    )


def message(content: Any) -> dict[str, Any]:
    """One content of a request; its role is the model's or the user's."""
    role = get(content, "role")
    return {"role": "assistant" if role == "model" else role or "user", "parts": said(content)}


def said(content: Any) -> list[dict[str, Any]]:
    """The parts of a content."""
    found = (part(item) for item in items(get(content, "parts")))
    return [shown(piece, piece.text) for piece in found if piece is not None]


def part(item: Any, choice: int = 0) -> Part | None:
    """One part; `None` where it says nothing. All but text arrive whole, also in a stream."""
    words = text(get(item, "text"))
    if words:
        return Part(REASONING if get(item, "thought") else TEXT, words, choice)
    for name, read in _KINDS.items():
        value = get(item, name)
        if value is not None:
            kind, arguments_text, data = read(value)
            return Part(kind, arguments_text, choice, data=data)
    return None


_Read = tuple[str, str, dict[str, Any]]


def _called(call: Any) -> _Read:
    given = plain(get(call, "args")) or {}
    told = {
        "id": id_text(get(call, "id")),
        "name": text(get(call, "name")) or "",
        "arguments": given,
    }
    return TOOL_CALL, arguments_text(given), told


def _responded(answer: Any) -> _Read:
    found = {"id": id_text(get(answer, "id")), "response": plain(get(answer, "response"))}
    name = text(get(answer, "name"))
    return "tool_call_response", "", found | ({"name": name} if name else {})


def _inline(blob: Any) -> _Read:
    kind = str(field(blob, "mimeType") or "")
    found = parts.blob(_modality(kind), kind, get(blob, "data"))
    return found.pop("type"), "", found


def _file(source: Any) -> _Read:
    kind = str(field(source, "mimeType") or "")
    found = parts.media(_modality(kind), str(field(source, "fileUri") or ""))
    return found.pop("type"), "", found | ({"mime_type": kind} if kind else {})


def _modality(kind: str) -> str:
    major = kind.partition("/")[0]
    return major if major in _MODALITIES else "document"


def _code(code: Any) -> _Read:
    return _server_tool(_CODE, None, {"language": get(code, "language"), "code": get(code, "code")})


def _ran(result: Any) -> _Read:
    return _server_tool_answer(
        _CODE, None, {"outcome": get(result, "outcome"), "output": get(result, "output")}
    )


def _tool_called(call: Any) -> _Read:
    return _server_tool(
        str(field(call, "toolType") or ""), get(call, "id"), plain(get(call, "args")) or {}
    )


def _tool_answered(answer: Any) -> _Read:
    return _server_tool_answer(
        str(field(answer, "toolType") or ""), get(answer, "id"), plain(get(answer, "response"))
    )


def _server_tool(name: str, own_id: Any, arguments: Any) -> _Read:
    asked = {"type": name, "arguments": arguments}
    return SERVER_TOOL_CALL, "", {"id": id_text(own_id), "name": name, SERVER_TOOL_CALL: asked}


def _server_tool_answer(name: str, own_id: Any, content: Any) -> _Read:
    kind = "server_tool_call_response"
    return kind, "", {"id": id_text(own_id), kind: {"type": name, "content": content}}


_KINDS: dict[str, Callable[[Any], _Read]] = {
    "functionCall": _called,
    "functionResponse": _responded,
    "inlineData": _inline,
    "fileData": _file,
    "executableCode": _code,
    "codeExecutionResult": _ran,
    "toolCall": _tool_called,
    "toolResponse": _tool_answered,
}


def tools(definitions: Any) -> list[dict[str, Any]]:
    """Tool definitions: functions by name, and the provider's own, each by the field that it stands in."""
    found: list[dict[str, Any]] = []
    for item in items(definitions):
        found += [_function(declared) for declared in items(get(item, "functionDeclarations"))]
        own = [name for name in all_fields(item) if name != "functionDeclarations"]
        found += [{"type": name, "name": name} for name in own]
    return found


def _function(declared: Any) -> dict[str, Any]:
    wanted = field(declared, "parametersJsonSchema") or _schema(plain(get(declared, "parameters")))
    known = {"description": get(declared, "description"), "parameters": plain(wanted)}
    named = {"type": "function", "name": str(get(declared, "name") or "")}
    return named | {name: value for name, value in known.items() if value is not None}


def _schema(value: Any) -> Any:
    """A schema of Google's as JSON Schema has it, where the names of types are in lower case."""
    if isinstance(value, list):
        return [_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    typed = isinstance(value.get("type"), str)
    return {
        name: item.lower() if name == "type" and typed else _schema(item)
        for name, item in value.items()
    }
