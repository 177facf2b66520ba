"""Mistral's completions between a prompt and a suffix, whose answers are those of its chat."""

from __future__ import annotations

from callspan.events import TEXT, Content
from callspan.formats.fields import Body, text
from callspan.formats.format import Format
from callspan.formats.openai import chat as chat
from callspan.formats.openai import completions as completions


def content(body: Body) -> Content:
    """What comes before and what comes after, as one message of the user."""
    given = [body.get("prompt"), body.get("suffix")]
    parts = [{"type": TEXT, "content": said} for one in given if (said := text(one))]
    return Content([{"role": "user", "parts": parts}] if parts else [])


FIM = Format("text_completion", completions.parameters, chat.read, content)
