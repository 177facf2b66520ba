"""Results of batches as OpenAI and those that follow it send them, and what tests look at."""

from __future__ import annotations

import json
from typing import Any

import callspan

GPT = "gpt-4.1-mini"
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": GPT,
    "choices": [{"index": 0, "message": {"content": "whisper"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    "service_tier": "default",
}


def line(name: str, body: Any, status: int = 200, error: Any = None) -> dict[str, Any]:
    """Return one line of a file of OpenAI's results."""
    response = body and {"status_code": status, "request_id": f"req_{name}", "body": body}
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": error}


def lines(items: list[Any]) -> bytes:
    """Return items as lines of JSON, the last one without its end."""
    return "\n".join(map(json.dumps, items)).encode()


def sums(count: callspan.TokenCount) -> tuple[int, int, int, int, int]:
    """Calls, those that failed, those without counts, and tokens in and out."""
    return count.calls, count.failed_calls, count.unknown_calls, count.input, count.output
