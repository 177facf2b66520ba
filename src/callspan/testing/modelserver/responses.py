"""OpenAI's Responses API: one object, and the events that build it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .errors import responses_error_frame
from .exchange import CREATED, Answer, Exchange, JsonObject, frame, to_json
from .ledger import Counts
from .text import fragments, pieces

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}

# The fields of the request that a response repeats, with the provider's defaults.
_REPEATED_FIELDS: JsonObject = {
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
    """Answer POST /responses."""
    counts = exchange.count_tokens(exchange.text, *exchange.call_texts)
    response = _response(exchange, counts)
    answer = Answer(model=exchange.model, response=response)
    # A failed response has no usage, and is in no book of the ledger.
    if response["status"] != "failed":
        answer = replace(answer, counts=counts)
    has_usage = response["usage"] is not None
    if not exchange.is_streamed:
        return replace(answer, body=to_json(response), usage_at=0 if has_usage else None)
    frames = stream(response, exchange.reply.chunk_size)
    return replace(
        answer,
        frames=frames,
        usage_at=len(frames) - 1 if has_usage else None,
        # The number of the event that stands in the place of one of the stream's.
        error_frame=responses_error_frame(exchange.reply, exchange.reply.error_after or 0),
    )


def stream(response: JsonObject, chunk_size: int = 1) -> tuple[bytes, ...]:
    """Return the frames of the stream that builds a response."""
    # The events begin with the response as it was before the model began.
    start = {
        **response,
        "status": "in_progress",
        "output": [],
        "usage": None,
        "error": None,
        "incomplete_details": None,
    }
    events: list[JsonObject] = [
        {"type": "response.created", "response": start},
        {"type": "response.in_progress", "response": start},
    ]
    for index, item in enumerate(response["output"]):
        events += _item_events(index, item, chunk_size)
    # The status names the last event: completed, incomplete or failed.
    events.append({"type": f"response.{response['status']}", "response": response})
    frames: list[bytes] = []
    for number, event in enumerate(events):
        frames.append(frame({"sequence_number": number, **event}, event["type"]))
    return tuple(frames)


def _response(exchange: Exchange, counts: Counts) -> JsonObject:
    finish = exchange.reply.finish_reason or ""
    status = _status(finish)
    reason = _INCOMPLETE.get(finish)
    tier = exchange.body.get("service_tier") or "auto"
    response: JsonObject = {
        "id": f"resp_{exchange.number:06}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": exchange.model,
        "output": [],
        "service_tier": "default" if tier == "auto" else tier,
        "usage": None,
    }
    if status == "failed":
        response["error"] = _failure(exchange)
    else:
        response["output"] = list(_items(exchange, status))
        response["usage"] = _usage(counts) if exchange.sends_usage else None
    for field, default in _REPEATED_FIELDS.items():
        response[field] = exchange.body.get(field, default)
    return response


def _status(finish_reason: str) -> str:
    if finish_reason == "failed":
        return "failed"
    if finish_reason in _INCOMPLETE:
        return "incomplete"
    return "completed"


def _failure(exchange: Exchange) -> dict[str, str]:
    message = exchange.reply.error_message or "The model failed to generate a response."
    return {"code": exchange.reply.error_code or "server_error", "message": message}


def _usage(counts: Counts) -> JsonObject:
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


def _items(exchange: Exchange, status: str) -> Iterator[JsonObject]:
    """Yield the items of the output: reasoning, a message, and tool calls."""
    number = f"{exchange.number:06}"
    reply = exchange.reply
    if reply.reasoning:
        summary = [{"type": "summary_text", "text": reply.reasoning}]
        yield {"id": f"rs_{number}", "type": "reasoning", "summary": summary}
    if reply.text is not None:
        yield {
            "id": f"msg_{number}",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [_text_part(reply.text)],
        }
    for position, call in enumerate(reply.tool_calls):
        yield {
            "id": f"fc_{number}_{position}",
            "type": "function_call",
            "status": "completed",
            "arguments": call.arguments,
            "call_id": exchange.call_id(position),
            "name": call.name,
        }


def _text_part(text: str) -> JsonObject:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item_events(index: int, item: JsonObject, chunk_size: int) -> Iterator[JsonObject]:
    """Yield the events of one item: it is added empty, filled in pieces, and done."""
    # An item is added without what the events after it bring.
    empty, events = _ITEM_EVENTS[item["type"]](item, chunk_size)
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}
    for event in events:
        kind = event.pop("type")
        yield {
            "type": f"response.{kind}",
            "item_id": item["id"],
            "output_index": index,
            **event,
        }
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


_Events = tuple[JsonObject, list[JsonObject]]
"""The fields that an item has at first, and the events that fill it."""


def _message_events(item: JsonObject, chunk_size: int) -> _Events:
    part = item["content"][0]
    text = part["text"]
    position = {"content_index": 0}
    events: list[JsonObject] = [
        {"type": "content_part.added", **position, "part": _text_part("")},
    ]
    for piece in pieces(text, chunk_size):
        events.append({"type": "output_text.delta", **position, "delta": piece, "logprobs": []})
    events.append({"type": "output_text.done", **position, "text": text, "logprobs": []})
    events.append({"type": "content_part.done", **position, "part": part})
    return {"status": "in_progress", "content": []}, events


def _reasoning_events(item: JsonObject, chunk_size: int) -> _Events:
    part = item["summary"][0]
    text = part["text"]
    position = {"summary_index": 0}
    kind = "reasoning_summary_text"
    empty_part = {**part, "text": ""}
    events: list[JsonObject] = [
        {"type": "reasoning_summary_part.added", **position, "part": empty_part},
    ]
    for piece in pieces(text, chunk_size):
        events.append({"type": f"{kind}.delta", **position, "delta": piece})
    events.append({"type": f"{kind}.done", **position, "text": text})
    events.append({"type": "reasoning_summary_part.done", **position, "part": part})
    return {"summary": []}, events


def _call_events(item: JsonObject, _chunk_size: int) -> _Events:
    arguments = item["arguments"]
    kind = "function_call_arguments"
    events: list[JsonObject] = []
    for fragment in fragments(arguments):
        events.append({"type": f"{kind}.delta", "delta": fragment})
    events.append({"type": f"{kind}.done", "arguments": arguments, "name": item["name"]})
    return {"status": "in_progress", "arguments": ""}, events


_ITEM_EVENTS = {
    "message": _message_events,
    "reasoning": _reasoning_events,
    "function_call": _call_events,
}
