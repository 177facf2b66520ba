"""Messages and their parts, each text by the kind of content that it is."""

from __future__ import annotations

from typing import Any

from callspan.content.capture import Capture
from callspan.content.redaction import Redact, knows_fields, redact_field
from callspan.events import SERVER_TOOL_CALL, TOOL_CALL
from callspan.runtime.plain import plain, valid

Item = dict[str, Any]
_NAMES = frozenset(
    {"type", "role", "id", "name", "mime_type", "modality", "finish_reason", "file_id"}
)
"""What names a part rather than says something; it is never given to a redaction hook."""
LEAST_NUMBER = 1_000_000
"""Numbers of people have seven digits and more."""
_ANSWERS = ("tool_call_response", "server_tool_call_response")


class Refused(Exception):
    """A redaction hook failed, so nothing of what it was given may be shown."""


def shaped(value: Any, where: str, capture: Capture) -> Any:
    """A copy without the bytes of images, sound and files, without fields not wanted, redacted where that is asked."""
    if is_list(value):
        return _listed(value, where, capture)
    if value is None or where not in capture.fields:
        return None
    redact = capture.redact
    return value if redact is None else redacted_value(plain(value), where, redact)


def is_list(value: Any) -> bool:
    """Whether a value is a list of messages, parts, definitions or documents, rather than any value of a tool's."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _listed(items: list[Item], where: str, capture: Capture) -> list[Item]:
    found = [(field, item) for item in items if (field := _field(item, where)) in capture.fields]
    bare = [_bare(item, capture.fields) for _, item in found]
    if capture.redact is None:
        return bare
    return [
        _redacted(item, field, capture.redact) for (field, _), item in zip(found, bare, strict=True)
    ]


def _field(item: Item, where: str) -> str:
    """Some formats send the system's instructions as messages among the others."""
    return "system" if where == "input" and item.get("role") in ("system", "developer") else where


def _bare(item: Item, fields: frozenset[str]) -> Item:
    if "parts" in item:
        return {**item, "parts": [_bare(part, fields) for part in item["parts"]]}
    kind = item.get("type")
    if kind == "blob" and isinstance(item.get("content"), str):
        return {"size": len(item["content"]), **item, "content": ""}
    if kind == TOOL_CALL and "arguments" not in fields:
        return {key: value for key, value in item.items() if key != "arguments"}
    if kind == SERVER_TOOL_CALL and "arguments" not in fields:
        return {**item, SERVER_TOOL_CALL: {"type": item.get("name") or ""}}
    if kind in _ANSWERS and "results" not in fields:
        return {**item, _held(kind): {"type": "withheld"} if kind.startswith("server") else ""}
    return item


def _held(kind: str) -> str:
    """The key under which a tool's result stands."""
    return "response" if kind == "tool_call_response" else kind


def _redacted(item: Item, where: str, redact: Redact) -> Item:
    kind = item.get("type")
    place = (
        "arguments"
        if kind in (TOOL_CALL, SERVER_TOOL_CALL)
        else "results"
        if kind in _ANSWERS
        else where
    )

    found = {}
    for key, value in item.items():
        if key == "parts":
            found[key] = [
                _redacted(part, where, redact) if isinstance(part, dict) else part for part in value
            ]
        else:
            found[key] = (
                value if key in _NAMES else redacted_value(plain(value), place, redact, key)
            )
    return found


def redacted_value(value: Any, where: str, redact: Redact, name: str = "") -> Any:
    """Return plain data with every text in it redacted, and every number that is long enough to be a person's.

    `name` is that of the field in which the value stands, by which the common redaction knows more.
    """
    if isinstance(value, str):
        return redacted(_without_named(name, value, where, redact), where, redact)
    if isinstance(value, int) and abs(value) >= LEAST_NUMBER:
        text = str(value)
        hidden = redacted(_without_named(name, text, where, redact), where, redact)
        return value if hidden == text else hidden
    if isinstance(value, dict):
        return {
            _redacted_key(key, where, redact): redacted_value(item, where, redact, key)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redacted_value(item, where, redact, name) for item in value]
    return value


def _without_named(name: str, value: str, where: str, redact: Redact) -> str:
    return redact_field(name, value, where) if name and knows_fields(redact) else value


def _redacted_key(key: str, where: str, redact: Redact) -> str:
    """Return a key without an address or the like in it; a hook of the app's is given values only."""
    return redacted(key, where, redact) if knows_fields(redact) else key


def redacted(text: str, where: str, redact: Redact) -> str:
    """What a hook makes of a text; `None` takes it out. Raises `Refused` if the hook fails."""
    try:
        made = redact(text, where)
    except Exception as error:
        raise Refused(type(error).__name__) from error
    if made is None:
        return ""
    if not isinstance(made, str):
        raise Refused(f"it returned {type(made).__name__}, not text")
    return valid(made)
