"""Messages and their parts, each text by the kind of content that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.content.capture import Capture
from callspan.content.plain import plain, valid
from callspan.events import SERVER_TOOL_CALL, TOOL_CALL

Item = dict[str, Any]
_NAMES = frozenset({"type", "role", "id", "name", "mime_type", "modality", "finish_reason", "file_id"})
"""What names a part rather than says something; it is never given to a redaction hook."""
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
    return value if redact is None else plain(value, lambda text: redacted(text, where, redact))


def is_list(value: Any) -> bool:
    """Whether a value is a list of messages, parts, definitions or documents, rather than any value of a tool's."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _listed(items: list[Item], where: str, capture: Capture) -> list[Item]:
    found = [(field, item) for item in items if (field := _field(item, where)) in capture.fields]
    bare = [_bare(item, capture.fields) for _, item in found]
    if capture.redact is None:
        return bare
    return [_redacted(item, field, capture.redact) for (field, _), item in zip(found, bare, strict=True)]


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


def _redacted(item: Item, where: str, redact: Callable[[str, str], str | None]) -> Item:
    kind = item.get("type")
    place = "arguments" if kind in (TOOL_CALL, SERVER_TOOL_CALL) else "results" if kind in _ANSWERS else where

    def change(text: str) -> str:
        return redacted(text, place, redact)

    found = {}
    for key, value in item.items():
        if key == "parts":
            found[key] = [_redacted(part, where, redact) if isinstance(part, dict) else part for part in value]
        else:
            found[key] = value if key in _NAMES else plain(value, change)
    return found


def redacted(text: str, where: str, redact: Callable[[str, str], str | None]) -> str:
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
