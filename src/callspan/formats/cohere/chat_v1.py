"""Cohere's first chat: a message and the history before it; whole, or streamed with the whole answer as its end."""

from __future__ import annotations

import json
from typing import Any

from callspan.events import TEXT, TOOL_CALL, Content, Delta, Part, shown
from callspan.formats.cohere.chat import failure_of_reason, parameters
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import read_failure
from callspan.formats.fields import Body, get, id_text, index_of, items, plain, text
from callspan.formats.format import Format

_ROLES = {"CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def content(body: Body) -> Content:
    """The conversation, with what was asked last, the preamble and the tools."""
    preamble = text(body.get("preamble"))
    asked = {"role": "USER", "message": body.get("message")}
    results = {"role": "TOOL", "tool_results": body.get("tool_results")}
    told = [_message(item) for item in (*items(body.get("chat_history")), asked, results)]
    return Content(
        messages=[message for message in told if message["parts"]],
        system=[{"type": TEXT, "content": preamble}] if preamble else [],
        tools=[_tool(item) for item in items(body.get("tools"))],
    )


def _message(item: Any) -> dict[str, Any]:
    found = [shown(part, part.text) for part in _spoken(get(item, "message"), item)]
    found += [_result(result) for result in items(get(item, "tool_results"))]
    return {"role": _ROLES.get(str(get(item, "role")).upper(), "user"), "parts": found}


def _result(result: Any) -> dict[str, Any]:
    name, outputs = text(get(get(result, "call"), "name")), plain(get(result, "outputs"))
    return {
        "type": "tool_call_response",
        "id": None,
        "response": outputs,
        **({"name": name} if name else {}),
    }


def _tool(item: Any) -> dict[str, Any]:
    told = {
        "description": get(item, "description"),
        "parameters": plain(get(item, "parameter_definitions")),
    }
    known = {name: value for name, value in told.items() if value is not None}
    return {"type": "function", "name": str(get(item, "name") or ""), **known}


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole answer."""
    match get(answer, "event_type"):
        case None:
            return _whole(answer, get(answer, "finish_reason"), needs_text)
        case "stream-start":
            return Delta(id=id_text(get(answer, "generation_id")), finish_reasons=((0, None),))
        case "text-generation":
            return Delta(parts=_spoken(get(answer, "text"))) if needs_text else None
        case "tool-calls-chunk":
            return Delta(parts=_fragments(get(answer, "tool_call_delta"))) if needs_text else None
        case "stream-end":
            response = get(answer, "response")
            reason = get(answer, "finish_reason") or get(response, "finish_reason")
            delta = _whole(response or answer, reason, needs_text)
            delta.whole = bool(delta.parts)  # it repeats all that came before, or leaves it out
            return delta
        case _:
            return None


def _whole(answer: Any, reason: Any, needs_text: bool) -> Delta:
    reason = text(reason)
    return Delta(
        id=id_text(get(answer, "response_id"))
        or id_text(get(answer, "id"))
        or id_text(get(answer, "generation_id")),
        parts=_spoken(get(answer, "text"), answer) if needs_text else (),
        finish_reasons=((0, reason),),
        usage=read_usage(get(answer, "meta")),
        failure=failure_of_reason(reason) if reason else read_failure(answer),
        last=True,
    )


def _spoken(said: Any, caller: Any = None) -> list[Part]:
    words = text(said)
    found = [Part(TEXT, words)] if words else []
    return found + [
        _called(call, place) for place, call in enumerate(items(get(caller, "tool_calls")))
    ]


def _called(call: Any, place: int) -> Part:
    """A tool call, which has no id."""
    arguments = json.dumps(plain(get(call, "parameters")) or {}, ensure_ascii=False, default=repr)
    return Part(TOOL_CALL, arguments, index=place, name=text(get(call, "name")))


def _fragments(delta: Any) -> list[Part]:
    """A piece of the plan, or of a tool call."""
    said, place = text(get(delta, "text")), index_of(delta)
    if said:
        return [Part(TEXT, said)]
    return [
        Part(
            TOOL_CALL,
            text(get(delta, "parameters")) or "",
            index=place,
            name=text(get(delta, "name")),
        )
    ]


CHAT_V1 = Format("chat", parameters, read, content)
