"""Chat completions, and completions without a chat, which are older."""

from __future__ import annotations

from itertools import zip_longest

from .errors import chat_error_frame
from .exchange import CREATED, Answer, Exchange, JsonObject, frame, optional_object
from .ledger import Counts
from .text import fragments, pieces
from .wire import DONE


def chat(exchange: Exchange) -> Answer:
    """Answer POST /chat/completions."""
    texts = exchange.choices
    # Each of the choices calls the same tools.
    counts = exchange.count_tokens(*texts, *(exchange.call_texts * len(texts)))
    if exchange.is_streamed:
        envelope = _chat_envelope(exchange, ".chunk")
        return _stream(exchange, counts, envelope, _chat_chunks(exchange))
    choices: list[JsonObject] = []
    for index, text in enumerate(texts):
        choice = {
            "index": index,
            "message": _message(exchange, text),
            "logprobs": None,
            "finish_reason": _finish_reason(exchange),
        }
        choices.append(choice)
    return _whole(exchange, counts, {**_chat_envelope(exchange), "choices": choices})


def completion(exchange: Exchange) -> Answer:
    """Answer POST /completions."""
    counts = exchange.count_tokens(*exchange.choices)
    if exchange.is_streamed:
        return _stream(exchange, counts, _text_envelope(exchange), _text_chunks(exchange))
    finish = _finish_reason(exchange)
    choices = [_text_choice(index, text, finish) for index, text in enumerate(exchange.choices)]
    return _whole(exchange, counts, {**_text_envelope(exchange), "choices": choices})


def _usage(counts: Counts) -> JsonObject:
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


def _whole(exchange: Exchange, counts: Counts, body: JsonObject) -> Answer:
    # The counts are booked although no usage is sent: the model has worked.
    if exchange.sends_usage:
        body["usage"] = _usage(counts)
    return exchange.answer(body, counts, has_usage=exchange.sends_usage)


def _stream(
    exchange: Exchange, counts: Counts, envelope: JsonObject, choices: list[JsonObject]
) -> Answer:
    options = optional_object(exchange.body, "stream_options")
    sends_usage = bool(options.get("include_usage")) and exchange.sends_usage
    # OpenAI sends `"usage": null` in each chunk before the one that has it, and only then.
    no_usage = {"usage": None} if sends_usage else {}
    frames = [frame({**envelope, "choices": [choice], **no_usage}) for choice in choices]
    usage_at = None
    if sends_usage:
        usage_at = len(frames)
        frames.append(frame({**envelope, "choices": [], "usage": _usage(counts)}))
    return exchange.stream(
        [*frames, DONE],
        counts,
        usage_at=usage_at,
        error_frame=chat_error_frame(exchange.reply),
    )


def _chat_envelope(exchange: Exchange, suffix: str = "") -> JsonObject:
    """Return the fields of a chat's answer, or of one of its chunks, that surround the choices."""
    # `auto` is a wish; the answer names the tier that it got.
    tier = exchange.body.get("service_tier") or "auto"
    return {
        "id": f"chatcmpl-{exchange.number:06}",
        "object": f"chat.completion{suffix}",
        "created": CREATED,
        "model": exchange.model,
        "service_tier": "default" if tier == "auto" else tier,
        "system_fingerprint": "fp_modelserver",
    }


def _text_envelope(exchange: Exchange) -> JsonObject:
    return {
        "id": f"cmpl-{exchange.number:06}",
        "object": "text_completion",
        "created": CREATED,
        "model": exchange.model,
        "system_fingerprint": "fp_modelserver",
    }


def _finish_reason(exchange: Exchange) -> str:
    if exchange.reply.finish_reason:
        return exchange.reply.finish_reason
    return "tool_calls" if exchange.reply.tool_calls else "stop"


def _has_content(exchange: Exchange) -> bool:
    """Whether there is a text: the content of a message that only calls tools is null."""
    return bool(exchange.reply.text) or not exchange.reply.tool_calls


def _message(exchange: Exchange, text: str) -> JsonObject:
    reply = exchange.reply
    message: JsonObject = {
        "role": "assistant",
        "content": text if _has_content(exchange) else None,
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


def _tool_call(exchange: Exchange, position: int, arguments: str) -> JsonObject:
    name = exchange.reply.tool_calls[position].name
    function = {"name": name, "arguments": arguments}
    return {"id": exchange.call_id(position), "type": "function", "function": function}


def _interleave(columns: list[list[JsonObject]]) -> list[JsonObject]:
    """Return the chunks of several choices in turn, as the provider sends them."""
    chunks: list[JsonObject] = []
    for row in zip_longest(*columns):
        chunks += filter(None, row)  # a choice that is over leaves a gap
    return chunks


def _chat_chunks(exchange: Exchange) -> list[JsonObject]:
    columns: list[list[JsonObject]] = []
    for index, text in enumerate(exchange.choices):
        column = [_chat_choice(index, delta) for delta in _deltas(exchange, text)]
        column.append(_chat_choice(index, {}, _finish_reason(exchange)))
        columns.append(column)
    return _interleave(columns)


def _chat_choice(index: int, delta: JsonObject, finish: str | None = None) -> JsonObject:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def _deltas(exchange: Exchange, text: str) -> list[JsonObject]:
    """Return the deltas of one choice; the first brings the role, as OpenAI's does."""
    reply = exchange.reply
    has_content = _has_content(exchange)
    content = "" if has_content else None
    deltas: list[JsonObject] = [{"role": "assistant", "content": content, "refusal": None}]
    for piece in pieces(reply.reasoning, reply.chunk_size):
        deltas.append({"reasoning_content": piece})
    if has_content:
        for piece in pieces(text, reply.chunk_size):
            deltas.append({"content": piece})
    for position in range(len(reply.tool_calls)):
        deltas += _call_deltas(exchange, position)
    return deltas


def _call_deltas(exchange: Exchange, position: int) -> list[JsonObject]:
    """Return the deltas of one tool call: id and name first, then the arguments in pieces."""
    arguments = exchange.reply.tool_calls[position].arguments
    calls: list[JsonObject] = [{"index": position, **_tool_call(exchange, position, "")}]
    for fragment in fragments(arguments):
        calls.append({"index": position, "function": {"arguments": fragment}})
    return [{"tool_calls": [call]} for call in calls]


def _text_choice(index: int, text: str, finish: str | None = None) -> JsonObject:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _text_chunks(exchange: Exchange) -> list[JsonObject]:
    columns: list[list[JsonObject]] = []
    for index, text in enumerate(exchange.choices):
        column = [_text_choice(index, piece) for piece in pieces(text, exchange.reply.chunk_size)]
        column.append(_text_choice(index, "", _finish_reason(exchange)))
        columns.append(column)
    return _interleave(columns)
