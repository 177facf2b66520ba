"""Bedrock's agents, whose answers are streams of events; the trace of what goes on inside them is not read."""

from __future__ import annotations

import json
from typing import Any

from callspan.events import TEXT, TOOL_CALL, Content, Delta, Part
from callspan.formats.bedrock.prompt import prompted
from callspan.formats.fields import Body, get, get_nested, items, plain, read_settings, text
from callspan.formats.format import Format

_ASKED = {"agentId": "agent_id", "agentName": "agent_name", "sessionId": "conversation_id"}


def parameters(body: Body) -> dict[str, Any]:
    """Which agent is asked, and in which session."""
    guardrail = text(get_nested(body, "guardrailConfiguration", "guardrailIdentifier"))
    return read_settings(body, _ASKED) | ({"guardrail_id": guardrail} if guardrail else {})


def content(body: Body) -> Content:
    """What the agent is asked, and what one that is made for this call is told to be."""
    found = prompted(body.get("inputText"))
    instruction = text(body.get("instruction"))
    found.system = [{"type": TEXT, "content": instruction}] if instruction else []
    return found


def read(event: Any, needs_text: bool) -> Delta | None:
    """One event: a piece of the answer, or functions that the caller is to run."""
    if not needs_text:
        return None
    piece = get_nested(event, "chunk", "bytes")
    if piece:
        return Delta(parts=(Part(TEXT, piece.decode("utf-8", "replace")),))
    wanted = enumerate(items(get_nested(event, "returnControl", "invocationInputs")))
    calls = [_wanted(call, place) for place, call in wanted]
    return Delta(parts=calls) if calls else None


def _wanted(call: Any, place: int) -> Part:
    asked = get(call, "functionInvocationInput") or get(call, "apiInvocationInput")
    given = {str(get(one, "name")): get(one, "value") for one in items(get(asked, "parameters"))}
    name = text(get(asked, "function")) or text(get(asked, "apiPath"))
    return Part(TOOL_CALL, json.dumps(plain(given), ensure_ascii=False), index=place, name=name)


AGENT = Format("invoke_agent", parameters, read, content)
