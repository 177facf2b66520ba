"""Message content under the names of the conventions: JSON text for spans, structured for events."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from opentelemetry import attributes

from callspan.content.capture import Capture
from callspan.content.copied import Copy
from callspan.content.encoding import encode
from callspan.content.fitting import Fitted, Single, middle_out, size
from callspan.content.media import bare
from callspan.content.parts import Refused, is_list, redacted, shaped
from callspan.events import Call
from callspan.runtime import guard
from callspan.runtime.plain import even, plain, valid
from callspan.semconv import names
from callspan.semconv.attributes import stop_sequences

DROPS_UNEVEN = hasattr(attributes, "_clean_extended_attribute_value")
"""Whether OpenTelemetry drops a list in an event whose items are of several types, as it did before 1.45."""


class CapturedContent:
    """The content of one call as it may be shown, made once for the span and the event.

    What was sent takes three quarters of the bytes that there are at most, so that there is room for the answer.
    """

    __slots__ = ("_capture", "_limit", "_received", "_room", "_sent", "_stops", "dropped", "elided")

    def __init__(self, capture: Capture, attribute_limit: int | None) -> None:
        self.dropped: list[str] = []
        self.elided = 0
        self._sent: dict[str, Fitted | Single] = {}
        self._received: dict[str, Fitted | Single] | None = None
        self._stops: dict[str, list[str]] = {}
        self._capture = capture
        self._limit = min(capture.attribute_limit, attribute_limit or capture.attribute_limit)
        self._room = capture.limit

    def sent(self, call: Call) -> None:
        """Take in what was sent to the model, the tool or the search, as far as there is something."""
        most = self._room // 4
        self._add(
            self._sent, names.SYSTEM_INSTRUCTIONS, "system", lambda: call.content.system, most
        )
        self._add(self._sent, names.TOOL_DEFINITIONS, "tools", lambda: call.content.tools, most)
        self._add(
            self._sent,
            names.INPUT_MESSAGES,
            "input",
            lambda: call.content.messages,
            self._room - most,
        )
        self._add(
            self._sent, names.TOOL_ARGUMENTS, "arguments", lambda: call.content.arguments, most
        )
        self._add(self._sent, names.RETRIEVAL_QUERY, "input", lambda: call.content.query, most)
        if "stop" in call.parameters:
            self._add_stops(call)

    def _add_stops(self, call: Call) -> None:
        """Take in the stop sequences, which the conventions have as a list of texts rather than as JSON."""
        stops = stop_sequences(call)
        if not stops or "input" not in self._capture.fields:
            return
        shares: dict[str, Fitted | Single] = {}
        for place, stop in enumerate(stops):
            self._add(
                shares,
                f"{names.STOP_SEQUENCES}[{place}]",
                "input",
                lambda text=stop: text,
                self._limit // 4,
            )
        self._stops = {names.STOP_SEQUENCES: [share.text for share in shares.values()]}

    def received(self, call: Call) -> None:
        """Take in what was received, as far as there is something; a second time changes nothing."""
        if self._received is not None:
            return
        answer, found = call.response, {}
        said = [message for message in answer.messages if message["parts"]]
        self._add(found, names.OUTPUT_MESSAGES, "output", lambda: said, self._room)
        name = names.RETRIEVAL_DOCUMENTS if isinstance(answer.result, list) else names.TOOL_RESULT
        self._add(found, name, "results", lambda: answer.result, self._room)
        self.elided += answer.elided
        self._received = found

    def _add(
        self,
        to: dict[str, Fitted | Single],
        name: str,
        field: str,
        read: Callable[[], Any],
        room: int,
    ) -> None:
        try:
            copy = Copy(read())
            self.elided += copy.elided
            value = shaped(copy.value, field, self._capture)
            if value is None or value == []:
                return
            fitted = to[name] = (Fitted if is_list(value) else Single)(
                value, min(room, self._limit)
            )
            self.elided += fitted.elided
            self._room -= fitted.size
        except Refused as refusal:
            guard.say_once(f"the redact hook failed ({refusal}), so {name} is not captured")
            self.dropped.append(name)
        except Exception as error:  # noqa: BLE001  odd content must not cost the call its span
            guard.report(f"reading {name}", error)
            self.dropped.append(name)

    def texts(self) -> dict[str, Any]:
        """What was taken in last, as text by attribute: JSON, for spans carry no structures, but mere text as it is."""
        if self._received is not None:
            return {name: value.text for name, value in self._received.items()}
        return {name: value.text for name, value in self._sent.items()} | self._stops

    def structures(self, longest: int | None = None) -> dict[str, Any]:
        """All of it as plain values by attribute, for events; texts are cut where the SDK would cut them anyhow."""
        change = valid if longest is None else lambda text: _within(valid(text), longest)
        all_of_it = {**self._sent, **(self._received or {})}
        found: dict[str, Any] = {
            name: plain(value.value, change) for name, value in all_of_it.items()
        }
        found.update(self._stops)
        return even(found, encode) if DROPS_UNEVEN else found

    def notes(self) -> dict[str, Any]:
        """What was left out: bytes and characters for want of room, attributes because they could not be redacted."""
        found: dict[str, Any] = {names.CONTENT_ELIDED: self.elided} if self.elided else {}
        return {**found, names.CONTENT_DROPPED: self.dropped} if self.dropped else found


def message(call: Call, error: BaseException) -> str | None:
    """What an exception says, where content is captured; redacted as that is."""
    return None if call.capture is None else _told(call.capture, lambda: str(error))


def trace(call: Call, error: BaseException) -> str | None:
    """The stack trace of an exception, which ends in what it says, where content is captured."""
    return (
        None
        if call.capture is None
        else _told(call.capture, lambda: "".join(traceback.format_exception(error)))
    )


def _told(capture: Capture, read: Callable[[], str]) -> str | None:
    try:
        text = read()
        text = bare(valid(text))
        text = text if capture.redact is None else redacted(text, "error", capture.redact)
    except Refused as refusal:
        guard.say_once(
            f"the redact hook failed ({refusal}), so what exceptions say is not captured"
        )
        return None
    except Exception:  # noqa: BLE001  an exception may not be able to say anything
        return None
    return _within(text, capture.limit)


def _within(text: str, longest: int) -> str:
    return text if size(text) <= longest else middle_out(text, longest)
