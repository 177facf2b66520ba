"""Bedrock: Converse, and InvokeModel with the formats of Anthropic and of OpenAI."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from .chat import chat
from .eventstream import STREAMED, event, exception, frames
from .exchange import Answer, Exchange, JsonObject, optional_array, optional_object, to_json
from .ledger import Counts
from .messages import MESSAGES_FIELDS, messages
from .openai_shapes import CHAT_FIELDS, NAME, SCHEMA, TOKENS
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, mapping, number, one_of
from .text import fragments, pieces
from .wire import Endpoint, Format, find_error

# The model may be an ARN, whose colons and slashes the client has quoted.
_ADDRESS = re.compile(r"/model/(?P<model>[^/]+)/(?P<endpoint>[a-z-]+)")
_CONVERSE, _CONVERSE_STREAM = "converse", "converse-stream"
_INVOKE, _INVOKE_STREAM = "invoke", "invoke-with-response-stream"

_BLOCK = mapping(
    {
        "text": TEXT,
        **dict.fromkeys(("toolUse", "toolResult", "image", "document", "video"), MAPPING),
    }
)
_MESSAGE = mapping(
    {"role": one_of("user", "assistant"), "content": array(_BLOCK)}, required=("role", "content")
)
_SPEC = mapping({"name": NAME, "inputSchema": mapping({"json": SCHEMA})}, required=("name",))
_SAMPLING: dict[str, Shape] = {"maxTokens": TOKENS, "stopSequences": TEXTS}
_SAMPLING |= dict.fromkeys(("temperature", "topP"), number(0, 1))
_FIELDS: dict[str, Shape] = {
    "messages": array(_MESSAGE),
    "system": array(_BLOCK),
    "inferenceConfig": mapping(_SAMPLING),
    "toolConfig": mapping(
        {"tools": array(mapping({"toolSpec": _SPEC}), most=128), "toolChoice": MAPPING}
    ),
    "guardrailConfig": MAPPING,
}
_CONVERSATION = mapping(_FIELDS)
# Other vendors have chats of their own here, with other messages: tests script their answers.
_CHAT = mapping({**CHAT_FIELDS, "messages": array(mapping({"role": TEXT}))})
_ANTHROPIC = mapping(MESSAGES_FIELDS, required=("messages",))


def _check_invoked(body: Any, name: str) -> None:
    """Check the body of InvokeModel, which is Anthropic's or OpenAI's."""
    is_anthropic = isinstance(body, dict) and "anthropic_version" in body
    shape = _ANTHROPIC if is_anthropic else _CHAT
    shape(body, name)


# By status: the code, message.
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("ValidationException", "The provided model identifier is invalid."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: (
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
    ),
    404: ("ResourceNotFoundException", "The resource does not exist."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "An internal server error occurred. Retry your request."),
    503: ("ServiceUnavailableException", "The service isn't currently available. Try again later."),
}


def _translate(path: str, body: JsonObject) -> JsonObject:
    """Return a request in OpenAI's words; model and operation stand in the path."""
    match = _ADDRESS.fullmatch(path)
    model, endpoint = (match["model"], match["endpoint"]) if match else ("", "")
    # The path says whether there is a stream; the body of Converse has no word for it.
    is_streamed = endpoint in (_CONVERSE_STREAM, _INVOKE_STREAM)
    request: JsonObject = {"model": unquote(model), "stream": is_streamed}
    if endpoint in (_INVOKE, _INVOKE_STREAM):
        # The body of InvokeModel is the vendor's own, and near enough to OpenAI's for the florist.
        return {**body, **request}
    return {**request, "messages": _messages(body), "tools": _tools(body)}


def _messages(body: JsonObject) -> list[JsonObject]:
    messages: list[JsonObject] = []
    if body.get("system"):
        messages.append({"role": "system", "content": _text(body["system"])})
    messages += map(_message, optional_array(body, "messages"))
    return messages


def _tools(body: JsonObject) -> list[JsonObject]:
    tools: list[JsonObject] = []
    for tool in optional_array(optional_object(body, "toolConfig"), "tools"):
        spec = tool.get("toolSpec")
        if spec:  # else a tool of Bedrock's own, or a mark for its cache
            schema = optional_object(spec, "inputSchema")
            function = {"name": spec["name"], "parameters": schema.get("json")}
            tools.append({"type": "function", "function": function})
    return tools


def _message(message: JsonObject) -> JsonObject:
    blocks = optional_array(message, "content")
    results = list(filter(None, (block.get("toolResult") for block in blocks)))
    # A turn with results of tools is what OpenAI calls a message of the tool.
    if results:
        text = json.dumps(results[-1].get("content"), ensure_ascii=False)
        return {"role": "tool", "content": text}
    return {"role": message.get("role") or "user", "content": _text(blocks)}


def _text(blocks: list[JsonObject]) -> str:
    return "".join(block.get("text") or "" for block in blocks)


def converse(exchange: Exchange) -> Answer:
    """Answer POST /model/MODEL/converse and /converse-stream."""
    counts = exchange.count_tokens(exchange.text, *exchange.call_texts)
    reason = "tool_use" if exchange.reply.tool_calls else "end_turn"
    reason = exchange.reply.finish_reason or reason
    metadata = {"usage": _usage(counts), "metrics": {"latencyMs": 1}}
    if exchange.is_streamed:
        return _stream(exchange, counts, reason, metadata)
    message = {"role": "assistant", "content": _content(exchange)}
    whole = {"output": {"message": message}, "stopReason": reason, **metadata}
    return exchange.answer(whole, counts, has_usage=True)


def _usage(counts: Counts) -> JsonObject:
    # As with Anthropic, what is read from the cache or written into it stands beside the input.
    return {
        "inputTokens": counts.input - counts.cached - counts.cache_write,
        "outputTokens": counts.output,
        "totalTokens": counts.input + counts.output,
        "cacheReadInputTokens": counts.cached,
        "cacheWriteInputTokens": counts.cache_write,
    }


def _content(exchange: Exchange) -> list[JsonObject]:
    content: list[JsonObject] = []
    if exchange.text:
        content.append({"text": exchange.text})
    for position, call in enumerate(exchange.reply.tool_calls):
        tool_use = {**_call(exchange, position), "input": json.loads(call.arguments)}
        content.append({"toolUse": tool_use})
    return content


def _call(exchange: Exchange, position: int) -> JsonObject:
    return {
        "toolUseId": exchange.call_id(position),
        "name": exchange.reply.tool_calls[position].name,
    }


def _stream(exchange: Exchange, counts: Counts, reason: str, metadata: JsonObject) -> Answer:
    events: list[tuple[str, JsonObject]] = [("messageStart", {"role": "assistant"})]
    for index, (start, deltas) in enumerate(_blocks(exchange)):
        events += _block_events(index, start, deltas)
    events.append(("messageStop", {"stopReason": reason}))
    # After the stop: who reads only up to it has no counts.
    events.append(("metadata", metadata))
    return exchange.stream(
        [event(kind, to_json(payload)) for kind, payload in events],
        counts,
        usage_at=len(events) - 1,
        error_frame=_error_frame(exchange.reply),
    )


def _block_events(
    index: int, start: JsonObject | None, deltas: list[JsonObject]
) -> list[tuple[str, JsonObject]]:
    position = {"contentBlockIndex": index}
    events: list[tuple[str, JsonObject]] = []
    if start:
        events.append(("contentBlockStart", {"start": start, **position}))
    for delta in deltas:
        events.append(("contentBlockDelta", {"delta": delta, **position}))
    events.append(("contentBlockStop", position))
    return events


def _blocks(exchange: Exchange) -> list[tuple[JsonObject | None, list[JsonObject]]]:
    """Return the blocks of a stream: how each starts, and its deltas.

    A text has no start. A block without deltas is left out.
    """
    reply = exchange.reply
    blocks: list[tuple[JsonObject | None, list[JsonObject]]] = []
    words = pieces(exchange.text, reply.chunk_size)
    if words:
        blocks.append((None, [{"text": word} for word in words]))
    for position, call in enumerate(reply.tool_calls):
        parts = fragments(call.arguments)
        if parts:
            start = {"toolUse": _call(exchange, position)}
            blocks.append((start, [{"toolUse": {"input": part}} for part in parts]))
    return blocks


def invoke(exchange: Exchange) -> Answer:
    """Answer POST /model/MODEL/invoke and /invoke-with-response-stream.

    The format is Anthropic's or OpenAI's, as that of the request.
    """
    is_anthropic = "anthropic_version" in exchange.body
    answer = messages(exchange) if is_anthropic else chat(exchange)
    # The vendor's answer is made first, and then packed as Bedrock sends it.
    counts = answer.counts or Counts()
    if answer.frames is None:
        uncached = counts.input - counts.cached - counts.cache_write
        headers = {
            **answer.headers,
            "x-amzn-bedrock-input-token-count": str(uncached),
            "x-amzn-bedrock-output-token-count": str(counts.output),
        }
        return replace(answer, headers=headers)
    # Bedrock's streams have no `[DONE]`: they end as AWS's events do.
    events = [json.loads(data) for data in map(_data, answer.frames) if data != b"[DONE]"]
    # Bedrock adds its own counts to the last event of the vendor's stream.
    events[-1]["amazon-bedrock-invocationMetrics"] = {
        "inputTokenCount": counts.input,
        "outputTokenCount": counts.output,
        "invocationLatency": 1,
        "firstByteLatency": 1,
    }
    usage_at = len(events) - 1 if answer.usage_at is None else answer.usage_at
    return replace(
        answer,
        frames=tuple(map(_chunk, events)),
        usage_at=usage_at,
        error_frame=_error_frame(exchange.reply),
    )


def _data(event: bytes) -> bytes:
    """Return the data of a server-sent event."""
    return event.partition(b"data: ")[2].strip()


def _chunk(payload: JsonObject) -> bytes:
    """Return an event of AWS's that carries an event of the vendor's."""
    # The vendor's JSON goes as base64 within Bedrock's, as the API has it.
    encoded = base64.b64encode(to_json(payload)).decode()
    return event("chunk", to_json({"bytes": encoded}))


def _error(reply: Reply, status: int) -> JsonObject:
    _, message = _code_and_message(status)
    return {"message": reply.error_message or message}


def _error_headers(reply: Reply, status: int) -> dict[str, str]:
    code, _ = _code_and_message(status)
    return {"x-amzn-errortype": reply.error_type or code}


def _code_and_message(status: int) -> tuple[str, str]:
    return find_error(_ERRORS, status)


def _error_frame(reply: Reply) -> bytes:
    return exception(reply.error_type or "internalServerException", to_json(_error(reply, 500)))


BEDROCK = Format(
    address=_ADDRESS,
    endpoints={
        _CONVERSE: Endpoint(converse, _CONVERSATION, is_written=True),
        _CONVERSE_STREAM: Endpoint(converse, _CONVERSATION, is_written=True),
        _INVOKE: Endpoint(invoke, _check_invoked, is_written=True),
        _INVOKE_STREAM: Endpoint(invoke, _check_invoked, is_written=True),
    },
    error=_error,
    error_frame=_error_frame,
    translate=_translate,
    error_headers=_error_headers,
    split=frames,
    stream_type=STREAMED,
)
