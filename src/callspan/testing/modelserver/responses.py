"""The Responses API: one object, and the events that build it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .errors import responses_error_frame
from .exchange import CREATED, Answer, Exchange, frame, to_json
from .ledger import Counts
from .text import fragments, pieces

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}

# What a response repeats of its request, with the provider's defaults.
_REPEATED: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}


def respond(exchange: Exchange) -> Answer:
    """POST /responses."""
    calls = [text for call in exchange.reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(exchange.text, *calls)
    response = _response(exchange, counts)
    tells = response["usage"] is not None
    made = None if response["status"] == "failed" else counts
    answer = Answer(model=exchange.model, counts=made, response=response)
    if not exchange.body.get("stream"):
        return replace(answer, body=to_json(response), told_at=0 if tells else None)
    frames = stream(response, exchange.reply.chunk_size)
    error = responses_error_frame(exchange.reply, exchange.reply.error_after or 0)
    return replace(
        answer, frames=frames, told_at=len(frames) - 1 if tells else None, error_frame=error
    )


def stream(response: dict[str, Any], chunk_size: int = 1) -> tuple[bytes, ...]:
    """The events through which this response would have come."""
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    begun |= {"error": None, "incomplete_details": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(response["output"]):
        events += _item_events(index, item, chunk_size)
    events.append({"type": f"response.{response['status']}", "response": response})
    numbered = ({"sequence_number": number, **event} for number, event in enumerate(events))
    return tuple(frame(event, event["type"]) for event in numbered)


def _response(exchange: Exchange, counts: Counts) -> dict[str, Any]:
    finish = exchange.reply.finish_reason or ""
    status = (
        "failed" if finish == "failed" else "incomplete" if finish in _INCOMPLETE else "completed"
    )
    failed = status == "failed"
    tier = exchange.body.get("service_tier") or "auto"
    return {
        "id": f"resp_{exchange.number:06}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": _failure(exchange) if failed else None,
        "incomplete_details": {"reason": _INCOMPLETE[finish]} if finish in _INCOMPLETE else None,
        "model": exchange.model,
        "output": [] if failed else list(_items(exchange, status)),
        "service_tier": "default" if tier == "auto" else tier,
        "usage": None if failed or exchange.reply.usage is False else _usage(counts),
        **{key: exchange.body.get(key, default) for key, default in _REPEATED.items()},
    }


def _failure(exchange: Exchange) -> dict[str, str]:
    message = exchange.reply.error_message or "The model failed to generate a response."
    return {"code": exchange.reply.error_code or "server_error", "message": message}


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.input,
        "input_tokens_details": {
            "cached_tokens": counts.cached,
            "cache_write_tokens": counts.cache_write,
        },
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.input + counts.output,
    }


def _items(exchange: Exchange, status: str) -> Iterator[dict[str, Any]]:
    number, reply = f"{exchange.number:06}", exchange.reply
    if reply.reasoning:
        summary = [{"type": "summary_text", "text": reply.reasoning}]
        yield {"id": f"rs_{number}", "type": "reasoning", "summary": summary}
    if reply.text is not None:
        content = [_text_part(reply.text)]
        head = {"id": f"msg_{number}", "type": "message", "status": status, "role": "assistant"}
        yield {**head, "content": content}
    for position, call in enumerate(reply.tool_calls):
        head = {"id": f"fc_{number}_{position}", "type": "function_call", "status": "completed"}
        named = {
            "arguments": call.arguments,
            "call_id": exchange.call_id(position),
            "name": call.name,
        }
        yield {**head, **named}


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item_events(index: int, item: dict[str, Any], chunk_size: int) -> Iterator[dict[str, Any]]:
    empty, middle = _ITEM_EVENTS[item["type"]](item, chunk_size)
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}
    for event in middle:
        kind = f"response.{event.pop('type')}"
        yield {"type": kind, "item_id": item["id"], "output_index": index, **event}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


_Events = tuple[dict[str, Any], list[dict[str, Any]]]


def _message_events(item: dict[str, Any], chunk_size: int) -> _Events:
    part, at = item["content"][0], {"content_index": 0}
    text = part["text"]
    return {"status": "in_progress", "content": []}, [
        {"type": "content_part.added", **at, "part": _text_part("")},
        *(
            {"type": "output_text.delta", **at, "delta": piece, "logprobs": []}
            for piece in pieces(text, chunk_size)
        ),
        {"type": "output_text.done", **at, "text": text, "logprobs": []},
        {"type": "content_part.done", **at, "part": part},
    ]


def _reasoning_events(item: dict[str, Any], chunk_size: int) -> _Events:
    part, at = item["summary"][0], {"summary_index": 0}
    text, kind = part["text"], "reasoning_summary_text"
    return {"summary": []}, [
        {"type": "reasoning_summary_part.added", **at, "part": {**part, "text": ""}},
        *({"type": f"{kind}.delta", **at, "delta": piece} for piece in pieces(text, chunk_size)),
        {"type": f"{kind}.done", **at, "text": text},
        {"type": "reasoning_summary_part.done", **at, "part": part},
    ]


def _call_events(item: dict[str, Any], _chunk_size: int) -> _Events:
    arguments, kind = item["arguments"], "function_call_arguments"
    return {"status": "in_progress", "arguments": ""}, [
        *({"type": f"{kind}.delta", "delta": part} for part in fragments(arguments)),
        {"type": f"{kind}.done", "arguments": arguments, "name": item["name"]},
    ]


_ITEM_EVENTS = {
    "message": _message_events,
    "reasoning": _reasoning_events,
    "function_call": _call_events,
}
