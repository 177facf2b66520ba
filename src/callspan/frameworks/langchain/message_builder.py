"""Messages of a call as LangChain's; imported only once LangChain is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable
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

from callspan.events import TEXT, TOOL_CALL, Call

_RESULT = "tool_call_response"
_SEEN_ELSEWHERE = (TOOL_CALL, _RESULT, "reasoning")


def sent(call: Call) -> list[BaseMessage]:
    """The conversation as it was sent, system instructions first."""
    content = call.content
    found: list[BaseMessage] = [SystemMessage(_said(content.system))] if content.system else []
    for message in content.messages:
        found += _messages(str(message.get("role") or "user"), message.get("parts") or [])
    return found


def prompts(call: Call) -> list[str]:
    """The prompts of a completion, as they were sent."""
    return [_text(message.get("parts") or []) for message in call.content.messages]


def as_prompt(conversation: list[BaseMessage]) -> str:
    """A conversation as one text, for handlers that know prompts only."""
    return get_buffer_string(conversation)


def spoken(parts: list[dict[str, Any]], **facts: Any) -> AIMessage:
    """What a model said, with the tools that it asked for."""
    asked = [part for part in parts if part.get("type") == TOOL_CALL]
    good = [_asked(part, part["arguments"]) for part in asked if _is_object(part)]
    bad = [
        {**_asked(part, _as_text(part.get("arguments"))), "error": None}
        for part in asked
        if not _is_object(part)
    ]
    thought = "".join(
        str(part.get("content") or "") for part in parts if part.get("type") == "reasoning"
    )
    return AIMessage(
        content=_said(parts),
        tool_calls=good,
        invalid_tool_calls=bad,
        additional_kwargs={"reasoning_content": thought} if thought else {},
        **facts,
    )


def _is_object(part: dict[str, Any]) -> bool:
    return isinstance(part.get("arguments"), dict)


def _asked(part: dict[str, Any], arguments: Any) -> Any:
    return {"name": str(part.get("name") or ""), "args": arguments, "id": part.get("id")}


def _messages(role: str, parts: list[dict[str, Any]]) -> Iterable[BaseMessage]:
    """One message, but each tool result as a message of its own, as LangChain has it for all providers."""
    results = [part for part in parts if part.get("type") == _RESULT]
    rest = [part for part in parts if part.get("type") != _RESULT]
    for part in results:
        yield ToolMessage(
            content=_as_text(part.get("response")), tool_call_id=str(part.get("id") or "")
        )
    if rest or not results:
        yield _of(role, rest)


def _of(role: str, parts: list[dict[str, Any]]) -> BaseMessage:
    match role:
        case "user" | "human":
            return HumanMessage(_said(parts))
        case "assistant" | "model" | "ai":
            return spoken(parts)
        case "system" | "developer":
            return SystemMessage(_said(parts))
        case _:
            return ChatMessage(content=_said(parts), role=role)


def _said(parts: list[dict[str, Any]]) -> Any:
    """The text of a message; a list of blocks where there are images, sound or files among it."""
    seen = [part for part in parts if part.get("type") not in _SEEN_ELSEWHERE]
    return (
        _text(seen)
        if all(part.get("type") == TEXT for part in seen)
        else [_block(part) for part in seen]
    )


def _text(parts: list[dict[str, Any]]) -> str:
    return "".join(str(part.get("content") or "") for part in parts if part.get("type") == TEXT)


def _block(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") == TEXT:
        return {"type": "text", "text": part.get("content") or ""}
    if part.get("modality") != "image" or part.get("type") not in ("uri", "blob"):
        return dict(part)
    url = (
        part["uri"]
        if part["type"] == "uri"
        else f"data:{part.get('mime_type')};base64,{part.get('content')}"
    )
    return {"type": "image_url", "image_url": {"url": url}}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
