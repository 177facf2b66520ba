"""Bodies as a server would send them, made in a test where no payload has what it needs."""

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
    """A stream of these events."""
    frames = [f"data: {json.dumps(event)}\n\n" for event in events]
    return Reply(raw="".join(frames) + ("data: [DONE]\n\n" if done else ""))


def chunk(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One chunk of a chat stream."""
    return {**HEAD, "choices": list(choices), **more}


def says(
    delta: dict[str, Any] | None, index: int = 0, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """One choice of a chunk."""
    return {
        "index": index,
        **({} if delta is None else {"delta": delta}),
        "finish_reason": finish,
        **more,
    }


def completion(usage: Any = None, **message: Any) -> Reply:
    """A whole chat completion of one choice."""
    said = {"role": "assistant", "content": "Roses.", "refusal": None, **message}
    body = {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
    }
    return Reply(raw=json.dumps({**body, **({"usage": usage} if usage is not None else {})}))
