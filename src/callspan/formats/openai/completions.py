"""OpenAI's legacy completions, which many self-hosted servers still speak."""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Part
from callspan.formats.fields import Body, get, items, text
from callspan.formats.format import Format
from callspan.formats.openai import chat as chat


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings: chat's, but for the name of the API."""
    return {name: value for name, value in chat.parameters(body).items() if name != "api_type"}


def content(body: Body) -> Content:
    """The prompts, each as a message of the user; prompts given as token numbers are left out."""
    prompt = body.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else items(prompt)
    return Content(
        [
            {"role": "user", "parts": [{"type": TEXT, "content": p}]}
            for p in prompts
            if isinstance(p, str)
        ]
    )


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One chunk, or one whole completion."""
    delta = chat.read(answer, needs_text)
    if delta is not None and needs_text:
        delta.parts = [
            Part(TEXT, said, choice=index)
            for (index, _), choice in zip(
                delta.finish_reasons, items(get(answer, "choices")), strict=False
            )
            if (said := text(get(choice, "text")))
        ]
    return delta


COMPLETIONS = Format(
    "text_completion",
    parameters,
    read,
    content,
    chat.with_usage_requested,
    chat.only_usage,
    chat.usage_follows,
)
