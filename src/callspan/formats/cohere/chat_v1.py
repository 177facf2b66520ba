"""Cohere's first chat: a message and the history before it.

It is whole, or streamed with the whole answer as its end.
"""

from __future__ import annotations

import json

from callspan.events import (
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Message,
    MessagePart,
    Part,
    ToolDefinition,
)
from callspan.formats import parts
from callspan.formats.cohere.chat import failure_of_reason, parameters
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import read_failure
from callspan.formats.fields import (
    Body,
    Item,
    get,
    get_nested,
    id_text,
    index_of,
    items,
    plain,
    string,
    text,
    text_of,
)
from callspan.formats.format import Format

_ROLES = {"CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def content(body: Body) -> Content:
    """Return the conversation with the new message and results, the preamble and the tools."""
    # `items` returns a copy, so the app's own list stays as it is
    history = items(body.get("chat_history"))
    # the new message and the results of tools stand beside the history
    history.append({"role": "USER", "message": body.get("message")})
    history.append({"role": "TOOL", "tool_results": body.get("tool_results")})
    messages = [_message(item) for item in history]
    return Content(
        # a request has a message or results of tools, so one of the two added above may be empty
        messages=[message for message in messages if message["parts"]],
        system=parts.text_parts(text(body.get("preamble"))),
        tools=[_tool(item) for item in items(body.get("tools"))],
    )


def _message(item: Item) -> Message:
    role = _ROLES.get(str(get(item, "role")).upper(), "user")
    pieces = _text_parts(get(item, "message"))
    pieces += _tool_calls(item)
    results = [_tool_result(result) for result in items(get(item, "tool_results"))]
    return {"role": role, "parts": [*parts.message_parts(pieces), *results]}


def _tool_result(result: Item) -> MessagePart:
    # calls of this API have no ids; a result repeats the call, so its name says which
    part = parts.tool_response(None, plain(get(result, "outputs")))
    name = text(get_nested(result, "call", "name"))
    if name:
        part["name"] = name
    return part


def _tool(item: Item) -> ToolDefinition:
    definitions = plain(get(item, "parameter_definitions"))
    name = text_of(item, "name")
    return parts.function_tool(name, get(item, "description"), definitions)


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole answer."""
    kind = get(answer, "event_type")
    match kind:
        case None:
            return _whole(answer, text(get(answer, "finish_reason")), needs_text)
        case "stream-start":
            return Delta(id=id_text(get(answer, "generation_id")), finish_reasons=((0, None),))
        case "stream-end":
            return _stream_end(answer, needs_text)
        case _:
            return _piece(kind, answer) if needs_text else None


def _piece(kind: Item, event: Item) -> Delta | None:
    if kind == "text-generation":
        return Delta(parts=_text_parts(get(event, "text")))
    if kind == "tool-calls-chunk":
        return Delta(parts=(_fragment(get(event, "tool_call_delta")),))
    return None


def _stream_end(event: Item, needs_text: bool) -> Delta:
    response = get(event, "response")
    reason = get(event, "finish_reason") or get(response, "finish_reason")
    delta = _whole(response or event, text(reason), needs_text)
    # It repeats all that came before, or has nothing of it.
    delta.whole = bool(delta.parts)
    return delta


def _whole(answer: Item, reason: str | None, needs_text: bool) -> Delta:
    delta = Delta(
        id=_answer_id(answer),
        finish_reasons=((0, reason),),
        usage=read_usage(get(answer, "meta")),
        last=True,
    )
    if needs_text:
        delta.parts = [*_text_parts(get(answer, "text")), *_tool_calls(answer)]
    if reason:
        delta.failure = failure_of_reason(reason)
    else:
        delta.failure = read_failure(answer)
    return delta


def _answer_id(answer: Item) -> str | None:
    # a stream begins with the last of these, and its end has one of the others
    for name in ("response_id", "id", "generation_id"):
        answer_id = id_text(get(answer, name))
        if answer_id:
            return answer_id
    return None


def _text_parts(value: Item) -> list[Part]:
    fragment = text(value)
    return [Part(TEXT, fragment)] if fragment else []


def _tool_calls(message: Item) -> list[Part]:
    calls = enumerate(items(get(message, "tool_calls")))
    return [_tool_call(call, index) for index, call in calls]


def _tool_call(call: Item, index: int) -> Part:
    """Return a tool call, which has no id."""
    arguments = plain(get(call, "parameters")) or {}
    as_json = json.dumps(arguments, ensure_ascii=False, default=repr)
    return Part(TOOL_CALL, as_json, index=index, name=text(get(call, "name")))


def _fragment(delta: Item) -> Part:
    """Return a piece of the plan, or of a tool call."""
    plan = text(get(delta, "text"))
    # before a call the model writes what it plans, in the same event type
    if plan:
        return Part(TEXT, plan)
    arguments = string(get(delta, "parameters"))
    return Part(TOOL_CALL, arguments, index=index_of(delta), name=text(get(delta, "name")))


CHAT_V1 = Format("chat", parameters, read, content)
