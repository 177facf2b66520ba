"""One request with the reply chosen for it, and the answer that comes of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .ledger import Counts
from .reply import Reply
from .text import count, texts

CREATED = 1_790_000_000


@dataclass(frozen=True)
class Exchange:
    """What an endpoint needs to answer; `number` makes ids that are the same in each run."""

    number: int
    body: dict[str, Any]
    reply: Reply

    @property
    def model(self) -> str:
        """The model named in the answer."""
        return self.reply.model or str(self.body.get("model") or "default-model")

    @property
    def text(self) -> str:
        """What the model says; empty when it only calls tools."""
        return self.reply.text or ""

    @property
    def choices(self) -> list[str]:
        """The text of each of the `n` choices; they differ, so that mixing them up shows."""
        extra = range(2, int(self.body.get("n") or 1) + 1)
        return [self.text, *(f"{self.text} ({number})" for number in extra)]

    def tally(self, *outputs: str) -> Counts:
        """Tokens of this exchange when these texts are its output."""
        reply = self.reply
        if isinstance(reply.usage, Counts):
            return replace(reply.usage, calls=1)
        reasoning = reply.reasoning_tokens
        if reasoning is None:
            reasoning = count(reply.reasoning) if reply.reasoning else 0
        read = sum(count(text) for text in texts(self.body))
        written = sum(count(text) for text in outputs if text)
        return Counts(max(read, reply.cached), written + reasoning, reply.cached, reasoning)

    def call_id(self, position: int) -> str:
        """The id of the tool call at this position."""
        return f"call_{self.number:06}_{position}"


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
    told_at: int | None = None
    """The frame that holds usage, 0 for a body that does; None when the client is not told."""
    error_frame: bytes = b""
    """What a stream says when it breaks half way."""
    response: dict[str, Any] | None = None
    """An object of the Responses API, kept for a later GET."""


def to_json(value: Any) -> bytes:
    """Compact JSON that keeps Chinese text readable on the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def frame(value: Any, event: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + to_json(value) + b"\n\n"
