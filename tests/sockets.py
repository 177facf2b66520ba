"""A scripted server of websockets on loopback, and events of OpenAI's sessions.

The events are written from the types of openai 3.57; none is a recording.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Event = dict[str, Any]
Respond = Callable[[Event], "Iterable[Event]"]
"""Returns the events by which the server answers one of the app's."""
DROP: Event = {"type": "drop"}
"""The server breaks the connection here, without a closing frame."""
CLOSE: Event = {"type": "close"}
"""The server closes the connection here, in good order."""


def memory_growth(work: Callable[[int], object], few: int, many: int) -> int:
    """Return the bytes by which Python's memory grows with more rounds of work."""

    def memory_after(rounds: int) -> int:
        work(rounds)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = memory_after(few)
        return memory_after(many) - before
    finally:
        tracemalloc.stop()


class SocketServer:
    """Answers each event that it receives, and keeps it.

    Attributes:
        respond: Returns the answers to an event.
        greeting: The events with which each connection begins.
        received: All events, of all connections.
        paths: The path of each connection.
        url: Its address for HTTP.
        socket_url: Its address for sockets.
    """

    def __init__(self, respond: Respond, *greeting: Event) -> None:
        self.respond = respond
        self.greeting = greeting
        self.received: list[Event] = []
        self.paths: list[str] = []
        self.url = ""
        self.socket_url = ""

    def handle(self, connection: ServerConnection) -> None:
        """Serve one connection."""
        assert connection.request is not None
        self.paths.append(connection.request.path)
        with contextlib.suppress(ConnectionClosed, OSError):
            self._send(connection, self.greeting)
            for text in connection:
                event = json.loads(text)
                self.received.append(event)
                self._send(connection, self.respond(event))

    def _send(self, connection: ServerConnection, events: Iterable[Event]) -> None:
        for event in events:
            if event is DROP:
                connection.socket.close()
                return
            if event is CLOSE:
                connection.close()
                return
            connection.send(json.dumps(event))


@contextlib.contextmanager
def running(server: SocketServer) -> Iterator[SocketServer]:
    """Run a server on loopback."""
    with serve(server.handle, "127.0.0.1", 0) as listener:
        place = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        server.url, server.socket_url = f"http://{place}", f"ws://{place}"
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def sound(size: int) -> str:
    """Return so many bytes of sound as base64."""
    return base64.b64encode(bytes(size)).decode()


SESSION: Event = {
    "type": "session.created",
    "session": {
        "type": "realtime",
        "model": "gpt-realtime",
        "instructions": "Speak softly.",
        "output_modalities": ["audio"],
        "max_output_tokens": 200,
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 24000}},
            "output": {"format": {"type": "audio/pcm", "rate": 24000}},
        },
        "tools": [{"type": "function", "name": "find_flowers", "parameters": {"type": "object"}}],
    },
}
REALTIME_USAGE: Event = {
    "total_tokens": 90,
    "input_tokens": 60,
    "output_tokens": 30,
    "input_token_details": {
        "text_tokens": 20,
        "audio_tokens": 35,
        "image_tokens": 5,
        "cached_tokens": 16,
        "cached_tokens_details": {"text_tokens": 6, "audio_tokens": 10, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 8, "audio_tokens": 22},
}
RESPONSES_USAGE: Event = {
    "input_tokens": 20,
    "output_tokens": 7,
    "total_tokens": 27,
    "input_tokens_details": {"cached_tokens": 8},
    "output_tokens_details": {"reasoning_tokens": 2},
}


def created(number: int) -> Event:
    """Return the event that begins a Realtime response."""
    output = {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}
    response = {"id": f"resp_{number}", "status": "in_progress", "audio": {"output": output}}
    return {"type": "response.created", "response": response}


def spoken(number: int, text: str, size: int) -> list[Event]:
    """Return the pieces of a Realtime response: a transcript, and sound of so many bytes."""
    place = {"response_id": f"resp_{number}", "item_id": "item", "output_index": 0}
    place["content_index"] = 0
    return [
        {"type": "response.output_audio_transcript.delta", "delta": text, **place},
        {"type": "response.output_audio.delta", "delta": sound(size), **place},
    ]


def done(number: int, text: str, status: str = "completed", reason: str | None = None) -> Event:
    """Return the event that ends a Realtime response."""
    spoken_text = {"type": "output_audio", "transcript": text}
    item = {"type": "message", "role": "assistant", "content": [spoken_text]}
    response = {
        "id": f"resp_{number}",
        "status": status,
        "status_details": {"type": status, "reason": reason},
        "output": [item],
        "usage": REALTIME_USAGE,
    }
    return {"type": "response.done", "response": response}


def whole(number: int, text: str = "Roses.", size: int = 4800) -> list[Event]:
    """Return all events of a Realtime response."""
    return [created(number), *spoken(number, text, size), done(number, text)]


def response_events(number: int, **more: Any) -> list[Event]:
    """Return all events of a response over a socket, each with further fields."""
    response = {"id": f"resp_{number}", "object": "response", "model": "gpt-4.1-mini-2025-04-14"}
    place = {"item_id": "msg", "output_index": 0, "content_index": 0}
    content = [{"type": "output_text", "text": f"Rose {number}.", "annotations": []}]
    item = {"type": "message", "role": "assistant", "content": content}
    end = {**response, "status": "completed", "output": [item], "usage": RESPONSES_USAGE}
    text = f"Rose {number}."
    return [
        {"type": "response.created", "response": {**response, "status": "in_progress"}, **more},
        {"type": "response.output_text.delta", "delta": text, **place, **more},
        {"type": "response.completed", "response": end, **more},
    ]
