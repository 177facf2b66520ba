"""Gemini's live sessions: a turn is what the model says until it has done, or is cut off."""

from __future__ import annotations

import re
from collections.abc import Mapping

from callspan.events import TEXT, Content, Delta, Parameters, Part, Sound
from callspan.formats.fields import (
    Body,
    Item,
    all_fields,
    decoded_size,
    get,
    get_nested,
    items,
    plain,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.formats.gemini import content, parts
from callspan.formats.gemini.path import bare_model
from callspan.formats.gemini.usage import read_tier, read_usage
from callspan.formats.session import ITEMS, SessionEvent, SessionFormat, sound_messages

_SNAKE = re.compile(r"_(\w)")
_RATE = re.compile(r"rate=(\d{4,6})\b")
_BYTES = 2
"""The bytes of a sample of PCM."""
_INPUT = Sound(0, "audio/pcm", 16_000 * _BYTES)
"""The sound that sessions take; clients may send another rate, and seldom do."""
_ANSWER = ("modelTurn", "outputTranscription")
"""Fields by which a turn of the model begins, in the content that the server sends."""


def setup(*, model: object, config: Item = None) -> Body:
    """Return the settings of a session as its request, from the arguments of the client's.

    Args:
        model: The model's name.
        config: The client's configuration, with names in camel case or in snake case.
    """
    # tools may be functions of the app's, which the client describes by itself
    fields = _camel(plain(config))
    generation = {**_camel(fields.get("generationConfig")), **fields}
    return {
        "model": bare_model(model),
        "generationConfig": generation,
        "systemInstruction": _instruction(fields.get("systemInstruction")),
        "tools": [_camel(tool) for tool in items(fields.get("tools"))],
    }


def _camel(source: Item) -> dict[str, Item]:
    """Return the fields of an object that are not `None`, with names in camel case."""
    result: dict[str, Item] = {}
    if not isinstance(source, Mapping):
        return result
    for name, value in source.items():
        if value is not None:
            key = _SNAKE.sub(lambda match: match.group(1).upper(), str(name))
            result[key] = value
    return result


def _instruction(source: Item) -> Item:
    """Return an instruction as a content; the client takes a text for one as well."""
    if isinstance(source, str):
        return {"parts": [{"text": source}]}
    return source


def parameters(body: Body) -> Parameters:
    """Return the session's settings."""
    return content.parameters(body)


def read_content(body: Body) -> Content:
    """Return the instruction, the tools, and what was sent since the turn before."""
    result = content.content({**body, "contents": body.get(ITEMS)})
    result.messages += sound_messages(body, _INPUT)
    return result


def read(message: Item, needs_text: bool) -> Delta | None:
    """Read one message of a turn."""
    server = get(message, "serverContent")
    sound, pieces = _model_turn(server, needs_text)
    transcript = string(get_nested(server, "outputTranscription", "text"))
    if transcript and needs_text:
        # an index of its own, so that it is not joined to a text beside it
        pieces.append(Part(TEXT, transcript, index="transcript"))
    for call in items(get_nested(message, "toolCall", "functionCalls")):
        piece = parts.part({"functionCall": call})
        if needs_text and piece is not None:
            pieces.append(piece)
    metadata = get(message, "usageMetadata")
    return Delta(
        parts=pieces,
        sound=sound,
        finish_reasons=((0, _finish_reason(server)),),
        usage=read_usage(metadata),
        details={**read_tier(metadata)},
        interrupted=get(server, "interrupted") is True,
        last=get(server, "turnComplete") is True,
    )


def _model_turn(server: Item, needs_text: bool) -> tuple[Sound | None, list[Part]]:
    """Return the sound of a message, and its other parts."""
    sound: Sound | None = None
    pieces: list[Part] = []
    for item in items(get_nested(server, "modelTurn", "parts")):
        blob = get(item, "inlineData")
        mime_type = text(get(blob, "mimeType")) or ""
        if mime_type.startswith("audio/"):
            sound = _sound(blob, mime_type).plus(sound or Sound())
            continue
        piece = parts.part(item) if needs_text else None
        if piece is not None:
            pieces.append(piece)
    return sound, pieces


def _sound(blob: Item, mime_type: str) -> Sound:
    """Return the size of a sound, whose type may state its rate: `audio/pcm;rate=24000`."""
    rate = _RATE.search(mime_type)
    size = decoded_size(string(get(blob, "data")))
    kind = mime_type.partition(";")[0]
    return Sound(size, kind, None if rate is None else int(rate.group(1)) * _BYTES)


def _finish_reason(server: Item) -> str | None:
    """Return why the model stopped, for which there is a word only where that is unusual."""
    if get(server, "interrupted") is True:
        return "interrupted"
    if get(server, "turnComplete") is True:
        return text(get(server, "turnCompleteReason")) or "STOP"
    return None


def sent(message: Item) -> SessionEvent | None:
    """Read a message of the app's. Sound alone asks for nothing: the server hears its end."""
    turns = parts.get_either(message, "clientContent")
    if turns is not None:
        is_complete = parts.get_either(turns, "turnComplete")
        contents = [_camel_content(item) for item in items(get(turns, "turns"))]
        return SessionEvent(request=None if is_complete is False else {}, items=contents)
    response = parts.get_either(message, "toolResponse")
    if response is not None:
        results = items(parts.get_either(response, "functionResponses"))
        pieces = [{"functionResponse": result} for result in results]
        # within a turn, which the model then goes on with
        return SessionEvent(request={}, continues=True, items=[{"role": "user", "parts": pieces}])
    return _realtime_input(parts.get_either(message, "realtimeInput"))


def _camel_content(source: Item) -> Item:
    """Return a content with the names of its parts in camel case, as versions differ in them."""
    pieces = [_camel(part) for part in items(get(source, "parts"))]
    return {**all_fields(source), "parts": pieces}


def _realtime_input(source: Item) -> SessionEvent | None:
    if source is None:
        return None
    words = _user_words(get(source, "text"))
    if words:
        return SessionEvent(request={}, items=words)
    # the app says itself when the user has stopped
    if parts.get_either(source, "activityEnd") is not None:
        return SessionEvent(request={})
    blobs = [get(source, "audio"), *items(parts.get_either(source, "mediaChunks"))]
    size = 0
    for blob in blobs:
        if str(parts.get_either(blob, "mimeType")).startswith("audio/"):
            size += decoded_size(string(get(blob, "data")))
    return SessionEvent(sound_size=size)


def received(message: Item) -> SessionEvent | None:
    """Read a message of the server's; there are no ids, as one turn follows another."""
    server = get(message, "serverContent")
    words = _user_words(get_nested(server, "inputTranscription", "text"))
    is_answer = any(get(server, name) is not None for name in _ANSWER)
    begins = is_answer or get(message, "toolCall") is not None
    ends = get(server, "turnComplete") is True
    # these two come by themselves as well: that a turn is cut off, and its counts
    is_interrupted = get(server, "interrupted") is True
    has_usage = get(message, "usageMetadata") is not None
    if any((begins, ends, is_interrupted, has_usage)):
        return SessionEvent(items=words, begins=begins, ends=ends)
    if words:
        return SessionEvent(items=words, is_aside=True)
    return None


def _user_words(value: Item) -> list[Item]:
    """Return a text of the user's as the one item of a request; none where there is no text."""
    words = text(value)
    if words is None:
        return []
    return [{"role": "user", "parts": [{"text": words}]}]


LIVE = Format("generate_content", parameters, read, read_content)
LIVE_SESSION = SessionFormat(LIVE, sent, received)
