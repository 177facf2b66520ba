"""Anthropic's legacy completions, which name no token counts."""

from __future__ import annotations

from callspan.events import TEXT, Content, Delta, Parameters, Part
from callspan.formats.anthropic import messages
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, get, id_text, text
from callspan.formats.format import Format
from callspan.formats.parts import prompt_content


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    limit = body.get("max_tokens_to_sample")  # the older name
    if limit is not None:
        body = {**body, "max_tokens": limit}
    return messages.parameters(body)


def content(body: Body) -> Content:
    """Return the prompt, which holds the whole conversation."""
    return prompt_content(text(body.get("prompt")))


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one piece of an answer, or a whole one; errors are those of messages."""
    if get(answer, "type") in ("error", "ping"):
        return messages.read(answer, needs_text)
    fragment = text(get(answer, "completion"))
    # an API without token counts: they stay unknown (tests/test_anthropic_completions.py)
    return Delta(
        id=id_text(get(answer, "id")),
        model=text(get(answer, "model")),
        parts=(Part(TEXT, fragment),) if fragment and needs_text else (),
        finish_reasons=((0, text(get(answer, "stop_reason"))),),
    )


COMPLETIONS = Format("text_completion", parameters, with_failures(read), content)
