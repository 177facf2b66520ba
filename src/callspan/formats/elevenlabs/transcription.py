"""ElevenLabs' transcriptions: a text, or one for each channel. They have seconds, and no tokens."""

from __future__ import annotations

from callspan.events import TEXT, Delta, Parameters, Part
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, get, get_first, id_text, items, read_settings, text
from callspan.formats.format import Format
from callspan.formats.usage import with_sound


def parameters(body: Body) -> Parameters:
    """Return the settings, and the type of the output: a text."""
    settings = read_settings(body, {"temperature": "temperature", "seed": "seed"})
    settings["output_type"] = "text"
    return settings


def read(answer: Item, needs_text: bool) -> Delta:
    """Read a whole answer: each channel is a choice."""
    transcripts = items(get(answer, "transcripts")) or [answer]
    pieces: list[Part] = []
    if needs_text:
        for choice, transcript in enumerate(transcripts):
            transcribed = text(get(transcript, "text"))
            if transcribed:
                pieces.append(Part(TEXT, transcribed, choice))
    return Delta(
        # the second is that of an answer that is made later
        id=id_text(get_first(answer, "transcription_id", "request_id")),
        parts=pieces,
        usage=with_sound(None, get(answer, "audio_duration_secs")),
    )


TRANSCRIPTION = Format("generate_content", parameters, with_failures(read))
