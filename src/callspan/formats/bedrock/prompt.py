"""Prompts of Titan, Llama, Mistral, Cohere, AI21, DeepSeek and the first Claudes on Bedrock.

Each vendor has names of its own for the same few things, in whole answers and in the chunks of a
stream alike, so they are all read here.
"""

from __future__ import annotations

from callspan.events import TEXT, Content, Delta, ParameterName, Parameters, Part, Usage
from callspan.formats.fields import (
    Body,
    Item,
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
from callspan.formats.parts import prompt_content

_SETTINGS: dict[str, ParameterName] = {
    "max_tokens": "max_tokens",
    "max_gen_len": "max_tokens",  # Llama
    "maxTokenCount": "max_tokens",  # Titan
    "maxTokens": "max_tokens",  # AI21's Jurassic
    "max_tokens_to_sample": "max_tokens",  # Claude
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "p": "top_p",  # Cohere
    "top_k": "top_k",
    "k": "top_k",  # Cohere
    "stop": "stop",
    "stopSequences": "stop",
    "stop_sequences": "stop",
    "seed": "seed",
    "num_generations": "choices",  # Cohere
    "numResults": "choices",  # AI21's Jurassic
}
# Mistral, Cohere, Titan, AI21's Jurassic, DeepSeek
_CHOICES = ("outputs", "generations", "results", "completions", "choices")
_TEXTS = ("text", "outputText", "generation", "completion")
_REASONS = ("stop_reason", "finish_reason", "completionReason")
_OF_CHOICE = (*_TEXTS, *_REASONS, "data")
"""The fields that make an object a choice."""
_INPUT = ("inputTextTokenCount", "prompt_token_count")
_OUTPUT = ("totalOutputTextTokenCount", "generation_token_count", "tokenCount")


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    titan = all_fields(body.get("textGenerationConfig"))
    # Titan's settings are one level down, all others stand beside the prompt
    return read_settings({**body, **titan}, _SETTINGS)


def content(body: Body) -> Content:
    """Return the prompt."""
    return prompt_content(text(body.get("prompt")) or text(body.get("inputText")))


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one chunk, or one whole answer."""
    choices = _choices(answer)
    pieces: list[Part] = []
    finish_reasons: list[tuple[int, str | None]] = []
    for number, choice in enumerate(choices):
        index = index_of(choice)
        if index is None:
            index = number
        finish_reasons.append((index, _finish_reason(choice)))
        if needs_text:
            pieces.append(Part(TEXT, _text(choice), index))
    delta = Delta(
        id=id_text(get(answer, "id")),
        finish_reasons=finish_reasons,
        usage=_usage(answer, choices),
    )
    if needs_text:
        delta.parts = pieces
    return delta


def _choices(answer: Item) -> list[Item]:
    """Return the choices of an answer, which may itself be the only one."""
    candidates: list[Item] = [answer]
    for name in _CHOICES:
        choices = items(get(answer, name))
        if choices:
            candidates = choices
            break
    # a chunk with counts alone is no choice, and must not begin one
    return [choice for choice in candidates if _is_choice(choice)]


def _is_choice(source: Item) -> bool:
    return any(get(source, name) is not None for name in _OF_CHOICE)


def _text(choice: Item) -> str:
    for source in (choice, get(choice, "data")):  # AI21's Jurassic has the text in `data`
        for name in _TEXTS:
            fragment = text(get(source, name))
            if fragment:
                return fragment
    return ""


def _finish_reason(choice: Item) -> str | None:
    for name in _REASONS:
        reason = text(get(choice, name))
        if reason:
            return reason
    return text(get_nested(choice, "finishReason", "reason"))  # AI21's Jurassic


def _usage(answer: Item, choices: list[Item]) -> Usage | None:
    """Return the counts that the model itself states; most leave them to the platform."""
    # Titan and Llama state them
    usage = Usage(input=_first_count(answer, _INPUT))
    for choice in choices:
        for name in _OUTPUT:
            tokens = count(choice, name)
            # Titan states the tokens of each of its results.
            if tokens is not None:
                usage.output = (usage.output or 0) + tokens
    return None if usage.total is None else usage


def _first_count(source: Item, names: tuple[str, ...]) -> int | None:
    for name in names:
        tokens = count(source, name)
        if tokens is not None:
            return tokens
    return None


PROMPT = Format("text_completion", parameters, read, content)
