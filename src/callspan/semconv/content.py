"""The content of a call under the conventions' names: JSON for spans, structures for events."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable
from functools import partial
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
from callspan.semconv import answers, names
from callspan.semconv.attributes import stop_sequences
from callspan.semconv.conventions import Convention

# a private name, as there is no public sign of it; see tests/test_content.py
DROPS_UNEVEN = hasattr(attributes, "_clean_extended_attribute_value")
"""Whether OpenTelemetry drops lists of mixed types from events, as it did before 1.45."""

MOST_VARIABLES = 32
"""The most variables of a prompt that are captured: a span holds 128 attributes by default."""

_UPLOADS = {
    names.INPUT_MESSAGES: ("inputs", names.INPUT_MESSAGES_REF),
    names.OUTPUT_MESSAGES: ("outputs", names.OUTPUT_MESSAGES_REF),
    names.SYSTEM_INSTRUCTIONS: ("system_instruction", names.SYSTEM_INSTRUCTIONS_REF),
    names.TOOL_DEFINITIONS: ("tool.definitions", names.TOOL_DEFINITIONS_REF),
}
"""The attributes whose content is uploaded if it is too long.

Each has the kind in the name of the file, and the attribute with its address.
"""

Shared = dict[str, "Fitted | Single"]
"""Captured values by attribute, within their share of the limit."""


class CapturedContent:
    """The content of one call that is exported, made once for the span and the event.

    The request takes at most three quarters of the limit, so that there is room for the answer.
    """

    __slots__ = (
        "_capture",
        "_convention",
        "_limit",
        "_received",
        "_references",
        "_room",
        "_sent",
        "_texts",
        "_whole",
        "dropped",
        "elided",
    )

    def __init__(
        self, capture: Capture, attribute_limit: int | None, convention: Convention
    ) -> None:
        self._received: Shared | None = None
        self._capture = capture
        self._convention = convention
        # within the SDK's own limit, beyond which it would cut JSON in the middle
        self._limit = min(capture.attribute_limit, attribute_limit or capture.attribute_limit)
        self._clear()

    def _clear(self) -> None:
        self.dropped: list[str] = []
        self.elided = 0
        self._references: dict[str, str] = {}
        self._whole: dict[str, Any] = {}
        self._sent: Shared = {}
        self._texts: dict[str, str | list[str]] = {}
        self._room = self._capture.limit

    def sent(self, call: Call) -> None:
        """Take in the request to the model, the tool, the search or the store of memories."""
        quarter = self._room // 4
        sent = self._sent
        # functions read the values, so that one that cannot be read costs no other its place
        self._add(sent, names.SYSTEM_INSTRUCTIONS, "system", lambda: call.content.system, quarter)
        self._add(sent, names.TOOL_DEFINITIONS, "tools", lambda: call.content.tools, quarter)
        # what is left now, less a quarter that stays for the answer (tests/test_content.py)
        rest = self._room - quarter
        self._add(sent, names.INPUT_MESSAGES, "input", lambda: call.content.messages, rest)
        self._add(sent, names.TOOL_ARGUMENTS, "arguments", lambda: call.content.arguments, quarter)
        query_name = names.MEMORY_QUERY if call.facts.is_memory else names.RETRIEVAL_QUERY
        self._add(sent, query_name, "input", lambda: call.content.query, quarter)
        self._add(sent, names.MEMORY_RECORDS, "input", lambda: call.content.records, rest)
        if "stop" in call.parameters:
            self._add_stops(call)
        if "prompt_name" in call.parameters:
            self._add_variables(call)

    def _add_stops(self, call: Call) -> None:
        """Take in the stop sequences, a list of texts in the conventions and no JSON."""
        sequences = stop_sequences(call)
        if not sequences or "input" not in self._capture.fields:
            return
        shares: Shared = {}
        quarter = self._limit // 4
        for index, sequence in enumerate(sequences):
            # one by one, as each is fitted as a text; the name serves for what is logged
            name = f"{names.STOP_SEQUENCES}[{index}]"
            self._add(shares, name, "input", lambda text=sequence: text, quarter)
        self._texts[names.STOP_SEQUENCES] = [share.text for share in shares.values()]

    def _add_variables(self, call: Call) -> None:
        """Take in the variables of a prompt template, each a text of its own in the conventions."""
        shares: Shared = {}
        quarter = self._limit // 4
        for key, value in itertools.islice(call.content.variables.items(), MOST_VARIABLES):
            # a part stands in a list, as in a message, so that its bytes are left out as there
            item = value if isinstance(value, str) else [value]
            name = f"{names.PROMPT_VARIABLE}.{key}"
            self._add(shares, name, "input", lambda item=item: item, quarter)
        for key in itertools.islice(call.content.variables, MOST_VARIABLES, None):
            self.dropped.append(f"{names.PROMPT_VARIABLE}.{key}")
        self._texts.update({name: share.text for name, share in shares.items()})

    def received(self, call: Call) -> None:
        """Take in the answer, and before it a late request; a second time changes nothing."""
        # span and event ask for it both; the order in which they do so is not fixed
        if self._received is not None:
            return
        if call.has_late_content:
            # in place of the one that was there at the start, which has no part in the sums then
            self._clear()
            self.sent(call)
        answer = call.response
        received: Shared = {}
        messages = answers.messages(call, self._convention)
        self._add(received, names.OUTPUT_MESSAGES, "output", lambda: messages, self._room)
        if call.facts.is_memory:
            self._add(received, names.MEMORY_RECORDS, "results", lambda: answer.result, self._room)
        elif isinstance(answer.result, list):
            documents = answers.documents(answer.result, self._convention)
            name = names.RETRIEVAL_DOCUMENTS
            self._add(received, name, "results", lambda: documents, self._room)
        else:
            self._add(received, names.TOOL_RESULT, "results", lambda: answer.result, self._room)
        self.elided += answer.elided
        self._received = received
        if self._capture.hook is not None:
            self._references.update(self._capture.hook.complete(self._whole, call.span))
            self._whole.clear()

    def _add(
        self, to: Shared, name: str, field: str, read: Callable[[], object], room: int
    ) -> None:
        """Copy, redact and fit a value, if there is one, and add it under a name.

        `room` is the most bytes that it may have.
        """
        try:
            copy = Copy(read())
            self.elided += copy.elided
            value = shaped(copy.value, field, self._capture)
            if value is None or value == []:
                return
            if self._capture.hook is not None:
                self._whole[name] = value
            fit = Fitted if is_list(value) else Single
            to[name] = fitted = fit(value, min(room, self._limit))
            self.elided += fitted.elided
            if fitted.elided:
                self._upload(name, value)
            # what comes earlier leaves less for what comes later, so the order of `sent` matters
            self._room -= fitted.size
        except Refused as refusal:
            guard.say_once(f"the redact hook failed ({refusal}), so {name} is not captured")
            self.dropped.append(name)
        except Exception as error:  # noqa: BLE001  odd content must not cost the call its span
            guard.report(f"reading {name}", error)
            self.dropped.append(name)

    def _upload(self, name: str, value: Any) -> None:
        """Have the whole of a value that was cut written elsewhere, and keep its address."""
        uploads = self._capture.uploads
        if uploads is None or name not in _UPLOADS:
            return
        kind, reference = _UPLOADS[name]
        url = uploads.add(kind, value)
        if url is not None:
            self._references[reference] = url

    def request_texts(self) -> dict[str, Any]:
        """Return the request as texts by attribute.

        They are JSON, as spans carry no structures; mere text stays as it is.
        """
        return {name: value.text for name, value in self._sent.items()} | self._texts

    def answer_texts(self) -> dict[str, Any]:
        """Return the answer, once it was taken in, as such texts."""
        received = self._received or {}
        return {name: value.text for name, value in received.items()}

    def structures(self, longest: int | None = None) -> dict[str, Any]:
        """Return request and answer as plain values by attribute, for events.

        Texts are cut to `longest` bytes, where the SDK would cut them anyhow.
        """
        change = valid
        if longest is not None:
            change = partial(_cut, longest)
        structures: dict[str, Any] = {}
        for values in (self._sent, self._received or {}):
            for name, value in values.items():
                structures[name] = plain(value.value, change)
        structures.update(self._texts)
        if DROPS_UNEVEN:
            return even(structures, encode)
        return structures

    def notes(self) -> dict[str, Any]:
        """Return the size of the content that had no room, where it is, and the attributes that failed."""
        notes: dict[str, Any] = dict(self._references)
        if self.elided:
            notes[names.CONTENT_ELIDED] = self.elided
        if self.dropped:
            notes[names.CONTENT_DROPPED] = self.dropped
        return notes


def message(call: Call, error: BaseException) -> str | None:
    """Return the redacted message of an exception, or `None` where content is not captured."""
    if call.capture is None:
        return None
    return _redacted(call.capture, "error", lambda: str(error))


def trace(call: Call, error: BaseException) -> str | None:
    """Return the redacted stack trace of an exception, or `None` where content is not captured."""
    if call.capture is None:
        return None
    # a stack trace ends in the exception's message, so it is content as well
    return _redacted(call.capture, "error", lambda: "".join(traceback.format_exception(error)))


def explanation(capture: Capture, text: str) -> str | None:
    """Return the redacted explanation of an evaluation, or `None` where answers are not captured."""
    # a judge quotes the answer that it judges
    if not capture.on or "output" not in capture.fields:
        return None
    return _redacted(capture, "output", lambda: text)


def _redacted(capture: Capture, field: str, read: Callable[[], str]) -> str | None:
    try:
        # inline bytes become their type and size, as in all content
        text = bare(valid(read()))
        if capture.redact is not None:
            text = redacted(text, field, capture.redact)
    except Refused as refusal:
        guard.say_once(
            f"the redact hook failed ({refusal}), so what exceptions and evaluations say"
            " is not captured"
        )
        return None
    except Exception:  # noqa: BLE001  `__str__` of an app's exception may raise
        return None
    return _within(text, capture.limit)


def _cut(longest: int, text: str) -> str:
    return _within(valid(text), longest)


def _within(text: str, longest: int) -> str:
    """Return a text, without its middle if it has more than `longest` bytes."""
    if size(text) <= longest:
        return text
    return middle_out(text, longest)
