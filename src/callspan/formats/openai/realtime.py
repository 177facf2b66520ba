"""OpenAI's Realtime sessions: speech and text, with the names of today's API and of its beta."""

from __future__ import annotations

from callspan.events import Content, Delta, Failure, ParameterName, Parameters, Sound
from callspan.formats import parts
from callspan.formats.errors import OTHER, error_message, failure_type
from callspan.formats.fields import (
    Body,
    Item,
    add_settings,
    all_fields,
    decoded_size,
    get,
    get_nested,
    id_text,
    items,
    read_settings,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai.response_items import message, output
from callspan.formats.openai.responses import error_of_event, finish_reason, piece_of_stream
from callspan.formats.session import ITEMS, SessionEvent, SessionFormat, sound_messages
from callspan.formats.usage import read_usage

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "max_output_tokens": "max_tokens",
    "max_response_output_tokens": "max_tokens",  # the beta's
}
_RATES = {"audio/pcm": 48_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
"""The bytes of a second of each type of sound: 24,000 samples of two bytes, or 8,000 of one."""
_BETA_TYPES = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_SOUND = ("response.output_audio.delta", "response.audio.delta")
_OTHER_REQUESTS = ("input_audio_buffer", "conversation_item", "item_", "session", "response_cancel")
"""The beginnings of codes of errors that concern no request for a response."""


def parameters(body: Body) -> Parameters:
    """Return the settings of a request, over those of its session."""
    settings = read_settings(body, _SETTINGS)
    settings["api_type"] = "realtime"
    modalities = items(body.get("output_modalities")) or items(body.get("modalities"))
    values: Parameters = {}
    if modalities:
        values["output_type"] = "speech" if "audio" in modalities else "text"
    return add_settings(settings, values)


def content(body: Body) -> Content:
    """Return the instructions, the tools, and what was sent since the request before.

    The rest of the conversation stands at the server, and was content of earlier requests.
    """
    messages = [message(item) for item in items(body.get("input")) or items(body.get(ITEMS))]
    messages += sound_messages(body, _sound_type(body, "input"))
    return Content(
        messages=messages,
        system=parts.text_parts(text(body.get("instructions"))),
        tools=parts.tools(body.get("tools")),
    )


def _sound_type(source: Item, side: str) -> Sound:
    """Return the type of the sound that a session or a response states for its `side`."""
    sound_format = get_nested(source, "audio", side, "format")
    kind = text(get(sound_format, "type"))
    if kind is None:
        # the beta's
        kind = text(get(source, f"{side}_audio_format"))
    if kind is None:
        return Sound()
    mime_type = _BETA_TYPES.get(kind, kind)
    return Sound(0, mime_type, _RATES.get(mime_type))


def read(event: Item, needs_text: bool) -> Delta | None:
    """Read one event of a response."""
    kind = text(get(event, "type")) or ""
    response = get(event, "response")
    if kind == "response.created":
        return Delta(
            id=id_text(get(response, "id")),
            sound=_sound_type(response, "output"),
            finish_reasons=((0, None),),
        )
    if kind == "response.done":
        return _whole(response, needs_text)
    if kind == "error":
        return Delta(failure=error_of_event(event), last=True)
    if kind in _SOUND:
        return Delta(sound=Sound(decoded_size(string(get(event, "delta")))))
    if not needs_text:
        return None
    return piece_of_stream(kind, event)


def _whole(response: Item, needs_text: bool) -> Delta:
    status = text(get(response, "status"))
    details = get(response, "status_details")
    reason = text(get(details, "reason"))
    is_cut_off = status == "cancelled"
    if not is_cut_off:
        reason = finish_reason(response, status, reason)
    failure = None
    if status == "failed":
        error = get(details, "error")
        failure = Failure(failure_type(error), error_message(error)) if error else Failure(OTHER)
    return Delta(
        id=id_text(get(response, "id")),
        parts=output(response) if needs_text else (),
        finish_reasons=((0, reason or status),),
        usage=read_usage(get(response, "usage")),
        failure=failure,
        interrupted=is_cut_off,
        whole=bool(items(get(response, "output"))),
        last=True,
    )


def sent(event: Item) -> SessionEvent | None:
    """Read an event of the app's."""
    match get(event, "type"):
        case "response.create":
            request = all_fields(get(event, "response"))
            return SessionEvent(request=request, event_id=text(get(event, "event_id")))
        case "conversation.item.create":
            return SessionEvent(items=[_without_sound(get(event, "item"))])
        case "input_audio_buffer.append":
            return SessionEvent(sound_size=decoded_size(string(get(event, "audio"))))
        case _:
            return None


def _without_sound(item: Item) -> Item:
    """Return an item with the size of its sound in place of that; items wait for a request."""
    contents: list[Item] = []
    for part in items(get(item, "content")):
        audio = get(part, "audio")
        if isinstance(audio, str):
            part = {**all_fields(part), "audio": None, "size": decoded_size(audio)}
        contents.append(part)
    if not contents:
        return item
    return {**all_fields(item), "content": contents}


def received(event: Item) -> SessionEvent | None:
    """Read an event of the server's."""
    kind = text(get(event, "type")) or ""
    match kind:
        case "session.created" | "session.updated":
            return SessionEvent(settings=all_fields(get(event, "session")), is_aside=True)
        case "conversation.item.input_audio_transcription.completed":
            speech = {"type": "input_text", "text": get(event, "transcript")}
            return SessionEvent(items=[{"role": "user", "content": [speech]}], is_aside=True)
        case "error":
            return _refusal(event)
    if not kind.startswith("response."):
        return None
    response_id = id_text(get_nested(event, "response", "id")) or id_text(get(event, "response_id"))
    is_begin = kind == "response.created"
    return SessionEvent(
        begins=is_begin,
        ends=kind == "response.done",
        is_chunk=not is_begin,
        response_id=response_id,
    )


def _refusal(event: Item) -> SessionEvent | None:
    """Return the refusal of a request; the errors of other events concern no response."""
    error = get(event, "error")
    event_id = text(get(error, "event_id"))
    if event_id is None and (text(get(error, "code")) or "").startswith(_OTHER_REQUESTS):
        return None
    return SessionEvent(refuses=True, event_id=event_id)


REALTIME = Format("chat", parameters, read, content)
REALTIME_SESSION = SessionFormat(REALTIME, sent, received)
