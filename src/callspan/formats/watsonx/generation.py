"""watsonx's text generation: a prompt, or several, and what its models make of each."""

from __future__ import annotations

from callspan.events import TEXT, Content, Delta, Message, ParameterName, Parameters, Part, Usage
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, count, get, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.parts import text_part, user_messages

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_new_tokens": "max_tokens",
    "random_seed": "seed",
    "stop_sequences": "stop",
}
_GOING_ON = "not_finished"
"""The reason to stop in a piece of a stream that is not the last."""


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    return read_settings(body, _SETTINGS)


def content(body: Body) -> Content:
    """Return the prompts, each as a message of the user."""
    prompt = body.get("prompt")
    messages: list[Message] = []
    for item in [prompt] if isinstance(prompt, str) else items(prompt):
        if isinstance(item, str):
            messages += user_messages([text_part(item)])
    return Content(messages)


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one piece of a stream, or whole answers, of which there is one for each prompt."""
    if isinstance(answer, str):
        return _bare_piece(answer) if needs_text else None
    answers = answer if isinstance(answer, list) else [answer]
    results: list[Item] = []
    for item in answers:
        results += items(get(item, "results"))
    delta = Delta(model=text(get(answers[0], "model_id")) if answers else None)
    delta.usage = _usage(results)
    delta.finish_reasons = [(choice, _reason(each)) for choice, each in enumerate(results)]
    if needs_text:
        delta.parts = _parts(results)
    return delta


def _bare_piece(piece: str) -> Delta | None:
    if not piece:
        return None
    return Delta(parts=(Part(TEXT, piece),))


def _reason(result: Item) -> str | None:
    reason = text(get(result, "stop_reason"))
    return None if reason == _GOING_ON else reason


def _parts(results: list[Item]) -> list[Part]:
    pieces: list[Part] = []
    for choice, result in enumerate(results):
        fragment = text(get(result, "generated_text"))
        if fragment:
            pieces.append(Part(TEXT, fragment, choice))
    return pieces


def _usage(results: list[Item]) -> Usage | None:
    """Return the counts of all answers together; a count that one of them lacks is unknown."""
    inputs = [count(result, "input_token_count") for result in results]
    outputs = [count(result, "generated_token_count") for result in results]
    usage = Usage(_sum(inputs), _sum(outputs))
    return None if usage.input is None and usage.output is None else usage


def _sum(counts: list[int | None]) -> int | None:
    total = 0
    for number in counts:
        if number is None:
            return None
        total += number
    return total if counts else None


GENERATION = Format("text_completion", parameters, with_failures(read), content)
