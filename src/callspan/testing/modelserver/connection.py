"""Read requests from sockets, and write answers to them, over HTTP/1.1."""

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
from .routes import refuse

_LONGEST_LINE = 65_537  # bytes, as http.server reads it
_SILENCE = 1.0  # seconds
_DRAIN_LIMIT = 10.0  # seconds
_DRAIN_BYTES = 65536
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DEFECTS = (FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect)
# In seconds: a gate that a failed test never opens must not hold its thread for ever.
_GATE_LIMIT = 200


class Listener(ThreadingHTTPServer):
    """Accepts connections on loopback and asks `respond` for each answer."""

    daemon_threads = True
    # With Python's queue of 5, some of many new connections wait a second for their next attempt.
    request_queue_size = 128
    body_timeout = 30.0

    def __init__(self, port: int, respond: Callable[[Request], Answer], ledger: Ledger) -> None:
        self.respond = respond
        self.ledger = ledger
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Connection)

    def server_bind(self) -> None:
        """Bind without looking up the host's name."""
        # As HTTPServer does it, which can take seconds where there is no DNS.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and remember it for `hang_up`."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
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
        """Print an error, unless it is a client that went away: others are bugs of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Connection(BaseHTTPRequestHandler):
    """One connection, kept alive over many requests."""

    # In HTTP/1.0, which Python has by default, there are no chunks, and each request connects anew.
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
        if not self._has_sound_headers():
            self.send_error(400, "The headers of the request are malformed.")
            return False
        return True

    def _has_sound_headers(self) -> bool:
        # Python's parser goes on with headers that are malformed, and only makes a note of it.
        if any(isinstance(defect, _DEFECTS) for defect in self.headers.defects):
            return False
        return all(map(_HEADER_NAME.fullmatch, self.headers.keys()))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request whose head cannot be read."""
        # Python has 505 for another version of HTTP, which is the client's mistake too.
        status = 400 if code >= 500 else int(code)
        self._refuse(RequestError(status, message or HTTPStatus(status).phrase))

    def finish(self) -> None:
        """Close the connection, after reading the rest of a request that was refused."""
        super().finish()
        if not self._is_refused:
            return
        # The kernel answers bytes that nobody reads with a reset, which would cost the client
        # the answer.
        deadline = time.monotonic() + _DRAIN_LIMIT
        with contextlib.suppress(OSError):  # the client has gone, or is silent
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_SILENCE)
            while time.monotonic() < deadline and self.connection.recv(_DRAIN_BYTES):
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
        except Exception:  # noqa: BLE001  # a bug of ours, which must not leave the client waiting
            self.server.handle_error(self.request, self.client_address)
            return refuse(
                self.path,
                RequestError(500, "The server had an error while processing your request."),
            )

    def _refuse(self, error: RequestError) -> None:
        """Answer a request that cannot be read, and end the connection."""
        # Nobody knows where the next request would begin.
        self.close_connection = True
        self._is_refused = True
        self._send(refuse(self.path.partition("?")[0], error))

    def _send(self, answer: Answer) -> None:
        if answer.counts:
            self.server.ledger.book_generated(answer.model, answer.counts)
        # After the booking: a client that goes away meanwhile has cost its tokens.
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
        # some clients send the whole address, as to a proxy (aiobotocore 3 over httpx)
        target = self.path
        if target.startswith("http://"):
            target = "/" + target.removeprefix("http://").partition("/")[2]
        path, _, query = target.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, path, query, headers, raw)

    def _send_body(self, answer: Answer, body: bytes) -> None:
        self._wait(answer, 0)
        if answer.reply.cut_after is not None:
            self.close_connection = True
            return
        self._book_usage(answer, 0)
        self._send_headers(answer, "content-length", str(len(body)))
        # HTTP: the headers of the answer, without its body.
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_stream(self, answer: Answer, frames: tuple[bytes, ...]) -> None:
        """Send the frames one by one, up to the place where the reply has a cut or an error."""
        self._send_headers(answer, "transfer-encoding", "chunked")
        for position, frame in enumerate(frames):
            self._wait(answer, position)
            if position == answer.reply.cut_after:
                self.close_connection = True
                return
            if position == answer.reply.error_after:
                self._send_chunk(answer.error_frame)
                break
            self._book_usage(answer, position)
            self._send_chunk(frame)
        # An empty chunk ends the body, so the connection can be used again.
        self._send_chunk(b"")

    def _wait(self, answer: Answer, position: int) -> None:
        reply = answer.reply
        if position:
            time.sleep(reply.chunk_delay)
        if reply.gate is not None and position == reply.gate_after:
            reply.gate.wait(_GATE_LIMIT)

    def _book_usage(self, answer: Answer, position: int) -> None:
        if answer.counts and position == answer.usage_at:
            self.server.ledger.book_told(answer.model, answer.counts)

    def _send_headers(self, answer: Answer, length_name: str, length: str) -> None:
        """Send the status and the headers; those of the reply win over the format's."""
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
