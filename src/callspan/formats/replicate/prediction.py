"""Replicate's predictions: the output of a model, which is text if it is a language model.

Each model names its input by itself; these are the names that most language models have.
"""

from __future__ import annotations

from callspan.events import TEXT, Content, Delta, ParameterName, Parameters, Part, Usage
from callspan.formats.fields import Body, Item, count, get, get_nested, id_text, read_settings, text
from callspan.formats.format import Format
from callspan.formats.parts import prompt_content, text_parts

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_OUTPUT = "output"
"""The kind of event that has a piece of a stream."""


def parameters(body: Body) -> Parameters:
    """Return the settings in the input."""
    return read_settings(body, _SETTINGS)


def content(body: Body) -> Content:
    """Return the prompt in the input, and the prompt of the system."""
    result = prompt_content(text(body.get("prompt")))
    result.system = text_parts(text(body.get("system_prompt")))
    return result


def read(item: Item, needs_text: bool) -> Delta | None:
    """Read a piece of an output, a whole one, or an event of a stream. Files are left to the app."""
    if not needs_text:
        return None
    pieces = item if isinstance(item, list) else [item]
    fragments = [_text(piece) for piece in pieces]
    joined = "".join(fragment for fragment in fragments if fragment)
    return Delta(parts=(Part(TEXT, joined),)) if joined else None


def _text(piece: Item) -> str | None:
    if isinstance(piece, str):
        return text(piece)
    # an event of a stream; the others are logs and the end
    if get_nested(piece, "event", "value") == _OUTPUT:
        return text(get(piece, "data"))
    return None


def read_prediction(prediction: Item) -> Delta:
    """Return the id of a prediction, and the tokens that its metrics state once it is done."""
    metrics = get(prediction, "metrics")
    usage = Usage(count(metrics, "input_token_count"), count(metrics, "output_token_count"))
    is_stated = usage.input is not None or usage.output is not None
    return Delta(id=id_text(get(prediction, "id")), usage=usage if is_stated else None)


PREDICTION = Format("generate_content", parameters, read, content)
