"""The answers that a test scripts, as data."""

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

    Chunks are the frames of a stream and counted from 0, so `cut_after=2` sends two of them and
    closes the connection. If the answer is not streamed, `cut_after` closes the connection without
    an answer, and the gate holds back the headers.
    """

    text: str | None = None
    """None, with no tool calls and no reasoning, means the default answer."""
    reasoning: str = ""
    """Sent as `reasoning_content` in chat, as DeepSeek and vLLM do; in Responses as a summary."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    """Sent as it is in chat.

    In Responses `length` and `content_filter` make an incomplete response, `failed` a failed one.
    """
    model: str | None = None
    """The model that the answer names; None means that of the request."""

    usage: Counts | bool = True
    """False leaves usage out; `Counts` are sent instead of the server's own."""
    cached: int = 0
    reasoning_tokens: int | None = None
    """None means the tokens of the reasoning text."""

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
    # With `error_after` too, what comes first in the stream happens; at one place, this.
    cut_after: int | None = None
    """The number of chunks after which the connection is closed."""
    error_after: int | None = None
    """The number of chunks after which the stream sends an error and ends."""
    gate: threading.Event | None = None
    """Waited for, at most 200 s, before chunk `gate_after` is sent."""
    gate_after: int = 0

    raw: bytes | str | None = None
    """A body sent as it is.

    It is sent frame by frame if the request wants a stream and `headers` has no content type.
    """
    headers: Mapping[str, str] = field(default_factory=dict)
