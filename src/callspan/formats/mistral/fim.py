"""Mistral's completions between a prompt and a suffix, whose answers are those of its chat."""

from __future__ import annotations

from callspan.events import Content
from callspan.formats.fields import Body, text
from callspan.formats.format import Format
from callspan.formats.openai import chat, completions
from callspan.formats.parts import text_parts, user_messages


def content(body: Body) -> Content:
    """Return the prompt and the suffix, as one message of the user."""
    pieces = text_parts(text(body.get("prompt")))
    pieces += text_parts(text(body.get("suffix")))
    return Content(user_messages(pieces))


FIM = Format("text_completion", completions.parameters, chat.read, content)
