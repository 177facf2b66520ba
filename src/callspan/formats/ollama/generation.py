"""Ollama's chat and generate: whole, or streamed as objects that each hold what is new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callspan.events import REASONING, TEXT, TOOL_CALL, Content, Delta, Part, Usage, shown
from callspan.formats import parts as parts
from callspan.formats.fields import Body, count, get, id_text, items, plain, read_settings, text
from callspan.formats.format import Format
from callspan.runtime.number import real

_SETTINGS = {
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
"""How base64 text of an image begins; Ollama is not told its type."""


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings, most of which stand among its options."""
    options = body.get("options")
    found = read_settings(options, _SETTINGS) if isinstance(options, Mapping) else {}
    limit = real(found.get("max_tokens"))
    if limit is not None and limit < 0:
        del found["max_tokens"]  # that is no limit: to go on for ever, or to fill the context
    level = text(body.get("think"))
    if level:
        found["reasoning_level"] = level
    if body.get("format"):
        found["output_type"] = "json"
    return found


def chat_content(body: Body) -> Content:
    """The conversation and the tools. System messages stay where they stand in it."""
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        tools=parts.tools(body.get("tools")),
    )


def _message(item: Any) -> dict[str, Any]:
    role = get(item, "role") or "user"
    if role == "tool":
        name = get(item, "tool_name") or get(item, "name")
        told = {
            "type": "tool_call_response",
            "id": get(item, "tool_call_id"),
            "response": get(item, "content"),
        }
        return {"role": role, "parts": [told | ({"name": name} if name else {})]}
    return {
        "role": role,
        "parts": [*(shown(part, part.text) for part in _spoken(item)), *_images(item)],
    }


def generate_content(body: Body) -> Content:
    """The prompt with its images, what is to follow the answer, and the system prompt."""
    said = [
        {"type": TEXT, "content": piece}
        for name in ("prompt", "suffix")
        if (piece := text(body.get(name)))
    ]
    said += _images(body)
    system = text(body.get("system"))
    return Content(
        messages=[{"role": "user", "parts": said}] if said else [],
        system=[{"type": TEXT, "content": system}] if system else [],
    )


def _images(source: Any) -> list[dict[str, Any]]:
    return [_image(data) for data in items(get(source, "images"))]


def _image(data: Any) -> dict[str, Any]:
    known = (
        kind for start, kind in _IMAGES.items() if isinstance(data, str) and data.startswith(start)
    )
    return parts.blob("image", next(known, ""), data)


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One object of a stream, or one whole answer."""
    done = get(answer, "done")
    if not needs_text and not done:
        return None
    # the oldest servers say only that they are done
    reason = text(get(answer, "done_reason")) or ("stop" if done else None)
    return Delta(
        model=text(get(answer, "model")),
        parts=_spoken(get(answer, "message") or answer) if needs_text else (),
        finish_reasons=((0, reason),),
        usage=_usage(answer),
        last=bool(done),
    )


def _spoken(message: Any) -> list[Part]:
    """What a message of a chat says, or an answer to a prompt."""
    thought, said = (
        text(get(message, "thinking")),
        text(get(message, "content")) or text(get(message, "response")),
    )
    found = [Part(REASONING, thought)] if thought else []
    found += [Part(TEXT, said)] if said else []
    image = text(get(message, "image"))
    if image:
        told = _image(image)
        found.append(Part(told.pop("type"), data=told))
    return found + [_called(call) for call in items(get(message, "tool_calls"))]


def _called(call: Any) -> Part:
    """A tool call, which is whole also in a stream, and has no id from most servers."""
    function = get(call, "function")
    given = plain(get(function, "arguments")) or {}
    told = {
        "id": id_text(get(call, "id")),
        "name": text(get(function, "name")) or "",
        "arguments": given,
    }
    return Part(TOOL_CALL, json.dumps(given, ensure_ascii=False, default=repr), data=told)


def _usage(answer: Any) -> Usage | None:
    """The counts; that of the prompt is left out where it was not evaluated anew."""
    found = Usage(input=count(answer, "prompt_eval_count"), output=count(answer, "eval_count"))
    return None if found.total is None else found


CHAT = Format("chat", parameters, read, chat_content)
GENERATE = Format("text_completion", parameters, read, generate_content)
