"""What models on Bedrock say to a prompt: Titan, Llama, Mistral, Cohere, AI21, DeepSeek and the first Claudes.

Each vendor has names of its own for the same few things, in whole answers and in the chunks of a stream alike, so they
are all read here.
"""

from __future__ import annotations

from typing import Any

from callspan.events import TEXT, Content, Delta, Part, Usage
from callspan.formats.fields import (
    Body,
    all_fields,
    count,
    get,
    get_nested,
    id_text,
    index_of,
    items,
    read_settings,
    text,
)
from callspan.formats.format import Format

_SETTINGS = {
    "max_tokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "maxTokenCount": "max_tokens",
    "maxTokens": "max_tokens",
    "max_tokens_to_sample": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "p": "top_p",
    "top_k": "top_k",
    "k": "top_k",
    "stop": "stop",
    "stopSequences": "stop",
    "stop_sequences": "stop",
    "seed": "seed",
    "num_generations": "choices",
    "numResults": "choices",
}
_CHOICES = ("outputs", "generations", "results", "completions", "choices")
_TEXTS = ("text", "outputText", "generation", "completion")
_REASONS = ("stop_reason", "finish_reason", "completionReason")
_SPOKEN = (*_TEXTS, *_REASONS, "data")
_INPUT = ("inputTextTokenCount", "prompt_token_count")
_OUTPUT = ("totalOutputTextTokenCount", "generation_token_count", "tokenCount")


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    return read_settings({**body, **all_fields(body.get("textGenerationConfig"))}, _SETTINGS)


def content(body: Body) -> Content:
    """The prompt."""
    return prompted(text(body.get("prompt")) or body.get("inputText"))


def prompted(words: Any) -> Content:
    """A prompt as a message."""
    said = text(words)
    return Content([{"role": "user", "parts": [{"type": TEXT, "content": said}]}] if said else [])


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One chunk, or one whole answer."""
    given = next((given for name in _CHOICES if (given := items(get(answer, name)))), [answer])
    found = [choice for choice in given if any(get(choice, name) is not None for name in _SPOKEN)]
    places = [_place(choice, number) for number, choice in enumerate(found)]
    return Delta(
        id=id_text(get(answer, "id")),
        parts=[
            Part(TEXT, _said(choice), place) for place, choice in zip(places, found, strict=True)
        ]
        if needs_text
        else (),
        finish_reasons=[
            (place, _reason(choice)) for place, choice in zip(places, found, strict=True)
        ],
        usage=_usage(answer, found),
    )


def _place(choice: Any, number: int) -> int:
    place = index_of(choice)
    return number if place is None else place


def _said(choice: Any) -> str:
    sources = (choice, get(choice, "data"))
    return next(
        (words for source in sources for name in _TEXTS if (words := text(get(source, name)))), ""
    )


def _reason(choice: Any) -> str | None:
    named = (text(get(choice, name)) for name in _REASONS)
    return next(
        (reason for reason in named if reason), text(get_nested(choice, "finishReason", "reason"))
    )


def _usage(answer: Any, choices: list[Any]) -> Usage | None:
    """What the model states by itself; most leave it to the platform."""
    asked = next((number for name in _INPUT if (number := count(answer, name)) is not None), None)
    said = [
        number
        for choice in choices
        for name in _OUTPUT
        if (number := count(choice, name)) is not None
    ]
    return (
        Usage(input=asked, output=sum(said) if said else None)
        if said or asked is not None
        else None
    )


PROMPT = Format("text_completion", parameters, read, content)
