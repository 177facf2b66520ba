"""A session: one connection on which an app asks for several responses, event by event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callspan.events import Message, Sound
from callspan.formats.fields import Body, Item
from callspan.formats.format import Format

ITEMS = "callspan.items"
"""The field of a request with the items that came into the conversation since the last one."""
SOUND_SIZE = "callspan.sound_size"
"""The field of a request with the bytes of the sound that was sent since the last one."""


def sound_messages(body: Body, kind: Sound) -> list[Message]:
    """Return the message with the sound that was sent since the last request; none without sound.

    Args:
        body: The request.
        kind: The type of the sound.
    """
    size = body.get(SOUND_SIZE)
    if not isinstance(size, int) or not size:
        return []
    return [{"role": "user", "parts": [Sound(size).plus(kind).part]}]


@dataclass(slots=True)
class SessionEvent:
    """The meaning of one event of a session, whoever has sent it.

    Attributes:
        request: The settings of the response that the app asks for; `None` if it asks for none.
        settings: Settings of the session from here on.
        items: Items that it adds to the conversation.
        sound_size: The bytes of sound that it adds.
        begins: Whether the server begins a response, unless that has begun before.
        ends: Whether the server ends a response.
        refuses: Whether the server refuses a request.
        is_chunk: Whether it is a chunk of a response.
        continues: Whether it asks for a response only if none has begun, which it then belongs to.
        is_aside: Whether it belongs to no response.
        response_id: The id of the response that it belongs to; empty where there are none.
        event_id: The app's own name of the event that asks for a response, or that is refused.
        lane: The app's name of the queue of a response, where a session has several.
    """

    request: Body | None = None
    settings: Body | None = None
    items: Sequence[Item] = ()
    sound_size: int = 0
    begins: bool = False
    ends: bool = False
    refuses: bool = False
    is_chunk: bool = True
    continues: bool = False
    is_aside: bool = False
    response_id: str | None = None
    event_id: str | None = None
    lane: str | None = None


ReadEvent = Callable[[Item], "SessionEvent | None"]
"""Reads an event; `None` for one that means nothing to the responses of its session."""


@dataclass(frozen=True, slots=True)
class SessionFormat:
    """How the events of a session are read, as pure functions.

    Attributes:
        wire_format: How the requests and the responses are read.
        sent: Reads an event of the app's.
        received: Reads an event of the server's.
    """

    wire_format: Format
    sent: ReadEvent
    received: ReadEvent
