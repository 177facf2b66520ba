"""Mistral's completions between a prompt and a suffix, whose answers are those of its chat."""

from __future__ import annotations

from callspan.dialects import openai_chat as chat
from callspan.dialects import openai_completions as completions
from callspan.dialects.dialect import Body, Dialect, text
from callspan.events import TEXT, Content


def content(body: Body) -> Content:
    """What comes before and what comes after, as one message of the user."""
    given = [body.get("prompt"), body.get("suffix")]
    parts = [{"type": TEXT, "content": said} for one in given if (said := text(one))]
    return Content([{"role": "user", "parts": parts}] if parts else [])


FIM = Dialect("text_completion", completions.parameters, chat.read, content)
