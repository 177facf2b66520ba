"""Build LangChain's messages from a call's; imported only once LangChain is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    get_buffer_string,
)

from callspan.events import REASONING, TEXT, TOOL_CALL, Call, Message, MessagePart

_RESULT = "tool_call_response"
_NOT_CONTENT = (TOOL_CALL, _RESULT, REASONING)
"""Parts that LangChain keeps beside the content of a message."""
MessageParts = list[MessagePart]
"""Neutral parts of a message."""


def build_request(call: Call) -> list[BaseMessage]:
    """Return the conversation of a request, system instructions first."""
    content = call.content
    messages: list[BaseMessage] = []
    if content.system:
        messages.append(SystemMessage(_content(content.system)))
    for message in content.messages:
        messages += _messages(_string(message, "role", "user"), _parts(message))
    return messages


def build_prompts(call: Call) -> list[str]:
    """Return the prompts of a completion."""
    return [_text(_parts(message)) for message in call.content.messages]


def as_prompt(conversation: list[BaseMessage]) -> str:
    """Return a conversation as one text, for handlers that know prompts only."""
    return get_buffer_string(conversation)


def build_answer(parts: MessageParts, **fields: Any) -> AIMessage:
    """Return a model's message with its tool calls; `fields` are further ones of LangChain's."""
    tool_calls: list[Any] = []
    invalid_tool_calls: list[Any] = []
    reasoning = ""
    for part in parts:
        if part.get("type") == REASONING:
            reasoning += _string(part, "content")
        if part.get("type") != TOOL_CALL:
            continue
        arguments = part.get("arguments")
        if isinstance(arguments, dict):
            # LangChain validates the arguments of good calls, and keeps bad ones as text
            tool_calls.append(_tool_call(part, arguments))
        else:
            invalid_tool_calls.append({**_tool_call(part, _as_text(arguments)), "error": None})
    return AIMessage(
        content=_content(parts),
        tool_calls=tool_calls,
        invalid_tool_calls=invalid_tool_calls,
        # the key of LangChain's packages for models that reason (langchain-litellm 0.11)
        additional_kwargs={"reasoning_content": reasoning} if reasoning else {},
        **fields,
    )


def _parts(message: Message) -> MessageParts:
    return message.get("parts") or []


def _string(part: Mapping[str, Any], key: str, default: str = "") -> str:
    return str(part.get(key) or default)


def _tool_call(part: MessagePart, arguments: object) -> dict[str, Any]:
    return {"name": _string(part, "name"), "args": arguments, "id": part.get("id")}


def _messages(role: str, parts: MessageParts) -> Iterable[BaseMessage]:
    """Yield one message; each tool result is a message of its own, as LangChain has it."""
    results = [part for part in parts if part.get("type") == _RESULT]
    rest = [part for part in parts if part.get("type") != _RESULT]
    for part in results:
        # LangChain's tool messages take text or blocks, and no plain data
        result_text = _as_text(part.get("response"))
        yield ToolMessage(content=result_text, tool_call_id=_string(part, "id"))
    if rest or not results:
        yield _message(role, rest)


def _message(role: str, parts: MessageParts) -> BaseMessage:
    match role:
        case "user" | "human":
            return HumanMessage(_content(parts))
        case "assistant" | "model" | "ai":
            return build_answer(parts)
        case "system" | "developer":
            return SystemMessage(_content(parts))
        case _:
            return ChatMessage(content=_content(parts), role=role)


def _content(parts: MessageParts) -> Any:
    """Return a message's content: text, or a list of blocks if it has images, sound or files."""
    shown = [part for part in parts if part.get("type") not in _NOT_CONTENT]
    # a list of blocks only where it must be: many handlers expect text
    if all(part.get("type") == TEXT for part in shown):
        return _text(shown)
    return [_block(part) for part in shown]


def _text(parts: MessageParts) -> str:
    return "".join(_string(part, "content") for part in parts if part.get("type") == TEXT)


def _block(part: MessagePart) -> dict[str, Any]:
    part_type = part.get("type")
    if part_type == TEXT:
        return {"type": "text", "text": _string(part, "content")}
    if part.get("modality") != "image" or part_type not in ("uri", "blob"):
        # LangChain has no common block for files and sound: handlers get the neutral part
        return dict(part)
    url = part.get("uri")
    if part_type == "blob":
        url = f"data:{part.get('mime_type')};base64,{part.get('content')}"
    # OpenAI's form of a block, which LangChain's converters know
    return {"type": "image_url", "image_url": {"url": url}}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=repr)
