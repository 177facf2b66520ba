"""Bodies of answers, made in a test for which there is no payload."""

from __future__ import annotations

import json
from typing import Any

from callspan.testing.modelserver import Reply

HEAD = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_790_000_001,
    "model": "gpt-4.1-mini-2026",
}


def sse(*events: Any, done: bool = True) -> Reply:
    """Return a stream of these events."""
    frames = [f"data: {json.dumps(event)}\n\n" for event in events]
    return Reply(raw="".join(frames) + ("data: [DONE]\n\n" if done else ""))


def chunk(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return one chunk of a chat stream."""
    return {**HEAD, "choices": list(choices), **more}


def says(
    delta: dict[str, Any] | None, index: int = 0, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return one choice of a chunk."""
    if delta is None:
        return {"index": index, "finish_reason": finish, **more}
    return {"index": index, "delta": delta, "finish_reason": finish, **more}


def completion(usage: Any = None, **message: Any) -> Reply:
    """Return a whole chat completion of one choice."""
    message = {"role": "assistant", "content": "Roses.", "refusal": None, **message}
    body = {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    if usage is not None:
        body["usage"] = usage
    return Reply(raw=json.dumps(body))
