"""Mistral's conversations: the entries of a model or an agent, whole or streamed as events."""

from __future__ import annotations

import json
from collections.abc import Callable

from callspan.events import (
    SERVER_TOOL_CALL,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Details,
    Failure,
    Message,
    Parameters,
    Part,
)
from callspan.formats import parts
from callspan.formats.errors import error_message, failure_type, read_failure
from callspan.formats.fields import (
    Body,
    Index,
    Item,
    add_settings,
    get,
    id_text,
    index_of,
    items,
    plain,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai import chat, choice_parts, messages
from callspan.formats.usage import read_usage


def parameters(body: Body) -> Parameters:
    """Return the request's settings; those of the model are chat's, one level down."""
    settings = chat.parameters(body.get("completion_args") or {})
    return add_settings(settings, {"agent_id": body.get("agent_id")})


def content(body: Body) -> Content:
    """Return the instructions, the new inputs, and the tools."""
    inputs = body.get("inputs")
    entries = items(inputs)
    if isinstance(inputs, str):
        entries = [{"role": "user", "content": inputs}]
    return Content(
        messages=[_message(entry) for entry in entries],
        system=parts.text_parts(text(body.get("instructions"))),
        tools=parts.tools(body.get("tools")),
    )


def _message(entry: Item) -> Message:
    kind = string(get(entry, "type"))
    if kind == "function.result":
        result = parts.text_or_value(get(entry, "result"))
        return {"role": "tool", "parts": [parts.tool_response(get(entry, "tool_call_id"), result)]}
    # entries of an earlier answer, which the app sends back
    if kind in _READERS:
        return {"role": "assistant", "parts": parts.message_parts(_READERS[kind](entry, None))}
    return messages.message(entry)


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole answer."""
    kind = text(get(answer, "type"))
    match kind:
        case None:
            return _whole(answer, needs_text)
        case "conversation.response.started":
            return Delta(details=_conversation(answer))
        case "conversation.response.done":
            return Delta(usage=read_usage(get(answer, "usage")), last=True)
        case "conversation.response.error":
            failure = Failure(failure_type(answer, "code"), error_message(answer))
            return Delta(failure=failure, last=True)
        case _:
            return _event(kind, answer, needs_text)


def _event(kind: str, event: Item, needs_text: bool) -> Delta | None:
    entry_type = _EVENTS.get(kind)
    # the ends of tools and the handing over to another agent have no output
    if entry_type is None:
        return None
    # a conversation begins without a model: an agent has its own, and may hand over to another
    delta = Delta(model=text(get(event, "model")))
    if needs_text:
        delta.parts = _READERS[entry_type](event, index_of(event, "output_index"))
    return delta


def _whole(answer: Item, needs_text: bool) -> Delta:
    delta = Delta(details=_conversation(answer), usage=read_usage(get(answer, "usage")), last=True)
    pieces: list[Part] = []
    index = 0
    for entry in items(get(answer, "outputs")):
        kind = text(get(entry, "type"))
        if kind not in _READERS:
            continue
        # the model of the last entry that names one
        delta.model = text(get(entry, "model")) or delta.model
        if needs_text:
            pieces += _READERS[kind](entry, index)
        index += 1
    delta.parts = pieces
    if index == 0:  # an answer without an entry may be an error with status 200
        delta.failure = read_failure(answer)
    return delta


def _conversation(answer: Item) -> Details:
    conversation_id = text(get(answer, "conversation_id"))
    return {"conversation_id": conversation_id} if conversation_id else {}


def _message_output(entry: Item, index: Index) -> list[Part]:
    content = get(entry, "content")
    if isinstance(content, str):
        return [Part(TEXT, content, index=index)] if content else []
    # a stream has one chunk where an answer has a list
    chunks = content if isinstance(content, (list, tuple)) else [content]
    pieces: list[Part] = []
    for chunk in chunks:
        pieces += choice_parts.content_item(chunk, 0, index)
    return pieces


def _function_call(entry: Item, index: Index) -> list[Part]:
    return [_tool_call(TOOL_CALL, entry, index, "tool_call_id")]


def _tool_execution(entry: Item, index: Index) -> list[Part]:
    return [_tool_call(SERVER_TOOL_CALL, entry, index, "id")]


def _tool_call(kind: str, entry: Item, index: Index, id_field: str) -> Part:
    arguments = get(entry, "arguments")
    if not arguments:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(plain(arguments), ensure_ascii=False)
    call_id = id_text(get(entry, id_field))
    return Part(kind, arguments, 0, index, call_id, text(get(entry, "name")))


_READERS: dict[str, Callable[[Item, Index], list[Part]]] = {
    "message.output": _message_output,
    "function.call": _function_call,
    "tool.execution": _tool_execution,
}
"""How the entries are read, by their types."""
_EVENTS = {
    "message.output.delta": "message.output",
    "function.call.delta": "function.call",
    "tool.execution.started": "tool.execution",
    "tool.execution.delta": "tool.execution",
}
"""The type of the entry of which an event is a piece."""

CONVERSATIONS = Format("chat", parameters, read, content)
