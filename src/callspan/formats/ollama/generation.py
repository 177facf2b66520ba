"""Ollama's chat and generate: whole, or streamed as objects that each hold new text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from callspan.events import (
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Message,
    MessagePart,
    ParameterName,
    Parameters,
    Part,
    PartFields,
    Usage,
)
from callspan.formats import parts
from callspan.formats.fields import (
    Body,
    Item,
    count,
    get,
    get_first,
    id_text,
    items,
    plain,
    read_settings,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.runtime.number import real

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "num_predict": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
_IMAGES = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lGO": "image/gif", "UklGR": "image/webp"}
"""The first characters of base64 text by the type of the image, which no request states."""


def parameters(body: Body) -> Parameters:
    """Return the request's settings, most of which stand among its options."""
    options = body.get("options")
    settings: Parameters = {}
    if isinstance(options, Mapping):
        settings = read_settings(options, _SETTINGS)
    limit = real(settings.get("max_tokens"))
    if limit is not None and limit < 0:
        # -1 means to go on for ever, and -2 to fill the context: neither is a limit.
        del settings["max_tokens"]
    # `true` only switches thinking on, which is no level (tests/test_ollama.py)
    level = text(body.get("think"))
    if level:
        settings["reasoning_level"] = level
    # `json`, or a schema
    if body.get("format"):
        settings["output_type"] = "json"
    return settings


def chat_content(body: Body) -> Content:
    """Return the conversation and the tools. System messages stay where they stand in it."""
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        tools=parts.tools(body.get("tools")),
    )


def _message(item: Item) -> Message:
    role = parts.role_of(item)
    if role == "tool":
        return {"role": role, "parts": [_tool_result(item)]}
    return {"role": role, "parts": [*parts.message_parts(_parts(item)), *_images(item)]}


def _tool_result(item: Item) -> MessagePart:
    part = parts.tool_response(get(item, "tool_call_id"), get(item, "content"))
    name = get_first(item, "tool_name", "name")
    if name:
        part["name"] = name
    return part


def generate_content(body: Body) -> Content:
    """Return the prompt with its suffix and images, and the system prompt."""
    pieces = parts.text_parts(text(body.get("prompt")))
    pieces += parts.text_parts(text(body.get("suffix")))
    pieces += _images(body)
    return Content(
        messages=parts.user_messages(pieces),
        system=parts.text_parts(text(body.get("system"))),
    )


def _images(source: Item) -> list[MessagePart]:
    return [_image(data) for data in items(get(source, "images"))]


def _image(data: Item) -> MessagePart:
    mime_type = ""
    if isinstance(data, str):
        for start, image_type in _IMAGES.items():
            if data.startswith(start):
                mime_type = image_type
    return parts.blob("image", mime_type, data)


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one object of a stream, or one whole answer."""
    done = get(answer, "done")
    # counts and reason come with the last object; all before it have text alone
    if not needs_text and not done:
        return None
    reason = text(get(answer, "done_reason"))
    if reason is None and done:
        reason = "stop"  # the oldest servers state no reason
    return Delta(
        model=text(get(answer, "model")),
        parts=_parts(get(answer, "message") or answer) if needs_text else (),
        finish_reasons=((0, reason),),
        usage=_usage(answer),
        last=bool(done),
    )


def _parts(message: Item) -> list[Part]:
    """Return the parts of a message of a chat, or of an answer to a prompt."""
    pieces: list[Part] = []
    thought = text(get(message, "thinking"))
    if thought:
        pieces.append(Part(REASONING, thought))
    fragment = text(get(message, "content")) or text(get(message, "response"))
    if fragment:
        pieces.append(Part(TEXT, fragment))
    image = text(get(message, "image"))
    if image:
        pieces.append(parts.whole_part(_image(image)))
    for call in items(get(message, "tool_calls")):
        pieces.append(_tool_call(call))
    return pieces


def _tool_call(call: Item) -> Part:
    """Return a tool call, which is whole also in a stream, and has no id from most servers."""
    function = get(call, "function")
    arguments = plain(get(function, "arguments")) or {}
    # whole parts are never joined, as two calls without ids would be (tests/test_ollama.py)
    data: PartFields = {
        "id": id_text(get(call, "id")),
        "name": string(get(function, "name")),
        "arguments": arguments,
    }
    as_json = json.dumps(arguments, ensure_ascii=False, default=repr)
    return Part(TOOL_CALL, as_json, data=data)


def _usage(answer: Item) -> Usage | None:
    """Return the counts; a prompt that Ollama has in its cache is not evaluated, nor counted."""
    usage = Usage(input=count(answer, "prompt_eval_count"), output=count(answer, "eval_count"))
    return None if usage.total is None else usage


CHAT = Format("chat", parameters, read, chat_content)
GENERATE = Format("text_completion", parameters, read, generate_content)
