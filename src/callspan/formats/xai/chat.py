"""xAI's chat of Protocol Buffers, put into the words of OpenAI's chat, which has a reader."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from callspan.events import Content, Delta
from callspan.formats.fields import Body, Item, get, items, string
from callspan.formats.openai import chat
from callspan.formats.protobuf import plain_message

_OWN_TOOL = "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL"
_TOOL_USES = {
    "SERVER_SIDE_TOOL_WEB_SEARCH": "web_search_calls",
    "SERVER_SIDE_TOOL_X_SEARCH": "x_search_calls",
    "SERVER_SIDE_TOOL_CODE_EXECUTION": "code_interpreter_calls",
    "SERVER_SIDE_TOOL_COLLECTIONS_SEARCH": "file_search_calls",
}
"""xAI's own tools, by the names that its other API has for their uses."""
_MESSAGES = ("messages", "tools")
_ROLES = {"ROLE_FUNCTION": "tool"}


def request_body(request: Item, choices: int) -> dict[str, Any]:
    """Return a request under the names of OpenAI's chat.

    Its messages and tools stay as they are, and are read only where somebody wants them.
    """
    body = plain_message(request, omit=_MESSAGES)
    for name, prefix in (("reasoning_effort", "EFFORT_"), ("service_tier", "SERVICE_TIER_")):
        if name in body:
            body[name] = _word(body[name], prefix)
    response_format = body.get("response_format")
    if response_format is not None:
        kind = _word(get(response_format, "format_type"), "FORMAT_TYPE_")
        body["response_format"] = {"type": kind}
    for name in _MESSAGES:
        body[name] = list(getattr(request, name))
    body["n"] = choices
    return body


def _word(value: Item, prefix: str) -> str:
    return string(value).removeprefix(prefix).lower()


def content(body: Body) -> Content:
    """Return the conversation and the tools."""
    messages = [_message(plain_message(item)) for item in items(body.get("messages"))]
    tools: list[Any] = []
    for item in items(body.get("tools")):
        tool = plain_message(item)
        # the others are xAI's own, each with its name for a field
        kind = next(iter(tool), "function")
        tools.append({"type": kind, **tool})
    return chat.content({"messages": messages, "tools": tools})


def _message(message: dict[str, Any]) -> dict[str, Any]:
    role = string(message.get("role"))
    pieces: list[Any] = []
    for piece in items(message.get("content")):
        if "text" in piece:
            pieces.append({"type": "text", "text": piece["text"]})
        elif "image_url" in piece:
            url = get(piece["image_url"], "image_url")
            pieces.append({"type": "image_url", "image_url": {"url": url}})
        else:
            pieces.append({"type": "file", **piece})
    return {**message, "role": _ROLES.get(role) or _word(role, "ROLE_"), "content": pieces}


def read(message: Item, needs_text: bool) -> Delta | None:
    """Read one chunk, or one whole answer."""
    answer = plain_message(message)
    choices: list[Any] = []
    for output in items(answer.get("outputs")):
        # what xAI's own tools have answered to its model
        if get(get(output, "message") or get(output, "delta"), "role") != "ROLE_TOOL":
            choices.append(_choice(output))
    usage = answer.get("usage")
    if usage is not None:
        answer["usage"] = _usage(usage)
    if "service_tier" in answer:
        answer["service_tier"] = _word(answer["service_tier"], "SERVICE_TIER_")
    return chat.read({**answer, "choices": choices}, needs_text)


def _choice(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output as a choice, without the calls of xAI's own tools."""
    name = "message" if "message" in output else "delta"
    message: dict[str, Any] = output.get(name, {})
    calls: list[Any] = []
    for call in items(message.get("tool_calls")):
        if get(call, "type") in (None, _OWN_TOOL):
            # each call comes whole, and without an index of its own
            calls.append({**call, "index": get(call, "id")})
    # an index of 0 is left out of the message
    return {"index": 0, **output, name: {**message, "tool_calls": calls}}


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    """Return the counts under the names of xAI's other API; a count of 0 is not sent."""
    details = {
        "cached_tokens": usage.get("cached_prompt_text_tokens", 0),
        "text_tokens": usage.get("prompt_text_tokens"),
        "image_tokens": usage.get("prompt_image_tokens"),
    }
    uses: Counter[str] = Counter()
    for tool in items(usage.get("server_side_tools_used")):
        name = _TOOL_USES.get(tool)
        if name is not None:
            uses[name] += 1
    counts = {"prompt_tokens": 0, "completion_tokens": 0, **usage, "prompt_tokens_details": details}
    if uses:
        counts["server_side_tool_usage_details"] = dict(uses)
    return counts


CHAT = replace(chat.CHAT, read=read, content=content)
