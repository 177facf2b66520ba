"""A server on loopback for clients whose paths the model server does not have."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any


class ScriptedServer(http.server.ThreadingHTTPServer):
    """Answers every request with what a test has scripted, and keeps what was asked.

    A reply is a JSON value, a list of events for a stream, or bytes; the last one is repeated.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.replies: list[tuple[int, str, bytes, dict[str, str]]] = []
        self.paths: list[str] = []
        self.bodies: list[Any] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        """Script an answer of JSON; bytes are sent as they are."""
        if isinstance(value, bytes):
            body, kind = value, "application/octet-stream"
        else:
            body, kind = json.dumps(value).encode(), "application/json"
        self.replies.append((status, kind, body, headers))

    def stream(self, *events: Any, named: bool = False) -> None:
        """Script a stream of events; `named` ones have their type as the event's name too."""
        frames: list[str] = []
        for event in events:
            name = f"event: {event['type']}\n" if named else ""
            frames.append(f"{name}data: {json.dumps(event)}\n\n")
        if not named:
            frames.append("data: [DONE]\n\n")
        self.replies.append((200, "text/event-stream", "".join(frames).encode(), {}))

    def next_reply(self) -> tuple[int, str, bytes, dict[str, str]]:
        """Return the reply whose turn it is."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Connection(http.server.BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        self.server.paths.append(self.path)
        try:
            self.server.bodies.append(json.loads(body))
        except ValueError:
            self.server.bodies.append(body)
        status, kind, answer, headers = self.server.next_reply()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(answer)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_args: object) -> None:
        """Stay silent."""
