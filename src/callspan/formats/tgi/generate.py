"""Text generation of Hugging Face's servers (TGI): whole, or streamed token by token."""

from __future__ import annotations

from callspan.events import TEXT, Content, Delta, ParameterName, Parameters, Part, Usage
from callspan.formats.errors import read_failure
from callspan.formats.fields import Body, Item, count, get, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.parts import prompt_content

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_new_tokens": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
}


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    return read_settings(body.get("parameters"), _SETTINGS)


def content(body: Body) -> Content:
    """Return the prompt, as a message of the user."""
    return prompt_content(text(body.get("inputs")))


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one token of a stream, or one whole answer."""
    if isinstance(answer, (list, tuple)) and answer:
        answer = answer[0]  # some servers put a whole answer into a list
    details = get(answer, "details")
    token = get(answer, "token")
    delta = Delta(usage=_usage(details), failure=read_failure(answer))
    reason = text(get(details, "finish_reason"))
    if reason or token is not None:
        delta.finish_reasons = ((0, reason),)
        delta.last = reason is not None
    if needs_text:
        fragment = _text(answer, token)
        if fragment:
            delta.parts = (Part(TEXT, fragment),)
    return delta


def _text(answer: Item, token: Item) -> str | None:
    if token is None:
        return text(get(answer, "generated_text"))
    if get(token, "special"):  # such as the token for the end
        return None
    return text(get(token, "text"))


def _usage(details: Item) -> Usage | None:
    """Return the counts. A whole answer lists a prompt's tokens, if the app asks for them."""
    prompt_tokens = count(details, "input_length")
    tokens = count(details, "generated_tokens")
    if prompt_tokens is None:  # only a stream states the number
        prompt_tokens = len(items(get(details, "prefill"))) or None
    if prompt_tokens is None and tokens is None:
        return None
    return Usage(input=prompt_tokens, output=tokens)


GENERATE = Format("text_completion", parameters, read, content)
