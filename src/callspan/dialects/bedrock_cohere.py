"""Cohere's first chat, as its models on Bedrock speak it: a message and the history before it."""

from __future__ import annotations

import json
from typing import Any

from callspan.dialects.dialect import Body, Dialect, chosen, count, get, items, plain, text
from callspan.events import TEXT, TOOL_CALL, Content, Delta, Part, Usage

_SETTINGS = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "p": "top_p",
    "k": "top_k",
    "seed": "seed",
    "stop_sequences": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    return chosen(body, _SETTINGS)


def content(body: Body) -> Content:
    """The system prompt, the conversation and the tools."""
    preamble = text(body.get("preamble"))
    return Content(
        messages=[*map(_message, items(body.get("chat_history"))), *_asked(body)],
        system=[{"type": TEXT, "content": preamble}] if preamble else [],
        tools=[_tool(item) for item in items(body.get("tools"))],
    )


def _message(item: Any) -> dict[str, Any]:
    said = text(get(item, "message"))
    parts = [{"type": TEXT, "content": said}] if said else []
    parts += [_called(call) for call in items(get(item, "tool_calls"))]
    parts += [_result(result) for result in items(get(item, "tool_results"))]
    return {"role": _ROLES.get(str(get(item, "role")), "user"), "parts": parts}


def _asked(body: Body) -> list[dict[str, Any]]:
    said, results = text(body.get("message")), items(body.get("tool_results"))
    found = [{"role": "user", "parts": [{"type": TEXT, "content": said}]}] if said else []
    return [*found, *([{"role": "tool", "parts": [_result(result) for result in results]}] if results else [])]


def _called(call: Any) -> dict[str, Any]:
    return {"type": TOOL_CALL, "id": None, "name": get(call, "name") or "", "arguments": plain(get(call, "parameters"))}


def _result(result: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": None, "response": plain(get(result, "outputs"))}


def _tool(item: Any) -> dict[str, Any]:
    told = {"description": get(item, "description"), "parameters": plain(get(item, "parameter_definitions"))}
    known = {name: value for name, value in told.items() if value is not None}
    return {"type": "function", "name": get(item, "name") or "", **known}


def read(answer: Any, full: bool) -> Delta | None:
    """One event of a stream, or one whole answer."""
    match get(answer, "event_type"):
        case None:
            return _whole(answer, full)
        case "text-generation":
            return Delta(parts=(Part(TEXT, text(get(answer, "text")) or ""),)) if full else None
        case "stream-start":
            return Delta(id=text(get(answer, "generation_id")), finish_reasons=((0, None),))
        case "stream-end":
            delta = _whole(get(answer, "response") or answer, full)
            delta.whole, delta.last = bool(get(answer, "response")), True
            return delta
        case _:
            return None


def _whole(answer: Any, full: bool) -> Delta:
    said = text(get(answer, "text"))
    parts = [Part(TEXT, said)] if said else []
    parts += [_call_part(call, place) for place, call in enumerate(items(get(answer, "tool_calls")))]
    return Delta(
        id=text(get(answer, "response_id")) or text(get(answer, "id")) or text(get(answer, "generation_id")),
        parts=parts if full else (),
        finish_reasons=((0, text(get(answer, "finish_reason"))),),
        usage=_usage(get(answer, "meta")),
    )


def _call_part(call: Any, place: int) -> Part:
    arguments = json.dumps(plain(get(call, "parameters")) or {}, ensure_ascii=False)
    return Part(TOOL_CALL, arguments, index=place, name=text(get(call, "name")))


def _usage(meta: Any) -> Usage | None:
    stated = get(meta, "tokens")
    if stated is None:
        return None
    return Usage(input=count(stated, "input_tokens"), output=count(stated, "output_tokens"))


COHERE_CHAT = Dialect("chat", parameters, read, content)
