"""Text generation as Hugging Face's servers speak it (TGI): whole, or streamed token by token."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Part, Usage
from callspan.formats.errors import read_failure
from callspan.formats.fields import Body, count, get, items, read_settings, text
from callspan.formats.format import Format

_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_new_tokens": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
}


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    return read_settings(body.get("parameters") or {}, _SETTINGS)


def content(body: Body) -> Content:
    """The prompt, as a message of the user."""
    prompt = text(body.get("inputs"))
    return Content(
        [{"role": "user", "parts": [{"type": TEXT, "content": prompt}]}] if prompt else []
    )


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One token of a stream, or one whole answer, which some servers put into a list."""
    told = next(iter(items(answer)), answer)
    details, token = get(told, "details"), get(told, "token")
    reason = text(get(details, "finish_reason"))
    return Delta(
        parts=_said(told, token) if needs_text else (),
        finish_reasons=((0, reason),) if token is not None or reason else (),
        usage=_usage(details),
        failure=read_failure(told),
        last=reason is not None,
    )


def _said(told: Any, token: Any) -> list[Part]:
    words = (
        get(told, "generated_text")
        if token is None
        else None
        if get(token, "special")
        else get(token, "text")
    )
    return [Part(TEXT, said)] if (said := text(words)) else []


def _usage(details: Any) -> Usage | None:
    """The counts; a whole answer tells of the prompt only by its tokens, and only where they are asked for."""
    said, sent = count(details, "generated_tokens"), count(details, "input_length")
    if sent is None:
        sent = len(items(get(details, "prefill"))) or None
    return None if said is None and sent is None else Usage(input=sent, output=said)


GENERATE = Format("text_completion", parameters, read, content)
