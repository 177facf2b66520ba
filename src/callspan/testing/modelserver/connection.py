"""Requests in, answers out: the part that knows sockets and HTTP."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import time
from collections.abc import Callable
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from .body import read_body
from .exchange import Answer
from .ledger import Ledger
from .request import Request
from .request_error import RequestError
from .routes import refusal

_LONGEST_LINE = 65_537  # bytes, as http.server reads it
_SILENCE = 1.0  # seconds
_DRAIN_LIMIT = 10.0  # seconds
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DEFECTS = (FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect)
_GATE_LIMIT = (
    200  # seconds: a gate that a failed test never opens must not hold its thread for ever
)


class Listener(ThreadingHTTPServer):
    """Accepts connections on loopback and asks `respond` for each answer."""

    daemon_threads = True
    request_queue_size = 128
    body_timeout = 30.0

    def __init__(self, port: int, respond: Callable[[Request], Answer], ledger: Ledger) -> None:
        self.respond = respond
        self.ledger = ledger
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Connection)

    def server_bind(self) -> None:
        """Bind without the name lookup of HTTPServer, which can take seconds where there is no DNS."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        """Remember the connection, so that `hang_up` finds it."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End connections that clients keep alive, and with them their threads."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(connection)  # the other side was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away; anything else is a bug of ours and is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Connection(BaseHTTPRequestHandler):
    """One connection, kept alive over many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small chunk waits 40 ms for an acknowledgement
    default_request_version = (
        "HTTP/1.1"  # so that a request that names none is answered with headers
    )
    command = path = request_version = ""
    _is_refused = False
    server: Listener  # pyright: ignore[reportIncompatibleVariableOverride]  # only a Listener makes us

    def __getattr__(self, name: str) -> Any:
        """Answer a request of any method in the same way; the routes tell them apart."""
        if name.startswith("do_"):
            return self._answer_request
        raise AttributeError(name)

    def parse_request(self) -> bool:
        """Read the head of a request; return False if it is malformed, which is answered then."""
        self.path = ""
        if not self.raw_requestline.strip():  # some clients send an empty line behind a body
            self.raw_requestline = self.rfile.readline(_LONGEST_LINE)
        if not self.raw_requestline.strip():
            self.send_error(400, "The request has no first line.")
            return False
        if not super().parse_request():
            return False
        is_sound = all(map(_NAME.fullmatch, self.headers.keys()))
        if not is_sound or any(isinstance(defect, _DEFECTS) for defect in self.headers.defects):
            self.send_error(400, "The headers of the request are malformed.")
            return False
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request whose head cannot be read."""
        status = (
            400 if code >= 500 else int(code)
        )  # another version of HTTP is the client's mistake too
        self._refuse(RequestError(status, message or HTTPStatus(status).phrase))

    def finish(self) -> None:
        """Take what a refused client still sends: closing at once would cost it the answer."""
        super().finish()
        if not self._is_refused:
            return
        until = time.monotonic() + _DRAIN_LIMIT
        with contextlib.suppress(OSError):  # the client has gone, or is silent
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_SILENCE)
            while time.monotonic() < until and self.connection.recv(65536):
                pass

    def _answer_request(self) -> None:
        try:
            request = self._read()
        except RequestError as error:
            self._refuse(error)
            return
        self._send(self._respond(request))

    def _respond(self, request: Request) -> Answer:
        try:
            return self.server.respond(request)
        except Exception:  # noqa: BLE001  # a bug of ours is printed, and the client is answered all the same
            self.server.handle_error(self.request, self.client_address)
            return refusal(
                self.path,
                RequestError(500, "The server had an error while processing your request."),
            )

    def _refuse(self, error: RequestError) -> None:
        """Answer that a request cannot be read, and end the connection, for nobody knows where the next begins."""
        self.close_connection = True
        self._is_refused = True
        self._send(refusal(self.path.partition("?")[0], error))

    def _send(self, answer: Answer) -> None:
        if answer.counts:
            self.server.ledger.book_generated(answer.model, answer.counts)
        time.sleep(answer.reply.delay)
        if answer.frames is None:
            self._send_body(answer, answer.body)
        else:
            self._send_stream(answer, answer.frames)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _read(self) -> Request:
        self.connection.settimeout(self.server.body_timeout)
        try:
            raw = read_body(self.headers, self.rfile)
        except TimeoutError:
            raise RequestError(408, "The body of the request did not arrive in time.") from None
        self.connection.settimeout(None)
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, path, query, headers, raw)

    def _send_body(self, answer: Answer, body: bytes) -> None:
        self._wait(answer, 0)
        if answer.reply.cut_after is not None:
            self.close_connection = True
            return
        self._tell(answer, 0)
        self._send_headers(answer, "content-length", str(len(body)))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_stream(self, answer: Answer, frames: tuple[bytes, ...]) -> None:
        self._send_headers(answer, "transfer-encoding", "chunked")
        for position, frame in enumerate(frames):
            self._wait(answer, position)
            if position == answer.reply.cut_after:
                self.close_connection = True
                return
            if position == answer.reply.error_after:
                self._send_chunk(answer.error_frame)
                break
            self._tell(answer, position)
            self._send_chunk(frame)
        self._send_chunk(b"")

    def _wait(self, answer: Answer, position: int) -> None:
        reply = answer.reply
        if position:
            time.sleep(reply.chunk_delay)
        if reply.gate and position == reply.gate_after:
            reply.gate.wait(_GATE_LIMIT)

    def _tell(self, answer: Answer, position: int) -> None:
        if answer.counts and position == answer.told_at:
            self.server.ledger.book_told(answer.model, answer.counts)

    def _send_headers(self, answer: Answer, length_name: str, length: str) -> None:
        self.send_response_only(answer.reply.status)
        scripted = {name.lower(): value for name, value in answer.reply.headers.items()}
        headers = {
            "content-type": answer.content_type,
            **answer.headers,
            **scripted,
            length_name: length,
        }
        if self._is_refused:
            headers["connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
