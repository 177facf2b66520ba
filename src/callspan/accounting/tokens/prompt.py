"""How many tokens a conversation has on its way to a model, by the rules that OpenAI publishes for its chat format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from callspan.runtime.plain import plain

Count = Callable[[str], int]
PER_MESSAGE = 3
PER_NAME = 1
BEFORE_ANSWER = 3
_FUNCTION, _FIRST_PROPERTY, _PROPERTY, _ENUM, _ENUM_ITEM, _AFTER_FUNCTIONS = 7, 3, 3, -3, 3, 12
_TEXTS = {"text": "content", "reasoning": "content", "tool_call_response": "response"}
"""The kinds of part that are text, and where it stands."""


def count_prompt(
    messages: Iterable[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], count: Count
) -> tuple[int, set[str]]:
    """The tokens of messages and tools, and the kinds of input for which there is no rule."""
    total, unknown = BEFORE_ANSWER, set[str]()
    for message in messages:
        total += PER_MESSAGE + count(str(message.get("role") or ""))
        total += PER_NAME + count(str(message["name"])) if message.get("name") else 0
        for part in message.get("parts") or ():
            known = _text(part)
            if known is None:
                unknown.add(_kind(part.get("modality") or part.get("type")))
            else:
                total += count(known)
    functions = [
        tool
        for tool in tools
        if tool.get("type") == "function" or tool.get("parameters") is not None
    ]
    unknown.update(_kind(tool.get("type")) for tool in tools if tool not in functions)
    return total + sum(_tool(tool, count) for tool in functions) + (
        _AFTER_FUNCTIONS if functions else 0
    ), unknown


def _kind(name: Any) -> str:
    """Return a kind of input as a word for telemetry; anything else that stands there may be the app's own text."""
    word = (
        isinstance(name, str)
        and len(name) <= _LONGEST_KIND
        and name.replace("-", "_").isidentifier()
    )
    return name if word else "unknown"


_LONGEST_KIND = 40


def _text(part: Mapping[str, Any]) -> str | None:
    kind = part.get("type")
    if kind == "tool_call":
        return f"{part.get('name') or ''} {_json(part.get('arguments'))}"
    return _json(part.get(_TEXTS[kind])) if kind in _TEXTS else None


def _json(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(plain(value), ensure_ascii=False, default=repr)


def _tool(tool: Mapping[str, Any], count: Count) -> int:
    """A function's name, description and parameters."""
    total = _FUNCTION + count(
        f"{tool.get('name')}:{str(tool.get('description') or '').rstrip('.')}"
    )
    parameters = tool.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
    if not isinstance(properties, Mapping) or not properties:
        return total
    return (
        total
        + _FIRST_PROPERTY
        + sum(_property(name, each, count) for name, each in properties.items())
    )


def _property(name: Any, told: Any, count: Count) -> int:
    told = told if isinstance(told, Mapping) else {}
    options = told.get("enum") or ()
    total = (
        _PROPERTY
        + (_ENUM if options else 0)
        + sum(_ENUM_ITEM + count(str(option)) for option in options)
    )
    return total + count(
        f"{name}:{told.get('type')}:{str(told.get('description') or '').rstrip('.')}"
    )
