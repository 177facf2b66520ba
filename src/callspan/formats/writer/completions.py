"""Writer's completions: OpenAI's legacy ones, but for a stream of bare pieces of text."""

from __future__ import annotations

from dataclasses import replace

from callspan.events import TEXT, Delta, Part
from callspan.formats.errors import with_failures
from callspan.formats.fields import Item, get, items, text
from callspan.formats.openai import completions


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one piece of a stream, or one whole completion.

    Neither states tokens, nor why the model stopped.
    """
    delta = Delta(model=text(get(answer, "model")))
    if needs_text:
        fragments = [get(choice, "text") for choice in items(get(answer, "choices"))]
        # a piece of a stream, of which there is one choice
        fragments = fragments or [get(answer, "value")]
        delta.parts = [
            Part(TEXT, fragment, choice)
            for choice, fragment in enumerate(map(text, fragments))
            if fragment
        ]
    return delta


COMPLETIONS = replace(completions.COMPLETIONS, read=with_failures(read))
