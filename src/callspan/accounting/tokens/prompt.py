"""Count the tokens of a conversation, by the rules that OpenAI publishes for its chat format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from callspan.runtime.plain import plain

Count = Callable[[str], int]
"""Returns the tokens of a text."""
# Tokens beside those of the texts, from OpenAI's cookbook, "How to count tokens with tiktoken".
PER_MESSAGE = 3
PER_NAME = 1
BEFORE_ANSWER = 3
_PER_FUNCTION = 7
_BEFORE_PROPERTIES = 3
_PER_PROPERTY = 3
_PER_ENUM = -3
_PER_ENUM_ITEM = 3
_AFTER_FUNCTIONS = 12
_TEXT_FIELDS = {"text": "content", "reasoning": "content", "tool_call_response": "response"}
"""The types of part that are text, and the field with the text."""
_LONGEST_KIND = 40
"""Characters."""


def count_prompt(
    messages: Iterable[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], count: Count
) -> tuple[int, set[str]]:
    """Return the tokens of messages and tools, and the kinds of input without a rule."""
    total = BEFORE_ANSWER
    not_counted: set[str] = set()
    for message in messages:
        total += _message(message, count, not_counted)
    has_function = False
    for tool in tools:
        is_function = tool.get("type") == "function" or tool.get("parameters") is not None
        if is_function:
            has_function = True
            total += _tool(tool, count)
        else:
            not_counted.add(_kind(tool.get("type")))
    if has_function:
        total += _AFTER_FUNCTIONS
    return total, not_counted


def _message(message: Mapping[str, Any], count: Count, not_counted: set[str]) -> int:
    """Return the tokens of one message, and add kinds of parts without a rule to `not_counted`."""
    total = PER_MESSAGE + count(str(message.get("role") or ""))
    if message.get("name"):
        total += PER_NAME + count(str(message["name"]))
    for part in message.get("parts") or ():
        # a kind without a rule, such as an image, is named on the span in place of a guess
        text = _text(part)
        if text is None:
            not_counted.add(_kind(part.get("modality") or part.get("type")))
        else:
            total += count(text)
    return total


def _kind(name: object) -> str:
    """Return a kind of input as a word for telemetry; any other text may be content."""
    if not isinstance(name, str) or len(name) > _LONGEST_KIND:
        return "unknown"
    if not name.replace("-", "_").isidentifier():
        return "unknown"
    return name


def _text(part: Mapping[str, Any]) -> str | None:
    """Return the text of a part as it is counted; `None` for a kind without a rule."""
    part_type = part.get("type")
    if part_type == "tool_call":
        name = part.get("name") or ""
        return f"{name} {_json(part.get('arguments'))}"
    if part_type in _TEXT_FIELDS:
        return _json(part.get(_TEXT_FIELDS[part_type]))
    return None


def _json(value: object) -> str:
    """Return a text as it is, and any other value as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(plain(value), ensure_ascii=False, default=repr)


def _tool(tool: Mapping[str, Any], count: Count) -> int:
    """Return the tokens of a function's name, description and parameters."""
    total = _PER_FUNCTION + count(f"{tool.get('name')}:{_description(tool)}")
    parameters = tool.get("parameters")
    if not isinstance(parameters, Mapping):
        return total
    properties = parameters.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return total
    total += _BEFORE_PROPERTIES
    for name, schema in properties.items():
        total += _property(name, schema, count)
    return total


def _property(name: object, schema: object, count: Count) -> int:
    """Return the tokens of one parameter: its name, type, description and possible values."""
    fields: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    total = _PER_PROPERTY
    options = fields.get("enum") or ()
    if options:
        total += _PER_ENUM
    for option in options:
        total += _PER_ENUM_ITEM + count(str(option))
    return total + count(f"{name}:{fields.get('type')}:{_description(fields)}")


def _description(schema: Mapping[str, Any]) -> str:
    # without the full stop, by the same rules
    return str(schema.get("description") or "").rstrip(".")
