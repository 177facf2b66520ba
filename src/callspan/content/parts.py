"""Messages and their parts as they may be recorded: captured kinds of content, redacted."""

from __future__ import annotations

from typing import Any

from callspan.content.capture import Capture
from callspan.content.media import without_data
from callspan.content.redaction import Redact, knows_fields, redact_field
from callspan.events import SERVER_TOOL_CALL, TOOL_CALL
from callspan.runtime.plain import plain, unused_key, valid

Item = dict[str, Any]
"""A message, a part of one, or the definition of a tool."""
_NAMING_KEYS = frozenset(
    {"type", "role", "id", "name", "mime_type", "modality", "finish_reason", "file_id"}
)
"""Keys whose values name a part and are no content; no redaction hook gets them."""
_APP_NAMES = frozenset({"id", "name"})
"""Those whose values the app chooses in a message or a document, such as a user's address."""
LEAST_NUMBER = 1_000_000
"""The smallest number that is redacted: those of persons have seven digits and more."""
_RESULT_KEYS = {
    "tool_call_response": "response",
    "server_tool_call_response": "server_tool_call_response",
}
"""The types of parts that hold the result of a tool, with the key of the result."""
_FIELDS: dict[Any, str] = {
    TOOL_CALL: "arguments",
    SERVER_TOOL_CALL: "arguments",
    **dict.fromkeys(_RESULT_KEYS, "results"),
}
"""The types of parts that hold content of a kind of its own, with that kind."""


class Refused(Exception):
    """A redaction hook failed, so the content that it got may not be recorded at all."""


def shaped(value: Any, field: str, capture: Capture) -> Any:
    """Return a copy of content as it may be recorded.

    The bytes of images, sound and files are left out, so are kinds that are not captured, and
    texts are redacted if there is a hook.

    Args:
        value: A list of messages, parts, definitions or documents; or any value of a tool's.
        field: The kind of content, one of `capture.FIELDS`.
        capture: The kinds that are captured, and the redaction hook.

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
    """Whether a value is a list of messages, parts, definitions or documents.

    Any other value is one of a tool's.
    """
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _shape_list(items: list[Item], field: str, capture: Capture) -> list[Item]:
    """Return copies of the items whose kind of content is captured."""
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
    """Return the kind of content of a message.

    Some formats send system instructions among the other messages.
    """
    # so that `capture_fields` without `system` holds for all formats alike
    if field == "input" and item.get("role") in ("system", "developer"):
        return "system"
    return field


def _without_bytes(item: Any, fields: frozenset[str]) -> Any:
    """Return an item without bytes, and without arguments and results that are not captured."""
    if not isinstance(item, dict):
        return item
    if "parts" in item:
        return {**item, "parts": [_without_bytes(part, fields) for part in item["parts"]]}
    part_type = item.get("type")
    if part_type == "blob":
        return without_data(item)
    field = _FIELDS.get(part_type)
    if field in fields:
        return item
    if field == "arguments":
        return _without_arguments(item)
    if field == "results":
        return _without_result(item)
    return item


def _without_arguments(part: Item) -> Item:
    """Return a part that is a call of a tool without the arguments."""
    if part["type"] == TOOL_CALL:
        return {key: value for key, value in part.items() if key != "arguments"}
    # the conventions require the object, with a type
    return {**part, SERVER_TOOL_CALL: {"type": part.get("name") or ""}}


def _without_result(part: Item) -> Item:
    """Return a part that is the result of a tool without the result, whose key is required."""
    if part["type"] == "tool_call_response":
        return {**part, "response": ""}
    return {**part, part["type"]: {"type": "withheld"}}


def _redact_item(item: Item, field: str, redact: Redact) -> Item:
    """Return a copy of a message, part or definition with its texts redacted."""
    value_field = _field_of_values(item, field)
    naming_keys = _NAMING_KEYS
    # messages and documents have no type; a part's or a definition's name is that of a tool
    if "type" not in item:
        naming_keys = _NAMING_KEYS - _APP_NAMES
    redacted_item: Item = {}
    for key, value in item.items():
        if key == "parts":
            redacted_item[key] = [_redact_part(part, field, redact) for part in value]
        elif key in naming_keys:
            redacted_item[key] = value
        else:
            # plain first: a hook gets texts, never an object of the app's
            redacted_item[key] = redacted_value(plain(value), value_field, redact, key)
    return redacted_item


def _redact_part(part: Any, field: str, redact: Redact) -> Any:
    if isinstance(part, dict):
        return _redact_item(part, field, redact)
    return redacted_value(plain(part), field, redact)


def _field_of_values(item: Item, field: str) -> str:
    """Return the kind of content of an item's values.

    Arguments and results of tools are kinds of their own within a message.
    """
    return _FIELDS.get(item.get("type"), field)


def redacted_value(value: Any, field: str, redact: Redact, name: str = "") -> Any:
    """Return plain data with all texts redacted, and numbers that are long enough to be a person's.

    `name` is the key of the value, by which the common redaction recognises more.
    """
    if isinstance(value, str):
        return _redact_text(value, field, redact, name)
    if isinstance(value, int):
        return _redact_number(value, field, redact, name)
    if isinstance(value, dict):
        result: dict[str, Any] = {}
        for key, item in value.items():
            new_key = unused_key(_redact_key(key, field, redact), result)
            result[new_key] = redacted_value(item, field, redact, key)
        return result
    if isinstance(value, list):
        return [redacted_value(item, field, redact, name) for item in value]
    return value


def _redact_number(number: int, field: str, redact: Redact, name: str) -> int | str:
    """Return a number as it is, or a text in its place if the hook changes its digits."""
    # `True` and `False` are numbers here too, and small ones
    if abs(number) < LEAST_NUMBER:
        return number
    digits = str(number)
    redacted_digits = _redact_text(digits, field, redact, name)
    if redacted_digits == digits:
        return number
    return redacted_digits


def _redact_text(text: str, field: str, redact: Redact, name: str) -> str:
    if name and knows_fields(redact):
        # by its name first; then by all steps of the hook, as the common one may be one of several
        text = redact_field(name, text, field)
    return redacted(text, field, redact)


def _redact_key(key: str, field: str, redact: Redact) -> str:
    """Return a key without an address or the like in it; a hook of the app's gets values only."""
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
        # the type alone: the words of the hook's error may repeat the text that it got
        raise Refused(type(error).__name__) from error
    if result is None:
        return ""
    if not isinstance(result, str):
        raise Refused(f"it returned {type(result).__name__}, not text")
    return valid(result)
