"""One request with the reply chosen for it, and the answer made of both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .ledger import Counts
from .reply import Reply
from .text import count, texts

CREATED = 1_790_000_000
"""The time of all answers, in seconds: a fixed one, so that they are the same in each run."""

JsonObject = dict[str, Any]
"""An object of JSON. Its values are `Any`, as those of `json.loads` are."""


@dataclass(frozen=True)
class Exchange:
    """The data from which an endpoint makes its answer.

    `number` makes ids that are the same in each run. `body` is the body of the request, in the
    words of OpenAI's formats.
    """

    number: int
    body: JsonObject
    reply: Reply

    @property
    def model(self) -> str:
        """The model named in the answer."""
        return self.reply.model or str(self.body.get("model") or "default-model")

    @property
    def text(self) -> str:
        """The text of the answer; empty if the model only calls tools."""
        return self.reply.text or ""

    @property
    def choices(self) -> list[str]:
        """The text of each of the `n` choices; they differ, so that mixing them up shows."""
        count_of_choices = int(self.body.get("n") or 1)
        others = range(2, count_of_choices + 1)
        return [self.text, *(f"{self.text} ({number})" for number in others)]

    @property
    def is_streamed(self) -> bool:
        """Whether the client wants a stream."""
        return bool(self.body.get("stream"))

    @property
    def sends_usage(self) -> bool:
        """Whether the reply lets the client have token counts."""
        return self.reply.usage is not False

    @property
    def call_texts(self) -> list[str]:
        """The names and the arguments of the tool calls, which are output as text is."""
        output: list[str] = []
        for call in self.reply.tool_calls:
            output += (call.name, call.arguments)
        return output

    def count_tokens(self, *outputs: str) -> Counts:
        """Return the tokens of this exchange if these texts are its output."""
        reply = self.reply
        # As scripted, but for the number of calls: an answer is always one.
        if isinstance(reply.usage, Counts):
            return replace(reply.usage, calls=1)
        reasoning = reply.reasoning_tokens
        if reasoning is None:
            reasoning = count(reply.reasoning) if reply.reasoning else 0
        read = sum(count(text) for text in texts(self.body))
        written = sum(count(text) for text in outputs if text)
        # The input includes what is read from the cache, so it cannot be less.
        return Counts(max(read, reply.cached), written + reasoning, reply.cached, reasoning)

    def call_id(self, position: int) -> str:
        """Return the id of the tool call at a position."""
        return f"call_{self.number:06}_{position}"

    def answer(
        self, body: JsonObject | list[Any], counts: Counts, *, has_usage: bool = False
    ) -> Answer:
        """Return an answer of one JSON body; `has_usage` says that it holds the counts."""
        # A whole body counts as one frame, the first.
        usage_at = 0 if has_usage else None
        return Answer(to_json(body), model=self.model, counts=counts, usage_at=usage_at)

    def stream(
        self,
        frames: Iterable[bytes],
        counts: Counts,
        *,
        usage_at: int | None,
        error_frame: bytes,
    ) -> Answer:
        """Return an answer of frames; the one at `usage_at` holds the counts."""
        return Answer(
            frames=tuple(frames),
            model=self.model,
            counts=counts,
            usage_at=usage_at,
            error_frame=error_frame,
        )


@dataclass(frozen=True)
class Answer:
    """An answer ready to be sent: one body, or the frames of a stream."""

    body: bytes = b""
    frames: tuple[bytes, ...] | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    reply: Reply = field(default_factory=Reply)

    model: str = ""
    counts: Counts | None = None
    usage_at: int | None = None
    """The frame that holds usage, 0 for a body that does; None if the client gets no usage."""
    error_frame: bytes = b""
    """The frame that a stream sends when it breaks half way."""
    response: JsonObject | None = None
    """An object of the Responses API, which a later GET may read."""


def optional_array(body: JsonObject, field: str) -> list[Any]:
    """Return an array of a body; null is as good as a field that is left out."""
    return body.get(field) or []


def optional_object(body: JsonObject, field: str) -> JsonObject:
    """Return an object of a body; null is as good as a field that is left out."""
    return body.get(field) or {}


def to_json(value: Any) -> bytes:
    """Return compact JSON that keeps Chinese text readable on the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def frame(value: Any, event: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + to_json(value) + b"\n\n"
