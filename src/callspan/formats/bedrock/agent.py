"""Bedrock's agents, whose answers are streams of events; the trace of their steps is not read."""

from __future__ import annotations

import json

from callspan.events import TEXT, TOOL_CALL, Content, Delta, ParameterName, Parameters, Part
from callspan.formats.fields import (
    Body,
    Item,
    get,
    get_first,
    get_nested,
    items,
    plain,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.parts import prompt_content, text_parts

_SETTINGS: dict[str, ParameterName] = {
    "agentId": "agent_id",
    "agentName": "agent_name",
    "sessionId": "conversation_id",
}


def parameters(body: Body) -> Parameters:
    """Return which agent is called, and in which session."""
    settings = read_settings(body, _SETTINGS)
    guardrail = text(get_nested(body, "guardrailConfiguration", "guardrailIdentifier"))
    if guardrail:
        settings["guardrail_id"] = guardrail
    return settings


def content(body: Body) -> Content:
    """Return the input, and the instruction of an agent that is made for this call."""
    result = prompt_content(text(body.get("inputText")))
    result.system = text_parts(text(body.get("instruction")))
    return result


def read(event: Item, needs_text: bool) -> Delta | None:
    """Read one event: a piece of the answer, or functions that the caller is to run."""
    # agents state no tokens and no reason: the text is all that there is
    if not needs_text:
        return None
    chunk = get_nested(event, "chunk", "bytes")
    if chunk:
        # replaced, as nobody promises that a piece ends with a whole letter
        return Delta(parts=(Part(TEXT, chunk.decode("utf-8", "replace")),))
    invocations = enumerate(items(get_nested(event, "returnControl", "invocationInputs")))
    calls = [_tool_call(invocation, index) for index, invocation in invocations]
    return Delta(parts=calls) if calls else None


def _tool_call(invocation: Item, index: int) -> Part:
    # an action group is described by functions, or by the paths of an API
    source = get_first(invocation, "functionInvocationInput", "apiInvocationInput")
    parameters = items(get(source, "parameters"))
    arguments = {str(get(item, "name")): get(item, "value") for item in parameters}
    name = text(get(source, "function")) or text(get(source, "apiPath"))
    as_json = json.dumps(plain(arguments), ensure_ascii=False)
    return Part(TOOL_CALL, as_json, index=index, name=name)


AGENT = Format("invoke_agent", parameters, read, content)
