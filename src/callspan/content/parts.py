"""Messages and their parts as they may be recorded: the wanted kinds of content, without bytes, redacted."""

from __future__ import annotations

from typing import Any

from callspan.content.capture import Capture
from callspan.content.redaction import Redact, knows_fields, redact_field
from callspan.events import SERVER_TOOL_CALL, TOOL_CALL
from callspan.runtime.plain import plain, valid

Item = dict[str, Any]
"""A message, a part of one, or the definition of a tool."""
_LABELS = frozenset(
    {"type", "role", "id", "name", "mime_type", "modality", "finish_reason", "file_id"}
)
"""Keys whose values name a part and say nothing; they are never given to a redaction hook."""
LEAST_NUMBER = 1_000_000
"""The smallest number that is redacted: those by which people are known have seven digits and more."""
_RESULT_KEYS = {
    "tool_call_response": "response",
    "server_tool_call_response": "server_tool_call_response",
}
"""The key under which the result stands, by the type of a part that holds the result of a tool."""


class Refused(Exception):
    """A redaction hook failed, so nothing of what it was given may be recorded."""


def shaped(value: Any, field: str, capture: Capture) -> Any:
    """Return a copy of content as it may be recorded.

    The bytes of images, sound and files are left out, so are fields that are not wanted, and texts are
    redacted where that is asked for.

    Args:
        value: A list of messages, parts, definitions or documents; or any value of a tool's.
        field: The kind of content, one of `capture.FIELDS`.
        capture: Which kinds are wanted, and how they are redacted.

    Raises:
        Refused: The redaction hook failed.
    """
    if is_list(value):
        return _shape_list(value, field, capture)
    if value is None or field not in capture.fields:
        return None
    if capture.redact is None:
        return value
    return redacted_value(plain(value), field, capture.redact)


def is_list(value: Any) -> bool:
    """Whether a value is a list of messages, parts, definitions or documents, and no other value of a tool's."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _shape_list(items: list[Item], field: str, capture: Capture) -> list[Item]:
    shaped_items: list[Item] = []
    for item in items:
        item_field = _field_of(item, field)
        if item_field not in capture.fields:
            continue
        bare = _without_bytes(item, capture.fields)
        if capture.redact is not None:
            bare = _redact_item(bare, item_field, capture.redact)
        shaped_items.append(bare)
    return shaped_items


def _field_of(item: Item, field: str) -> str:
    """Return the kind of content of a message: some formats send system instructions among the others."""
    if field == "input" and item.get("role") in ("system", "developer"):
        return "system"
    return field


def _without_bytes(item: Item, fields: frozenset[str]) -> Item:
    """Return an item without bytes, and without arguments and results that are not among the fields."""
    if "parts" in item:
        return {**item, "parts": [_without_bytes(part, fields) for part in item["parts"]]}
    kind = item.get("type")
    if kind == "blob" and isinstance(item.get("content"), str):
        return {"size": len(item["content"]), **item, "content": ""}
    if "arguments" not in fields:
        if kind == TOOL_CALL:
            return {key: value for key, value in item.items() if key != "arguments"}
        if kind == SERVER_TOOL_CALL:
            return {**item, SERVER_TOOL_CALL: {"type": item.get("name") or ""}}
    if "results" not in fields:
        if kind == "tool_call_response":
            return {**item, "response": ""}
        if kind == "server_tool_call_response":
            return {**item, kind: {"type": "withheld"}}
    return item


def _redact_item(item: Item, field: str, redact: Redact) -> Item:
    value_field = _field_of_values(item, field)
    redacted_item: Item = {}
    for key, value in item.items():
        if key == "parts":
            redacted_item[key] = [_redact_part(part, field, redact) for part in value]
        elif key in _LABELS:
            redacted_item[key] = value
        else:
            redacted_item[key] = redacted_value(plain(value), value_field, redact, key)
    return redacted_item


def _redact_part(part: Any, field: str, redact: Redact) -> Any:
    if isinstance(part, dict):
        return _redact_item(part, field, redact)
    return part


def _field_of_values(item: Item, field: str) -> str:
    """Return the kind of content of an item's values: arguments and results of tools are kinds of their own."""
    kind = item.get("type")
    if kind in (TOOL_CALL, SERVER_TOOL_CALL):
        return "arguments"
    if kind in _RESULT_KEYS:
        return "results"
    return field


def redacted_value(value: Any, field: str, redact: Redact, name: str = "") -> Any:
    """Return plain data with all texts redacted, and all numbers that are long enough to be a person's.

    `name` is that of the key under which the value stands, by which the common redaction knows more.
    """
    if isinstance(value, str):
        return _redact_text(value, field, redact, name)
    if isinstance(value, int) and abs(value) >= LEAST_NUMBER:
        digits = str(value)
        hidden = _redact_text(digits, field, redact, name)
        return value if hidden == digits else hidden
    if isinstance(value, dict):
        return {
            _redact_key(key, field, redact): redacted_value(item, field, redact, key)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redacted_value(item, field, redact, name) for item in value]
    return value


def _redact_text(text: str, field: str, redact: Redact, name: str) -> str:
    if name and knows_fields(redact):
        text = redact_field(name, text, field)
    return redacted(text, field, redact)


def _redact_key(key: str, field: str, redact: Redact) -> str:
    """Return a key without an address or the like in it; a hook of the app's is given values only."""
    if knows_fields(redact):
        return redacted(key, field, redact)
    return key


def redacted(text: str, field: str, redact: Redact) -> str:
    """Return the text that a redaction hook makes of a text; empty where the hook returns `None`.

    Raises:
        Refused: The hook raised, or returned something else than a text.
    """
    try:
        result = redact(text, field)
    except Exception as error:
        raise Refused(type(error).__name__) from error
    if result is None:
        return ""
    if not isinstance(result, str):
        raise Refused(f"it returned {type(result).__name__}, not text")
    return valid(result)
