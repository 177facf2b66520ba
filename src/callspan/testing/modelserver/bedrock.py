"""Bedrock: Converse, and InvokeModel with the formats of Anthropic and of OpenAI, whole or as streams of events."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from .chat import chat
from .eventstream import STREAMED, event, exception, frames
from .exchange import Answer, Exchange, to_json
from .ledger import Counts
from .messages import MESSAGES_FIELDS, messages
from .openai_shapes import CHAT_FIELDS, NAME, SCHEMA, TOKENS
from .reply import Reply
from .shapes import MAPPING, TEXT, TEXTS, Shape, array, mapping, number, one_of
from .text import fragments, pieces
from .wire import Endpoint, Format

_ADDRESS = re.compile(r"/model/(?P<model>[^/]+)/(?P<end>[a-z-]+)")
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
# Other vendors have chats of their own here, whose messages look different; what they ask for is answered by a script.
_CHAT = mapping({**CHAT_FIELDS, "messages": array(mapping({"role": TEXT}))})
_ANTHROPIC = mapping(MESSAGES_FIELDS, required=("messages",))


def _check_invoked(body: Any, name: str) -> None:
    """Check the body of InvokeModel, which is Anthropic's or OpenAI's."""
    is_anthropic = isinstance(body, dict) and "anthropic_version" in body
    shape = _ANTHROPIC if is_anthropic else _CHAT
    shape(body, name)


# status: the code, message
_KNOWN: dict[int, tuple[str, str]] = {
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


def _asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The request in the words of chat; model and operation stand in the path."""
    found = _ADDRESS.fullmatch(path)
    model, end = found.groups() if found else ("", "")
    named = {"model": unquote(model), "stream": end in (_CONVERSE_STREAM, _INVOKE_STREAM)}
    if end in (_INVOKE, _INVOKE_STREAM):
        return {**body, **named}
    system = [{"role": "system", "content": _said(body["system"])}] if body.get("system") else []
    specs = [
        tool["toolSpec"]
        for tool in (body.get("toolConfig") or {}).get("tools") or []
        if tool.get("toolSpec")
    ]
    tools = [
        {"name": spec["name"], "parameters": (spec.get("inputSchema") or {}).get("json")}
        for spec in specs
    ]
    return {
        **named,
        "messages": [*system, *map(_message, body.get("messages") or [])],
        "tools": [{"type": "function", "function": tool} for tool in tools],
    }


def _message(sent: dict[str, Any]) -> dict[str, Any]:
    results = [
        block["toolResult"] for block in sent.get("content") or [] if block.get("toolResult")
    ]
    if results:
        return {
            "role": "tool",
            "content": json.dumps(results[-1].get("content"), ensure_ascii=False),
        }
    return {"role": sent.get("role") or "user", "content": _said(sent.get("content"))}


def _said(blocks: Any) -> str:
    return "".join(block.get("text") or "" for block in blocks or [])


def converse(exchange: Exchange) -> Answer:
    """POST /model/MODEL/converse and /converse-stream."""
    reply = exchange.reply
    counts = exchange.tally(
        exchange.text, *(text for call in reply.tool_calls for text in (call.name, call.arguments))
    )
    reason = reply.finish_reason or ("tool_use" if reply.tool_calls else "end_turn")
    told = {"usage": _usage(counts), "metrics": {"latencyMs": 1}}
    if exchange.body.get("stream"):
        return _streamed(
            exchange, counts, [("messageStop", {"stopReason": reason}), ("metadata", told)]
        )
    message = {"role": "assistant", "content": _content(exchange)}
    whole = {"output": {"message": message}, "stopReason": reason, **told}
    return Answer(to_json(whole), model=exchange.model, counts=counts, told_at=0)


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "inputTokens": counts.input - counts.cached - counts.cache_write,
        "outputTokens": counts.output,
        "totalTokens": counts.input + counts.output,
        "cacheReadInputTokens": counts.cached,
        "cacheWriteInputTokens": counts.cache_write,
    }


def _content(exchange: Exchange) -> list[dict[str, Any]]:
    said = [{"text": exchange.text}] if exchange.text else []
    calls = enumerate(exchange.reply.tool_calls)
    return [
        *said,
        *(
            {"toolUse": {**_call(exchange, at), "input": json.loads(call.arguments)}}
            for at, call in calls
        ),
    ]


def _call(exchange: Exchange, position: int) -> dict[str, Any]:
    return {
        "toolUseId": exchange.call_id(position),
        "name": exchange.reply.tool_calls[position].name,
    }


def _streamed(exchange: Exchange, counts: Counts, ending: list[tuple[str, Any]]) -> Answer:
    events: list[tuple[str, Any]] = [("messageStart", {"role": "assistant"})]
    blocks = [_block(exchange, at) for at in range(-1, len(exchange.reply.tool_calls))]
    for at, (start, deltas) in enumerate(block for block in blocks if block[1]):
        events += (
            [("contentBlockStart", {"start": start, "contentBlockIndex": at})] if start else []
        )
        events += [
            ("contentBlockDelta", {"delta": delta, "contentBlockIndex": at}) for delta in deltas
        ]
        events.append(("contentBlockStop", {"contentBlockIndex": at}))
    made = tuple(event(kind, to_json(said)) for kind, said in (*events, *ending))
    told = len(made) - 1
    return Answer(
        frames=made,
        model=exchange.model,
        counts=counts,
        told_at=told,
        error_frame=_broken(exchange.reply),
    )


def _block(exchange: Exchange, at: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What begins a block, and the pieces that follow; the text comes before the calls."""
    if at < 0:
        return {}, [{"text": piece} for piece in pieces(exchange.text, exchange.reply.chunk_size)]
    given = fragments(exchange.reply.tool_calls[at].arguments)
    return {"toolUse": _call(exchange, at)}, [{"toolUse": {"input": part}} for part in given]


def invoke(exchange: Exchange) -> Answer:
    """POST /model/MODEL/invoke and /invoke-with-response-stream, in the format of the request."""
    answer = (messages if "anthropic_version" in exchange.body else chat)(exchange)
    counts = answer.counts or Counts()
    if answer.frames is None:
        stated = {
            "input": counts.input - counts.cached - counts.cache_write,
            "output": counts.output,
        }
        headers = {
            f"x-amzn-bedrock-{side}-token-count": str(number) for side, number in stated.items()
        }
        return replace(answer, headers={**answer.headers, **headers})
    made = [_data(sent) for sent in answer.frames]
    said = [json.loads(data) for data in made if data != b"[DONE]"]
    said[-1]["amazon-bedrock-invocationMetrics"] = {
        "inputTokenCount": counts.input,
        "outputTokenCount": counts.output,
        "invocationLatency": 1,
        "firstByteLatency": 1,
    }
    chunks = (to_json({"bytes": base64.b64encode(to_json(one)).decode()}) for one in said)
    told = answer.told_at if answer.told_at is not None else len(said) - 1
    carried = tuple(event("chunk", chunk) for chunk in chunks)
    return replace(answer, frames=carried, told_at=told, error_frame=_broken(exchange.reply))


def _data(sent: bytes) -> bytes:
    """What a server-sent event carries."""
    return sent.partition(b"data: ")[2].strip()


def _error(reply: Reply, status: int) -> dict[str, Any]:
    return {"message": reply.error_message or _known(status)[1]}


def _error_headers(reply: Reply, status: int) -> dict[str, str]:
    return {"x-amzn-errortype": reply.error_type or _known(status)[0]}


def _known(status: int) -> tuple[str, str]:
    return _KNOWN.get(status, _KNOWN[400 if status < 500 else 500])


def _broken(reply: Reply) -> bytes:
    return exception(reply.error_type or "internalServerException", to_json(_error(reply, 500)))


BEDROCK = Format(
    address=_ADDRESS,
    endpoints={
        _CONVERSE: Endpoint(converse, _CONVERSATION, spoken=True),
        _CONVERSE_STREAM: Endpoint(converse, _CONVERSATION, spoken=True),
        _INVOKE: Endpoint(invoke, _check_invoked, spoken=True),
        _INVOKE_STREAM: Endpoint(invoke, _check_invoked, spoken=True),
    },
    error=_error,
    broken=_broken,
    asked=_asked,
    error_headers=_error_headers,
    frames=frames,
    streamed=STREAMED,
)
