"""OpenAI's responses over a socket: the events of a stream, of several responses after another."""

from __future__ import annotations

from callspan.formats.fields import Item, all_fields, get, get_nested, id_text, text
from callspan.formats.openai.responses import ENDS, RESPONSES
from callspan.formats.session import SessionEvent, SessionFormat

_ENVELOPE = ("type", "event_id", "stream_id", "response")
"""Fields of the event that asks for a response, which are no settings of that."""


def sent(event: Item) -> SessionEvent | None:
    """Read an event of the app's: only one kind asks for a response."""
    if get(event, "type") != "response.create":
        return None
    request = {
        # the settings stand in the event itself, or in a field of their own
        **all_fields(get(event, "response")),
        **{name: value for name, value in all_fields(event).items() if name not in _ENVELOPE},
    }
    return SessionEvent(
        request=request,
        event_id=text(get(event, "event_id")),
        lane=text(get(event, "stream_id")),
    )


def received(event: Item) -> SessionEvent | None:
    """Read an event of the server's: all but those of the session itself are of a response."""
    kind = text(get(event, "type")) or ""
    if kind != "error" and not kind.startswith("response."):
        return None
    response_id = id_text(get_nested(event, "response", "id")) or id_text(get(event, "response_id"))
    return SessionEvent(
        begins=kind in ("response.created", "response.queued"),
        ends=kind == "error" or kind in ENDS,
        response_id=response_id,
        event_id=text(get_nested(event, "error", "event_id")),
        lane=text(get(event, "stream_id")),
    )


RESPONSE_SESSION = SessionFormat(RESPONSES, sent, received)
