"""Message content under the names of the conventions: JSON text for spans, structured for events."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from callspan import guard
from callspan.content.capture import Capture
from callspan.content.fitting import Fitted
from callspan.content.parts import Refused, redacted, shaped
from callspan.content.plain import plain, valid
from callspan.events import Call
from callspan.semconv import names

NAMES = {
    "system": names.SYSTEM_INSTRUCTIONS,
    "input": names.INPUT_MESSAGES,
    "tools": names.TOOL_DEFINITIONS,
    "output": names.OUTPUT_MESSAGES,
}


class Shown:
    """The content of one call as it may be shown, made once for the span and the event.

    What was sent takes three quarters of the bytes that there are at most, so that there is room for the answer.
    """

    __slots__ = ("_capture", "_limit", "_room", "_whole", "dropped", "elided", "fields")

    def __init__(self, capture: Capture, attribute_limit: int | None) -> None:
        self.fields: dict[str, Fitted] = {}
        self.dropped: list[str] = []
        self.elided = 0
        self._capture = capture
        self._limit = min(capture.attribute_limit, attribute_limit or capture.attribute_limit)
        self._room = capture.limit
        self._whole = False

    def sent(self, call: Call) -> None:
        """Take in system instructions, tool definitions and input messages, those there are."""
        content, most = call.content, self._room // 4
        self._add("system", lambda: content.system, most)
        self._add("tools", lambda: content.tools, most)
        self._add("input", lambda: content.messages, self._room - most)

    def received(self, call: Call) -> None:
        """Take in the output messages, only where something was received; a second time changes nothing."""
        if self._whole:
            return
        self._whole = True
        self._add("output", lambda: [message for message in call.response.messages if message["parts"]], self._room)
        self.elided += call.response.elided

    def _add(self, field: str, read: Callable[[], list[dict[str, Any]]], room: int) -> None:
        try:
            items = shaped(read(), field, self._capture)
            if items:
                self._keep(field, Fitted(items, min(room, self._limit)))
        except Refused as refusal:
            guard.say_once(f"the redact hook failed ({refusal}), so {NAMES[field]} is not captured")
            self.dropped.append(NAMES[field])
        except Exception as error:  # noqa: BLE001  odd content must not cost the call its span
            guard.report(f"reading {NAMES[field]}", error)
            self.dropped.append(NAMES[field])

    def _keep(self, field: str, fitted: Fitted) -> None:
        self.fields[field] = fitted
        self.elided += fitted.elided
        self._room -= fitted.size

    def texts(self, *fields: str) -> dict[str, str]:
        """JSON texts by attribute, for spans, which carry no structures."""
        return {NAMES[field]: self.fields[field].text for field in fields or NAMES if field in self.fields}

    def structures(self) -> dict[str, Any]:
        """Plain values by attribute, for events."""
        return {NAMES[field]: plain(fitted.items) for field, fitted in self.fields.items()}

    def notes(self) -> dict[str, Any]:
        """What was left out: bytes and characters for want of room, attributes because they could not be redacted."""
        found: dict[str, Any] = {names.CONTENT_ELIDED: self.elided} if self.elided else {}
        return {**found, names.CONTENT_DROPPED: self.dropped} if self.dropped else found


def message(call: Call, error: BaseException) -> str | None:
    """What an exception says, where content is captured; redacted as that is."""
    return None if call.capture is None else _told(call.capture, lambda: str(error))


def trace(call: Call, error: BaseException) -> str | None:
    """The stack trace of an exception, which ends in what it says, where content is captured."""
    return None if call.capture is None else _told(call.capture, lambda: "".join(traceback.format_exception(error)))


def _told(capture: Capture, read: Callable[[], str]) -> str | None:
    try:
        text = read()
        text = valid(text) if capture.redact is None else redacted(text, "error", capture.redact)
    except Refused as refusal:
        guard.say_once(f"the redact hook failed ({refusal}), so what exceptions say is not captured")
        return None
    except Exception:  # noqa: BLE001  an exception may not be able to say anything
        return None
    return text if len(text) <= capture.limit else text[: capture.limit]
