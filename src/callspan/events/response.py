"""What is known of an answer; a streamed and a plain one end in the same object."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from callspan.events.delta import SERVER_TOOL_CALL, TEXT, TOOL_CALL, Delta, Part
from callspan.events.ending import Failure
from callspan.events.usage import Usage


class _Choice:
    """The parts of one choice, in the order in which they began."""

    __slots__ = ("ends", "finish_reason", "parts", "tool")

    def __init__(self) -> None:
        self.parts: dict[Any, tuple[Part, list[str]]] = {}
        self.finish_reason: str | None = None
        self.ends = False  # whether the API gives reasons at all; those for images and sound do not
        self.tool: Any = None

    def add(self, part: Part) -> None:
        key = self._tool_key(part) if part.kind == TOOL_CALL else (part.kind, part.index)
        if part.data is not None and key in self.parts:
            key = (part.kind, part.index, len(self.parts))
        if key not in self.parts:
            self.parts[key] = (part, [])
        first, fragments = self.parts[key]
        first.id = first.id or part.id
        first.name = first.name or part.name
        fragments.append(part.text)

    def _tool_key(self, part: Part) -> Any:
        """Keep two tool calls apart when servers leave the index out or give every call the same one."""
        key = (TOOL_CALL, part.index)
        if not part.id and (SERVER_TOOL_CALL, part.index) in self.parts:
            return SERVER_TOOL_CALL, part.index  # fragments look the same, whoever runs the tool
        if part.index is None:
            key = (TOOL_CALL, part.id) if part.id else self.tool or key
        elif part.id and key in self.parts and self.parts[key][0].id not in (None, part.id):
            key = (TOOL_CALL, part.index, part.id)
        elif not part.id and self.tool and self.tool[:2] == key:
            key = self.tool
        self.tool = key
        return key

    def message(self) -> dict[str, Any]:
        parts = [shown(part, "".join(bits)) for part, bits in self.parts.values()]
        ending = {"finish_reason": self.finish_reason or "error"} if self.ends else {}
        return {"role": "assistant", "parts": parts, **ending}


def shown(part: Part, text: str) -> dict[str, Any]:
    """A part of a message, with all the text that belongs to it."""
    if part.data is not None:
        return {"type": part.kind, **part.data}
    if part.kind == TOOL_CALL:
        return {
            "type": TOOL_CALL,
            "id": part.id,
            "name": part.name or "",
            "arguments": parsed(text),
        }
    if part.kind == SERVER_TOOL_CALL:
        asked = {"type": part.name or "", "arguments": parsed(text)}
        return {
            "type": SERVER_TOOL_CALL,
            "id": part.id,
            "name": part.name or "",
            SERVER_TOOL_CALL: asked,
        }
    return {"type": part.kind, "content": text}


def parsed(arguments: Any) -> Any:
    """Tool arguments as an object where they are the text of one, else as they came."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):  # no JSON, or nested deeper than Python reads
        return arguments


TEXT_LIMIT = 1_000_000
"""Characters kept of one answer, so that an endless stream does not fill the memory."""


class Response:
    """What is known of the answer so far; a streamed and a plain answer end in the same object.

    `chunks` counts those of a stream, `first_chunk` and `first_token` are seconds since the call began, and `elided`
    is the number of characters that were too many to keep. A `pending` one has ended for its caller while the provider
    goes on with it in the background. `result` is what a tool gave or a search found.
    """

    __slots__ = (
        "_choices",
        "_kept",
        "chunk_times",
        "chunks",
        "details",
        "elided",
        "failure",
        "first_chunk",
        "first_token",
        "id",
        "last",
        "model",
        "pending",
        "result",
        "usage",
    )

    def __init__(self) -> None:
        self.id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None
        self.details: dict[str, Any] = {}
        self.failure: Failure | None = None
        self.last = False
        self.pending = False
        self.result: Any = None
        self.chunks = 0
        self.first_chunk: float | None = None
        self.chunk_times: list[float] | None = None
        self.first_token: float | None = None
        self.elided = 0
        self._kept = 0
        self._choices: dict[int, _Choice] = {}

    def add(self, delta: Delta, keep_text: bool = True) -> None:
        """Take in one chunk or one whole answer; without `keep_text` all but what it says."""
        self.id = delta.id or self.id
        self.model = delta.model or self.model
        self.last = self.last or delta.last
        self.failure = delta.failure or self.failure
        if delta.result is not None:
            self.result = delta.result
        if delta.details:
            self.details.update(delta.details)
        if delta.usage is not None:
            if self.usage is None:
                self.usage = delta.usage
            else:
                self.usage.update(delta.usage)
        if delta.metered is not None:
            if self.usage is None:
                self.usage = delta.metered
            else:
                self.usage.fill(delta.metered)
        if delta.whole:
            self._choices.clear()
            self._kept = self.elided = 0
        for part in delta.parts if keep_text else ():
            self._keep(part)
        for index, reason in delta.finish_reasons:
            choice = self._choice(index)
            choice.finish_reason = reason or choice.finish_reason
            choice.ends = True

    def _keep(self, part: Part) -> None:
        room = TEXT_LIMIT - self._kept
        if len(part.text) > room:
            self.elided += len(part.text) - room
            part = replace(part, text=part.text[:room])
        self._kept += len(part.text)
        self._choice(part.choice).add(part)

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def forget_text(self) -> None:
        """Let go of what was said, once nobody needs it any more."""
        for choice in self._choices.values():
            choice.parts.clear()
        self._kept = 0

    @property
    def finish_reasons(self) -> list[str | None]:
        """Why each choice ended, in the provider's own words; `None` where it did not say."""
        if len(self._choices) == 1:
            (only,) = self._choices.values()
            return [only.finish_reason] if only.ends else []
        return [choice.finish_reason for choice in self._ordered() if choice.ends]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """One message a choice, as `{"role", "parts"}`; empty of parts when nobody asked for content."""
        return [choice.message() for choice in self._ordered()]

    def _ordered(self) -> list[_Choice]:
        return [choice for _, choice in sorted(self._choices.items())]

    @property
    def text(self) -> str:
        """The answer's text, of the first choice."""
        first = self.messages[:1]
        return "".join(
            part["content"]
            for message in first
            for part in message["parts"]
            if part["type"] == TEXT
        )

    def finished(self, choices: int) -> bool:
        """Whether the model had said all it would: a closing event, or a finish reason for each of the choices."""
        reasons = self.finish_reasons
        return self.last or (len(reasons) >= choices and all(reasons))
