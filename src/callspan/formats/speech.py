"""Speech whose sound comes in pieces: bytes, or texts in base64 with the times of their letters."""

from __future__ import annotations

from callspan.events import Content, Delta, Parameters
from callspan.events.sound import Sound
from callspan.formats.fields import Body, Item, decoded_size, get, items, string
from callspan.formats.format import Format
from callspan.formats.parts import text_part, user_messages


def parameters(body: Body) -> Parameters:
    """Return the type of the output, and how many characters are to be spoken."""
    return {"output_type": "speech", "characters": sum(map(len, _texts(body)))}


def content(body: Body) -> Content:
    """Return the text to be spoken."""
    return Content(user_messages([text_part(text) for text in _texts(body) if text]))


def _texts(body: Body) -> list[str]:
    """Return the text, or the turns of a dialogue."""
    turns = items(body.get("inputs"))
    if turns:
        return [string(get(turn, "text")) for turn in turns]
    return [string(body.get("text"))]


def read(item: Item, _needs_text: bool) -> Delta:
    """Read one piece of sound, of which only the size is kept."""
    if isinstance(item, bytes):
        return Delta(sound=Sound(len(item)))
    return Delta(sound=Sound(decoded_size(string(get(item, "audio_base_64")))))


SPEECH = Format("generate_content", parameters, read, content)
