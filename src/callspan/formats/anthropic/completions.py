"""Anthropic's legacy completions, which name no token counts."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Part
from callspan.formats.anthropic import messages as messages
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, get, id_text, text
from callspan.formats.format import Format


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    limit = body.get("max_tokens_to_sample")
    return messages.parameters(body if limit is None else {**body, "max_tokens": limit})


def content(body: Body) -> Content:
    """The prompt, which holds the whole conversation."""
    prompt = text(body.get("prompt"))
    return Content(
        [{"role": "user", "parts": [{"type": TEXT, "content": prompt}]}] if prompt else []
    )


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One piece of an answer, or a whole one; errors are those of messages."""
    if get(answer, "type") in ("error", "ping"):
        return messages.read(answer, needs_text)
    said = text(get(answer, "completion")) if needs_text else None
    return Delta(
        id=id_text(get(answer, "id")),
        model=text(get(answer, "model")),
        parts=(Part(TEXT, said),) if said else (),
        finish_reasons=((0, text(get(answer, "stop_reason"))),),
    )


COMPLETIONS = Format("text_completion", parameters, with_failures(read), content)
