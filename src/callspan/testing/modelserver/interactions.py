"""Gemini's interactions: text in steps, whole or streamed."""

from __future__ import annotations

from typing import Any

from .exchange import Answer, Exchange, frame, to_json
from .gemini import error
from .openai_shapes import MODEL
from .reply import Reply
from .shapes import MAPPING, TEXT, array, boolean, either, mapping
from .text import pieces
from .wire import VERSIONED, Endpoint, Format

_INPUT = either({str: TEXT, list: array(either({str: TEXT, dict: MAPPING})), dict: MAPPING})
_FIELDS = {
    "input": _INPUT,
    "model": MODEL,
    "agent": TEXT,
    "stream": boolean,
    "system_instruction": TEXT,
}
_DONE = b"event: done\ndata: [DONE]\n\n"


def interact(exchange: Exchange) -> Answer:
    """POST /interactions."""
    counts = exchange.tally(exchange.text)
    usage = {
        "total_input_tokens": counts.input,
        "total_cached_tokens": counts.cached,
        "total_output_tokens": counts.output - counts.reasoning,
        "total_thought_tokens": counts.reasoning,
        "total_tokens": counts.input + counts.output,
    }
    begun = {"id": f"int_{exchange.number:06}", "model": exchange.model, "status": "in_progress"}
    ended = {**begun, "status": exchange.reply.finish_reason or "completed", "usage": usage}
    if not exchange.body.get("stream"):
        said = {"type": "model_output", "content": [{"type": "text", "text": exchange.text}]}
        return Answer(
            to_json({**ended, "steps": [said]}), model=exchange.model, counts=counts, told_at=0
        )
    frames = tuple(frame(event, event["event_type"]) for event in _events(exchange, begun, ended))
    told = len(frames) - 1
    return Answer(
        frames=(*frames, _DONE),
        model=exchange.model,
        counts=counts,
        told_at=told,
        error_frame=_broken(exchange.reply),
    )


def _events(
    exchange: Exchange, begun: dict[str, Any], ended: dict[str, Any]
) -> list[dict[str, Any]]:
    words = [
        {"type": "text", "text": piece}
        for piece in pieces(exchange.text, exchange.reply.chunk_size)
    ]
    return [
        {"event_type": "interaction.created", "interaction": begun},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
        *({"event_type": "step.delta", "index": 0, "delta": delta} for delta in words),
        {"event_type": "step.stop", "index": 0},
        {"event_type": "interaction.completed", "interaction": ended},
    ]


def _broken(reply: Reply) -> bytes:
    return frame({"event_type": "error", **error(reply, 500)}, "error")


INTERACTIONS = Format(
    address=VERSIONED,
    endpoints={
        "/interactions": Endpoint(interact, mapping(_FIELDS, required=("input",)), spoken=True)
    },
    error=error,
    broken=_broken,
)
