"""Gemini's interactions: text in steps, whole or streamed."""

from __future__ import annotations

from .exchange import Answer, Exchange, JsonObject, frame
from .gemini import error
from .ledger import Counts
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
    """Answer POST /interactions."""
    counts = exchange.count_tokens(exchange.text)
    identity = {"id": f"int_{exchange.number:06}", "model": exchange.model}
    start = {**identity, "status": "in_progress"}
    status = exchange.reply.finish_reason or "completed"
    # The usage stands in the last event alone.
    end: JsonObject = {**identity, "status": status, "usage": _usage(counts)}
    if not exchange.is_streamed:
        content = [{"type": "text", "text": exchange.text}]
        steps = [{"type": "model_output", "content": content}]
        return exchange.answer({**end, "steps": steps}, counts, has_usage=True)
    frames = [frame(event, event["event_type"]) for event in _events(exchange, start, end)]
    return exchange.stream(
        [*frames, _DONE],
        counts,
        usage_at=len(frames) - 1,
        error_frame=_error_frame(exchange.reply),
    )


def _usage(counts: Counts) -> JsonObject:
    return {
        "total_input_tokens": counts.input,
        "total_cached_tokens": counts.cached,
        # As in Gemini's other format, thoughts stand beside the output.
        "total_output_tokens": counts.output - counts.reasoning,
        "total_thought_tokens": counts.reasoning,
        "total_tokens": counts.input + counts.output,
    }


def _events(exchange: Exchange, start: JsonObject, end: JsonObject) -> list[JsonObject]:
    events: list[JsonObject] = [
        {"event_type": "interaction.created", "interaction": start},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
    ]
    for piece in pieces(exchange.text, exchange.reply.chunk_size):
        delta = {"type": "text", "text": piece}
        events.append({"event_type": "step.delta", "index": 0, "delta": delta})
    events.append({"event_type": "step.stop", "index": 0})
    events.append({"event_type": "interaction.completed", "interaction": end})
    return events


def _error_frame(reply: Reply) -> bytes:
    # The error has Google's form, within an event of this format's.
    return frame({"event_type": "error", **error(reply, 500)}, "error")


INTERACTIONS = Format(
    address=VERSIONED,
    endpoints={
        "/interactions": Endpoint(interact, mapping(_FIELDS, required=("input",)), is_written=True)
    },
    error=error,
    error_frame=_error_frame,
)
