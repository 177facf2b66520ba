"""What the server shall answer, as data."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from .ledger import Counts


@dataclass(frozen=True)
class ToolCall:
    """One function that the model asks the caller to run; `arguments` is JSON text."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One scripted answer; a plain `Reply()` is the default answer.

    Chunks are SSE frames and counted from 0, so `cut_after=2` sends two frames and closes. In an answer
    that is not streamed `cut_after` closes the connection with no answer, and the gate holds the headers.
    """

    text: str | None = None
    """None, with no tool calls and no reasoning, means the default answer."""
    reasoning: str = ""
    """Chat sends it as `reasoning_content` (as DeepSeek and vLLM do), Responses as a reasoning summary."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    """Sent as it is in chat; in Responses `length` and `content_filter` mean incomplete, `failed` failed."""
    model: str | None = None
    """The response model; None repeats the request's."""

    usage: Counts | bool = True
    """False leaves usage out; `Counts` says exactly this."""
    cached: int = 0
    reasoning_tokens: int | None = None
    """None counts the reasoning text."""

    status: int = 200
    retry_after: float | None = None
    """Seconds, sent as `retry-after` and `retry-after-ms`."""
    error_code: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    error_param: str | None = None
    """The field of the request that is to blame, where the format has a place for it."""

    delay: float = 0
    """Seconds before the headers."""
    chunk_delay: float = 0
    """Seconds before each chunk but the first."""
    chunk_size: int = 1
    """Words in one chunk."""
    cut_after: int | None = None
    error_after: int | None = None
    """An error object inside the stream instead of this chunk; the stream ends there."""
    gate: threading.Event | None = None
    """Waited for, at most 200 s, before chunk `gate_after` is sent."""
    gate_after: int = 0

    raw: bytes | str | None = None
    """A body sent as it is, frame by frame when a stream was asked for and no other content-type is given."""
    headers: Mapping[str, str] = field(default_factory=dict)
