"""Letta's agents: messages to one, and all that its steps have made, whole or streamed.

Tools that its server runs are left out; those that wait for the app's word are tool calls.
"""

from __future__ import annotations

from typing import Any

from callspan.events import (
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Failure,
    ParameterName,
    Parameters,
    Part,
    Usage,
)
from callspan.formats.errors import OTHER, error_message, failure_type, with_failures
from callspan.formats.fields import Body, Item, get, id_text, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.openai import chat
from callspan.formats.parts import joined_text, text_parts
from callspan.formats.usage import read_usage

_SETTINGS: dict[str, ParameterName] = {"conversation_id": "conversation_id"}
_BROKEN = ("error", "llm_api_error")
"""The reasons by which an agent says that it has failed."""


def parameters(body: Body) -> Parameters:
    """Return in which conversation an agent is asked, if in one: its id stands in the path."""
    return read_settings(body, _SETTINGS)


def content(body: Body) -> Content:
    """Return the messages to the agent, and the instruction that stands in for its own."""
    messages = items(body.get("messages"))
    source = body.get("input")
    if isinstance(source, str):
        messages = [{"role": "user", "content": source}]
    result = chat.content({"messages": messages})
    result.system = text_parts(text(body.get("override_system")))
    return result


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one message of a stream, or one whole answer."""
    kind = get(answer, "message_type")
    if kind is None:
        return _whole(answer, needs_text)
    match kind:
        case "usage_statistics":
            return Delta(usage=_usage(answer))
        case "stop_reason":
            return _end(get(answer, "stop_reason"))
        case "error_message":
            failure = Failure(failure_type(answer, "error_type"), error_message(answer))
            return Delta(failure=failure)
        case _:
            parts = _parts(answer) if needs_text else []
            return Delta(parts=parts) if parts else None


def _whole(answer: Item, needs_text: bool) -> Delta:
    delta = _end(get(get(answer, "stop_reason"), "stop_reason"))
    delta.usage = _usage(get(answer, "usage"))
    if needs_text:
        pieces: list[Part] = []
        for message in items(get(answer, "messages")):
            pieces += _parts(message)
        delta.parts = pieces
    return delta


def _end(reason: Item) -> Delta:
    word = text(reason)
    if word is None:
        return Delta()
    failure = None
    if word in _BROKEN:
        failure = Failure(OTHER if word == "error" else word)
    return Delta(finish_reasons=((0, word),), failure=failure)


def _parts(message: Item) -> list[Part]:
    """Return the parts of one message; the pieces of one have its id in common."""
    index = id_text(get(message, "id"))
    match get(message, "message_type"):
        case "assistant_message":
            source = get(message, "content")
            fragment = text(source) if isinstance(source, str) else joined_text(source)
            return _text_parts(TEXT, fragment, index)
        case "reasoning_message":
            return _text_parts(REASONING, text(get(message, "reasoning")), index)
        case "approval_request_message":
            calls = items(get(message, "tool_calls")) or [get(message, "tool_call")]
            return [_tool_call(call, (index, number)) for number, call in enumerate(calls)]
        case _:
            return []


def _text_parts(kind: str, fragment: str | None, index: str | None) -> list[Part]:
    if not fragment:
        return []
    return [Part(kind, fragment, index=index)]


def _tool_call(call: Item, index: Any) -> Part:
    arguments = text(get(call, "arguments")) or ""
    call_id = id_text(get(call, "tool_call_id"))
    return Part(TOOL_CALL, arguments, index=index, id=call_id, name=text(get(call, "name")))


def _usage(usage: Item) -> Usage | None:
    """Return the counts of all steps together."""
    counts: dict[str, Any] = {}
    for name in ("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens"):
        counts[name] = get(usage, name)
    counts["prompt_tokens_details"] = {
        "cached_tokens": get(usage, "cached_input_tokens"),
        "cache_write_tokens": get(usage, "cache_write_tokens"),
    }
    return read_usage(counts)


MESSAGES = Format("chat", parameters, with_failures(read), content)
