"""Parts of Gemini's contents, which requests and answers have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
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
)
from callspan.formats import parts
from callspan.formats.fields import (
    Item,
    all_fields,
    arguments_text,
    get,
    id_text,
    items,
    plain,
    string,
    text,
    text_of,
)

_MODALITIES = ("image", "audio", "video")
_CODE = "code_execution"
_RESPONSE: Final = "server_tool_call_response"
_CAPITAL = re.compile("[A-Z]")

_Reading = tuple[str, str, PartFields]
"""What a part is read as: its kind, its text, and its fields."""


def get_either(source: Item, name: str) -> Item:
    """Return a field of a request by its name in camel case, else by that in snake case.

    Which of them the client (google-genai) writes inside of a field depends on its version.
    """
    value = get(source, name)
    if value is None:
        return get(source, _CAPITAL.sub(lambda match: f"_{match.group().lower()}", name))
    return value


def message(content: Item) -> Message:
    """Return one content of a request as a message."""
    role = parts.role_of(content)
    # the conventions have one word for the role at all providers
    if role == "model":
        role = "assistant"
    return {"role": role, "parts": content_parts(content)}


def content_parts(content: Item) -> list[MessagePart]:
    """Return the parts of a content."""
    pieces = [part(item) for item in items(get(content, "parts"))]
    return parts.message_parts(piece for piece in pieces if piece is not None)


def part(item: Item, choice: int = 0) -> Part | None:
    """Return one part; `None` if it is empty. All but text arrive whole, also in a stream."""
    fragment = text(get(item, "text"))
    if fragment:
        kind = REASONING if get(item, "thought") else TEXT
        return Part(kind, fragment, choice)
    for name, read in _READERS.items():
        value = get(item, name)
        if value is not None:
            # with data, as two calls without ids must not be joined (tests/test_google_genai.py)
            kind, arguments, data = read(value)
            return Part(kind, arguments, choice, data=data)
    return None


def _function_call(call: Item) -> _Reading:
    arguments = plain(get(call, "args")) or {}
    data: PartFields = {
        "id": id_text(get(call, "id")),
        "name": string(get(call, "name")),
        "arguments": arguments,
    }
    return TOOL_CALL, arguments_text(arguments), data


def _function_response(response: Item) -> _Reading:
    part = parts.tool_response(id_text(get(response, "id")), plain(get(response, "response")))
    name = text(get(response, "name"))
    if name:
        part["name"] = name
    return part["type"], "", part


def _inline_data(blob: Item) -> _Reading:
    mime_type = str(get_either(blob, "mimeType") or "")
    part = parts.blob(_modality(mime_type), mime_type, get(blob, "data"))
    return part["type"], "", part


def _file_data(source: Item) -> _Reading:
    mime_type = str(get_either(source, "mimeType") or "")
    part = parts.media_at(_modality(mime_type), str(get_either(source, "fileUri") or ""))
    if mime_type:
        part["mime_type"] = mime_type
    return part["type"], "", part


def _modality(mime_type: str) -> str:
    major = mime_type.partition("/")[0]
    return major if major in _MODALITIES else "document"


def _executable_code(code: Item) -> _Reading:
    arguments = {"language": get(code, "language"), "code": get(code, "code")}
    return _server_tool_call(_CODE, None, arguments)


def _code_result(result: Item) -> _Reading:
    content = {"outcome": get(result, "outcome"), "output": get(result, "output")}
    return _server_tool_response(_CODE, None, content)


def _tool_call(call: Item) -> _Reading:
    name = str(get_either(call, "toolType") or "")
    return _server_tool_call(name, get(call, "id"), plain(get(call, "args")) or {})


def _tool_response(response: Item) -> _Reading:
    name = str(get_either(response, "toolType") or "")
    return _server_tool_response(name, get(response, "id"), plain(get(response, "response")))


def _server_tool_call(name: str, call_id: Item, arguments: Any) -> _Reading:
    call = {"type": name, "arguments": arguments}
    return SERVER_TOOL_CALL, "", {"id": id_text(call_id), "name": name, SERVER_TOOL_CALL: call}


def _server_tool_response(name: str, call_id: Item, content: Any) -> _Reading:
    response = {"type": name, "content": content}
    return _RESPONSE, "", {"id": id_text(call_id), _RESPONSE: response}


_READERS: dict[str, Callable[[Item], _Reading]] = {
    "functionCall": _function_call,
    "functionResponse": _function_response,
    "inlineData": _inline_data,
    "fileData": _file_data,
    "executableCode": _executable_code,
    "codeExecutionResult": _code_result,
    "toolCall": _tool_call,
    "toolResponse": _tool_response,
}
"""How the fields of a part are read; a part has one of them."""


def tools(definitions: Item) -> list[ToolDefinition]:
    """Return the definitions of tools: functions, and each of the provider's own by its field."""
    result: list[ToolDefinition] = []
    for item in items(definitions):
        result += [
            _function(declaration) for declaration in items(get(item, "functionDeclarations"))
        ]
        # the provider's own tools are fields with their options, such as `googleSearch`
        for name in all_fields(item):
            if name != "functionDeclarations":
                result.append({"type": name, "name": name})
    return result


def _function(declaration: Item) -> ToolDefinition:
    # JSON Schema, or else Google's own form of it
    schema = get_either(declaration, "parametersJsonSchema")
    if not schema:
        schema = _json_schema(plain(get(declaration, "parameters")))
    name = text_of(declaration, "name")
    return parts.function_tool(name, get(declaration, "description"), plain(schema))


def _json_schema(value: Any) -> Any:
    """Return a schema of Google's as JSON Schema, which has names of types in lower case."""
    if isinstance(value, list):
        return [_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {name: _json_schema(item) for name, item in value.items()}
    # `type` may also be the name of a property, whose value is then a schema.
    kind = value.get("type")
    if isinstance(kind, str):
        result["type"] = kind.lower()
    return result
