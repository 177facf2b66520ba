"""Mistral's conversations: what a model or an agent adds to one, whole as entries or streamed as events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from callspan.events import SERVER_TOOL_CALL, TEXT, TOOL_CALL, Content, Delta, Failure, Part, shown
from callspan.formats import parts as parts
from callspan.formats.errors import failure_type, read_failure
from callspan.formats.fields import Body, get, id_text, index_of, items, plain, text
from callspan.formats.format import Format
from callspan.formats.openai import chat as chat
from callspan.formats.openai.usage import read_usage


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings; those of the model are chat's, one level down."""
    return chat.parameters(body.get("completion_args") or {})


def content(body: Body) -> Content:
    """The instructions, what is said now, and the tools."""
    said, system = body.get("inputs"), text(body.get("instructions"))
    entries = [{"role": "user", "content": said}] if isinstance(said, str) else items(said)
    return Content(
        messages=[_message(entry) for entry in entries],
        system=[{"type": TEXT, "content": system}] if system else [],
        tools=parts.tools(body.get("tools")),
    )


def _message(entry: Any) -> dict[str, Any]:
    kind = text(get(entry, "type")) or ""
    if kind == "function.result":
        told = {
            "tool_call_id": get(entry, "tool_call_id"),
            "content": get(entry, "result"),
            "role": "tool",
        }
        return chat.content({"messages": [told]}).messages[0]
    if kind in _ENTRIES:
        return {
            "role": "assistant",
            "parts": [shown(part, part.text) for part in _ENTRIES[kind](entry, None)],
        }
    return chat.content({"messages": [entry]}).messages[0]


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole answer."""
    kind = text(get(answer, "type")) or ""
    match kind:
        case "conversation.response.started":
            return Delta(details=_conversation(answer))
        case "conversation.response.done":
            return Delta(usage=read_usage(get(answer, "usage")), last=True)
        case "conversation.response.error":
            said = str(get(answer, "message") or "")
            return Delta(failure=Failure(failure_type(answer, "code"), said), last=True)
        case _ if kind:
            return _event(kind, answer, needs_text)
        case _:
            return _whole(answer, needs_text)


def _event(kind: str, event: Any, needs_text: bool) -> Delta | None:
    name = _EVENTS.get(kind)
    if name is None:
        return None
    spoken = _ENTRIES[name](event, index_of(event, "output_index")) if needs_text else []
    return Delta(model=text(get(event, "model")), parts=spoken)


def _whole(answer: Any, needs_text: bool) -> Delta:
    entries = [
        entry for entry in items(get(answer, "outputs")) if text(get(entry, "type")) in _ENTRIES
    ]
    said = enumerate(entries if needs_text else ())
    return Delta(
        model=next(
            (model for entry in reversed(entries) if (model := text(get(entry, "model")))), None
        ),
        parts=[
            part for place, entry in said for part in _ENTRIES[get(entry, "type")](entry, place)
        ],
        details=_conversation(answer),
        usage=read_usage(get(answer, "usage")),
        failure=None if entries else read_failure(answer),
        last=True,
    )


def _conversation(answer: Any) -> dict[str, Any]:
    name = text(get(answer, "conversation_id"))
    return {"conversation_id": name} if name else {}


def _spoken(entry: Any, place: Any) -> list[Part]:
    said = get(entry, "content")
    if isinstance(said, str):
        return [Part(TEXT, said, index=place)] if said else []
    chunks = said if isinstance(said, list | tuple) else [said]
    return [part for one in chunks for part in chat.content_item(one, 0, place)]


def _called(entry: Any, place: Any) -> list[Part]:
    own_id = id_text(get(entry, "tool_call_id"))
    return [Part(TOOL_CALL, _arguments(entry), 0, place, own_id, text(get(entry, "name")))]


def _ran(entry: Any, place: Any) -> list[Part]:
    return [
        Part(
            SERVER_TOOL_CALL,
            _arguments(entry),
            0,
            place,
            id_text(get(entry, "id")),
            text(get(entry, "name")),
        )
    ]


def _arguments(entry: Any) -> str:
    given = get(entry, "arguments")
    return (
        given
        if isinstance(given, str)
        else json.dumps(plain(given), ensure_ascii=False)
        if given
        else ""
    )


_ENTRIES: dict[str, Callable[[Any, Any], list[Part]]] = {
    "message.output": _spoken,
    "function.call": _called,
    "tool.execution": _ran,
}
_EVENTS = {
    "message.output.delta": "message.output",
    "function.call.delta": "function.call",
    "tool.execution.started": "tool.execution",
    "tool.execution.delta": "tool.execution",
}

CONVERSATIONS = Format("chat", parameters, read, content)
