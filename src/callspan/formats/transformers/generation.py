"""Generation of text by a model in the program: the settings, and what was generated, as plain data.

The hook makes the data (`hooks/generation.py`), as the package itself has tensors of token numbers.
"""

from __future__ import annotations

from callspan.events import TEXT, Delta, ParameterName, Parameters, Part, Usage
from callspan.formats.fields import Body, Item, read_settings
from callspan.formats.format import Format
from callspan.formats.openai import chat, completions

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_new_tokens": "max_tokens",
    "stop_strings": "stop",
    "stop_sequence": "stop",  # the name that pipelines have for it
    "num_return_sequences": "choices",
    "seed": "seed",
}


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    return read_settings(body, _SETTINGS)


def read(item: Item, _needs_text: bool) -> Delta:
    """Read a piece of one answer, or the end of some, with the tokens of all so far."""
    delta = Delta()
    pieces: list[Part] = []
    finish_reasons: list[tuple[int, str | None]] = []
    for answer in item["answers"]:
        index = answer["index"]
        if answer["text"]:
            pieces.append(Part(TEXT, answer["text"], choice=index))
        finish_reasons.append((index, answer["finish_reason"]))
    delta.parts = pieces
    delta.finish_reasons = finish_reasons
    if "input_tokens" in item:
        delta.usage = Usage(
            input=item["input_tokens"],
            output=item["output_tokens"],
            # which vLLM alone counts
            cache_read=item.get("cached_tokens"),
        )
    return delta


GENERATED_CHAT = Format("chat", parameters, read, chat.content)
GENERATED_TEXT = Format("text_completion", parameters, read, completions.content)
