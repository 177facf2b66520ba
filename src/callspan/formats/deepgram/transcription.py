"""Deepgram's transcriptions: the text of each channel. They are billed by time, and have no tokens."""

from __future__ import annotations

from callspan.events import TEXT, Delta, Parameters, Part
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, first_item, get, get_nested, id_text, items, text
from callspan.formats.format import Format
from callspan.formats.usage import with_sound


def parameters(_body: Body) -> Parameters:
    """Return the type of the output: a text."""
    return {"output_type": "text"}


def read(answer: Item, needs_text: bool) -> Delta:
    """Read a whole answer: each channel is a choice, of which the likeliest text counts."""
    metadata = get(answer, "metadata")
    pieces: list[Part] = []
    if needs_text:
        for choice, channel in enumerate(items(get_nested(answer, "results", "channels"))):
            transcript = text(get(first_item(get(channel, "alternatives")), "transcript"))
            if transcript:
                pieces.append(Part(TEXT, transcript, choice))
    return Delta(
        id=id_text(get(metadata, "request_id")),
        model=_model(metadata),
        parts=pieces,
        usage=with_sound(None, get(metadata, "duration")),
    )


def _model(metadata: Item) -> str | None:
    """Return the name of the first model that took part, for there may be several."""
    details = get(get(metadata, "model_info"), str(first_item(get(metadata, "models"))))
    return text(get(details, "name"))


TRANSCRIPTION = Format("generate_content", parameters, with_failures(read))
