"""Cohere's chat: whole, or streamed as events that are each about one part of the message."""

from __future__ import annotations

from typing import Any

from callspan.events import (
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Failure,
    Message,
    ParameterName,
    Parameters,
    Part,
)
from callspan.formats import parts
from callspan.formats.cohere.usage import read_usage
from callspan.formats.errors import read_failure
from callspan.formats.fields import (
    Body,
    Index,
    Item,
    get,
    get_first,
    id_text,
    index_of,
    items,
    plain,
    read_settings,
    string,
    text,
)
from callspan.formats.format import Format

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "p": "top_p",
    "k": "top_k",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
_FAILURES = ("ERROR", "ERROR_TOXIC", "ERROR_LIMIT", "TIMEOUT", "USER_CANCEL")
"""Finish reasons of an answer that has failed, with status 200."""
_PLAN = "plan"
"""The index of the plan, which stands beside the blocks of content."""


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    settings = read_settings(body, _SETTINGS)
    output_type = parts.format_type(body.get("response_format"))
    if output_type:
        settings["output_type"] = output_type
    return settings


def content(body: Body) -> Content:
    """Return the conversation and the tools. System messages stay where they stand in it."""
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        # models of the client, which an app may use for its tools, become dicts
        tools=parts.tools(plain(body.get("tools"))),
    )


def _message(item: Item) -> Message:
    role = parts.role_of(item)
    if role == "tool":
        result = _tool_result(get(item, "content"))
        return {"role": role, "parts": [parts.tool_response(get(item, "tool_call_id"), result)]}
    return {"role": role, "parts": parts.message_parts(_parts(item))}


def _tool_result(content: Item) -> Any:
    """Return the result of a tool: its text, or its documents."""
    blocks = items(content)
    if not blocks:
        return plain(content)
    texts: list[str] = []
    for block in blocks:
        if get(block, "type") != "text":
            return plain(content)
        texts.append(string(get(block, "text")))
    return "".join(texts)


def _parts(message: Item) -> list[Part]:
    """Return the parts of a message: its plan, its blocks of content, and its tool calls."""
    pieces: list[Part] = []
    plan = text(get(message, "tool_plan"))
    if plan:
        pieces.append(Part(REASONING, plan, index=_PLAN))
    content = get(message, "content")
    blocks = items(content)
    if isinstance(content, str):
        blocks = [{"type": "text", "text": content}]
    pieces += [_block(block, index) for index, block in enumerate(blocks)]
    calls = enumerate(items(get(message, "tool_calls")))
    pieces += [_tool_call(call, index) for index, call in calls]
    return pieces


def _block(block: Item, index: Index) -> Part:
    """Return one block of content, whole or as it begins."""
    match get(block, "type"):
        case "image_url":
            source = get(block, "image_url")
            url = source if isinstance(source, str) else get(source, "url")
            image = parts.media("image", url) or {"type": "image"}
            return parts.whole_part(image, index)
        case "document":
            # only that there was one: documents may be long, and any object
            return Part("document", index=index, data={})
        case _:
            return _fragment(block, index)


def _fragment(block: Item, index: Index) -> Part:
    thought = text(get(block, "thinking"))
    if thought:
        return Part(REASONING, thought, index=index)
    return Part(TEXT, string(get(block, "text")), index=index)


def _tool_call(call: Item, index: Index) -> Part:
    # in a stream `tool_calls` is one call, and in its later pieces has arguments alone
    function = get(call, "function")
    arguments = string(get(function, "arguments"))
    call_id = id_text(get(call, "id"))
    return Part(TOOL_CALL, arguments, index=index, id=call_id, name=text(get(function, "name")))


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole answer."""
    kind = get(answer, "type")
    if kind == "message-start":
        return Delta(id=id_text(get(answer, "id")), finish_reasons=((0, None),))
    if kind == "message-end":
        return _end(answer, get(answer, "delta"))
    if isinstance(kind, str):
        # citations and the ends of blocks come to nothing
        return _event(kind, answer) if needs_text else None
    delta = _end(answer, answer)
    if needs_text:
        delta.parts = _parts(get(answer, "message"))
    return delta


def _event(kind: str, event: Item) -> Delta | None:
    message = get(get(event, "delta"), "message")
    index = index_of(event)
    match kind:
        case "content-start" | "content-delta":
            part = _fragment(get(message, "content"), index)
        case "tool-plan-delta":
            part = Part(REASONING, string(get(message, "tool_plan")), index=_PLAN)
        case "tool-call-start" | "tool-call-delta":
            part = _tool_call(get(message, "tool_calls"), index)
        case _:
            return None
    return Delta(parts=(part,))


def _end(answer: Item, source: Item) -> Delta:
    """Read the end of an answer from the last event, or from the whole of it."""
    reason = text(get(source, "finish_reason"))
    # Cohere's client for AWS has the counts where the first API has them.
    usage = get_first(source, "usage", "meta")
    delta = Delta(
        id=id_text(get(answer, "id")),
        finish_reasons=((0, reason),),
        usage=read_usage(usage),
        last=True,
    )
    # without a reason it may be an error (tests/test_failures_with_status_200.py)
    if reason:
        delta.failure = failure_of_reason(reason, get(source, "error"))
    else:
        delta.failure = read_failure(answer)
    return delta


def failure_of_reason(reason: str, error: Item = None) -> Failure | None:
    """Return the failure of an answer by its finish reason; `None` for any other reason."""
    if reason not in _FAILURES:
        return None
    return Failure(reason, str(error or ""))


CHAT = Format("chat", parameters, read, content)
