"""OpenAI's legacy completions, which many self-hosted servers still speak."""

from __future__ import annotations

from callspan.events import TEXT, Content, Delta, Message, Parameters, Part
from callspan.formats.fields import Body, Item, get, items, text
from callspan.formats.format import Format
from callspan.formats.openai import chat
from callspan.formats.parts import text_part, user_messages


def parameters(body: Body) -> Parameters:
    """Return the request's settings: those of chat without the name of its API."""
    settings = chat.parameters(body)
    # the conventions name two APIs of OpenAI's, chat completions and responses
    settings.pop("api_type", None)
    return settings


def content(body: Body) -> Content:
    """Return the prompts, each as a message of the user, without prompts that are token numbers."""
    prompt = body.get("prompt")
    # an app may also send lists of token numbers, which are no text
    prompts = [prompt] if isinstance(prompt, str) else items(prompt)
    messages: list[Message] = []
    for item in prompts:
        if isinstance(item, str):
            messages += user_messages([text_part(item)])
    return Content(messages)


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one chunk, or one whole completion."""
    delta = chat.read(answer, needs_text)
    if delta is None or not needs_text:
        return delta
    choices = items(get(answer, "choices"))
    parts: list[Part] = []
    # Chat's reader has found the indexes; it knows no `text`.
    for (index, _), choice in zip(delta.finish_reasons, choices, strict=False):
        fragment = text(get(choice, "text"))
        if fragment:
            parts.append(Part(TEXT, fragment, choice=index))
    delta.parts = parts
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
