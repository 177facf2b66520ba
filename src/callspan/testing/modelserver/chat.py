"""Chat completions and their elder sister, completions."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import Any

from .errors import chat_error_frame
from .exchange import CREATED, Answer, Exchange, frame, to_json
from .ledger import Counts
from .text import fragments, pieces

_DONE = b"data: [DONE]\n\n"


def chat(exchange: Exchange) -> Answer:
    """POST /chat/completions."""
    calls = [text for call in exchange.reply.tool_calls for text in (call.name, call.arguments)]
    counts = exchange.tally(*exchange.choices, *(calls * len(exchange.choices)))
    if exchange.body.get("stream"):
        return _streamed(
            exchange, counts, _chat_envelope(exchange, ".chunk"), _chat_chunks(exchange)
        )
    choices = [
        {
            "index": index,
            "message": _message(exchange, text),
            "logprobs": None,
            "finish_reason": _finish_reason(exchange),
        }
        for index, text in enumerate(exchange.choices)
    ]
    return _plain(exchange, counts, {**_chat_envelope(exchange), "choices": choices})


def completion(exchange: Exchange) -> Answer:
    """POST /completions."""
    counts = exchange.tally(*exchange.choices)
    if exchange.body.get("stream"):
        return _streamed(exchange, counts, _text_envelope(exchange), _text_chunks(exchange))
    finish = _finish_reason(exchange)
    choices = [_text_choice(index, text, finish) for index, text in enumerate(exchange.choices)]
    return _plain(exchange, counts, {**_text_envelope(exchange), "choices": choices})


def _usage(counts: Counts) -> dict[str, Any]:
    """Usage in the words of chat and completions."""
    return {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": {
            "cached_tokens": counts.cached,
            "cache_write_tokens": counts.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning, "audio_tokens": 0},
    }


def _plain(exchange: Exchange, counts: Counts, body: dict[str, Any]) -> Answer:
    tells = exchange.reply.usage is not False
    if tells:
        body["usage"] = _usage(counts)
    return Answer(to_json(body), model=exchange.model, counts=counts, told_at=0 if tells else None)


def _streamed(
    exchange: Exchange, counts: Counts, envelope: dict[str, Any], chunks: list[dict[str, Any]]
) -> Answer:
    options = exchange.body.get("stream_options") or {}
    tells = bool(options.get("include_usage")) and exchange.reply.usage is not False
    silent = {"usage": None} if tells else {}
    frames = [frame({**envelope, "choices": [choice], **silent}) for choice in chunks]
    if tells:
        frames.append(frame({**envelope, "choices": [], "usage": _usage(counts)}))
    return Answer(
        frames=(*frames, _DONE),
        model=exchange.model,
        counts=counts,
        told_at=len(frames) - 1 if tells else None,
        error_frame=chat_error_frame(exchange.reply),
    )


def _chat_envelope(exchange: Exchange, suffix: str = "") -> dict[str, Any]:
    tier = exchange.body.get("service_tier") or "auto"
    return {
        "id": f"chatcmpl-{exchange.number:06}",
        "object": f"chat.completion{suffix}",
        "created": CREATED,
        "model": exchange.model,
        "service_tier": "default" if tier == "auto" else tier,
        "system_fingerprint": "fp_modelserver",
    }


def _text_envelope(exchange: Exchange) -> dict[str, Any]:
    return {
        "id": f"cmpl-{exchange.number:06}",
        "object": "text_completion",
        "created": CREATED,
        "model": exchange.model,
        "system_fingerprint": "fp_modelserver",
    }


def _finish_reason(exchange: Exchange) -> str:
    return exchange.reply.finish_reason or ("tool_calls" if exchange.reply.tool_calls else "stop")


def _message(exchange: Exchange, text: str) -> dict[str, Any]:
    reply = exchange.reply
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if reply.tool_calls and not reply.text else text,
        "refusal": None,
        "annotations": [],
    }
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [
            _tool_call(exchange, position, call.arguments)
            for position, call in enumerate(reply.tool_calls)
        ]
    return message


def _tool_call(exchange: Exchange, position: int, arguments: str) -> dict[str, Any]:
    name = exchange.reply.tool_calls[position].name
    function = {"name": name, "arguments": arguments}
    return {"id": exchange.call_id(position), "type": "function", "function": function}


def _chat_chunks(exchange: Exchange) -> list[dict[str, Any]]:
    """The choices of all chunks, those of several choices in turn, as the provider sends them."""
    columns = [_chat_column(exchange, index, text) for index, text in enumerate(exchange.choices)]
    return [chunk for row in zip_longest(*columns) for chunk in row if chunk is not None]


def _chat_column(exchange: Exchange, index: int, text: str) -> list[dict[str, Any]]:
    column = [_chat_choice(index, delta) for delta in _deltas(exchange, text)]
    return [*column, _chat_choice(index, {}, _finish_reason(exchange))]


def _chat_choice(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def _deltas(exchange: Exchange, text: str) -> list[dict[str, Any]]:
    reply = exchange.reply
    silent = bool(reply.tool_calls) and not reply.text
    first = {"role": "assistant", "content": None if silent else "", "refusal": None}
    reasoning = [
        {"reasoning_content": piece} for piece in pieces(reply.reasoning, reply.chunk_size)
    ]
    content = [] if silent else [{"content": piece} for piece in pieces(text, reply.chunk_size)]
    calls = chain.from_iterable(_call_deltas(exchange, at) for at in range(len(reply.tool_calls)))
    return [first, *reasoning, *content, *calls]


def _call_deltas(exchange: Exchange, position: int) -> list[dict[str, Any]]:
    arguments = exchange.reply.tool_calls[position].arguments
    first = {"index": position, **_tool_call(exchange, position, "")}
    rest = [{"index": position, "function": {"arguments": part}} for part in fragments(arguments)]
    return [{"tool_calls": [fragment]} for fragment in (first, *rest)]


def _text_choice(index: int, text: str, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _text_chunks(exchange: Exchange) -> list[dict[str, Any]]:
    size = exchange.reply.chunk_size
    columns = [
        [
            *(_text_choice(index, piece) for piece in pieces(text, size)),
            _text_choice(index, "", _finish_reason(exchange)),
        ]
        for index, text in enumerate(exchange.choices)
    ]
    return [chunk for row in zip_longest(*columns) for chunk in row if chunk is not None]
