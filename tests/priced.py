"""Answers whose facts decide their price, read by real clients, and the cost in their spans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import callspan
from clients import (
    HttpClient,
    anthropic_client,
    anthropic_http,
    google_client,
    google_http,
    http,
    openai_client,
)
from telemetry import Telemetry

MESSAGE: dict[str, Any] = {"role": "assistant", "content": "Roses."}


def cost(telemetry: Telemetry) -> tuple[Any, Any, Any]:
    """Return the cost in the one span: US dollars, its source, and why it is unknown."""
    assert callspan.flush()
    (span,) = telemetry.spans
    attributes = dict(span.attributes or {})
    return tuple(attributes.get(f"callspan.cost.{name}") for name in ("usd", "source", "unknown"))  # type: ignore[return-value]


def anthropic_answer(model: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message of Anthropic's."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Roses."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 100, **usage},
    }


def anthropic_stream(model: str, usage: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the message as events, of which the first has only the counts of the input."""
    whole = anthropic_answer(model, usage)
    start = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {**whole["usage"], "output_tokens": 1},
    }
    start["usage"].pop("iterations", None)
    start["usage"].pop("server_tool_use", None)
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Roses."},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": whole["usage"]},
        {"type": "message_stop"},
    ]


def ask_anthropic(
    model: str, usage: Mapping[str, Any], stream: bool = False, **request: Any
) -> None:
    """Make a call with Anthropic's client, whose answer has these counts."""
    events = anthropic_stream(model, usage)
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)

    def respond(_request: Any) -> Any:
        if stream:
            return anthropic_http.Response(
                200, headers={"content-type": "text/event-stream"}, text=text
            )
        return anthropic_http.Response(200, json=anthropic_answer(model, usage))

    with anthropic_client(respond) as client:
        messages: list[Any] = [{"role": "user", "content": "Hi"}]
        answer = client.messages.create(
            model=model, max_tokens=9, messages=messages, stream=stream, **request
        )
        if stream:
            list(answer)


def chat_answer(model: str, usage: Mapping[str, Any] | None, **more: Any) -> dict[str, Any]:
    """Return a chat completion of OpenAI's."""
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {**MESSAGE, **more.pop("message", {})},
    }
    counts = (
        None
        if usage is None
        else {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, **usage}
    )
    return {"id": "1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": counts,
            **more}  # fmt: skip


def chat_stream(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a completion as chunks: the text, the end, and the counts."""
    (choice,) = answer["choices"]
    head = {**answer, "object": "chat.completion.chunk", "usage": None}
    text = {"index": 0, "delta": {"role": "assistant", "content": "Roses."}, "finish_reason": None}
    rest = {name: value for name, value in choice["message"].items() if name not in MESSAGE}
    end = {"index": 0, "delta": rest, "finish_reason": "stop"}
    return [
        {**head, "choices": [text]},
        {**head, "choices": [end]},
        {**head, "choices": [], "usage": answer["usage"]},
    ]


def openai_at(address: str, answer: Any, headers: Mapping[str, str] | None = None) -> Any:
    """Return OpenAI's client at an address, which gets this answer, whole or as a stream."""

    def respond(request: Any) -> Any:
        if json.loads(request.content).get("stream"):
            frames = (
                "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chat_stream(answer))
                + "data: [DONE]\n\n"
            )
            return http.Response(200, headers={"content-type": "text/event-stream"}, text=frames)
        kind = {"content-type": "application/json", **(headers or {})}
        return http.Response(200, headers=kind, text=json.dumps(answer))

    return openai_client(address, http_client=HttpClient(transport=http.MockTransport(respond)))


def ask_openai(
    address: str, answer: Any, stream: bool = False, headers: Any = None, **request: Any
) -> None:
    """Make a chat completion with OpenAI's client."""
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    arguments = {
        "model": answer["model"],
        "messages": [{"role": "user", "content": "Hi"}],
        **request,
        **more,
    }
    with openai_at(address, answer, headers) as client:
        completion = client.chat.completions.create(**arguments)
        if stream:
            list(completion)


def gemini_answer(usage: Mapping[str, Any], **candidate: Any) -> dict[str, Any]:
    """Return an answer of Gemini's."""
    choice = {
        "content": {"role": "model", "parts": [{"text": "Roses."}]},
        "finishReason": "STOP",
        **candidate,
    }
    counts = {
        "promptTokenCount": 1000,
        "candidatesTokenCount": 100,
        "totalTokenCount": 1100,
        **usage,
    }
    return {"candidates": [choice], "modelVersion": "gemini-2.5-flash", "usageMetadata": counts}


def ask_gemini(answer: Mapping[str, Any], stream: bool = False, **request: Any) -> None:
    """Make a call with Google's client."""

    def respond(_request: Any) -> Any:
        if stream:
            frame = f"data: {json.dumps(answer)}\n\n"
            return google_http.Response(
                200, headers={"content-type": "text/event-stream"}, text=frame
            )
        return google_http.Response(200, json=dict(answer))

    models = google_client("https://generativelanguage.googleapis.com", respond).models
    arguments = {"model": "gemini-2.5-flash", "contents": "Hi", **request}
    if stream:
        list(models.generate_content_stream(**arguments))
    else:
        models.generate_content(**arguments)
