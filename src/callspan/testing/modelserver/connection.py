"""Requests in, answers out: the part that knows sockets and HTTP."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from .exchange import Answer
from .ledger import Ledger
from .request import Request

_GATE_LIMIT = (
    200  # seconds: a gate that a failed test never opens must not hold its thread for ever
)


class Listener(ThreadingHTTPServer):
    """Accepts connections on loopback and asks `respond` for each answer."""

    daemon_threads = True
    request_queue_size = 128

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
    server: Listener  # pyright: ignore[reportIncompatibleVariableOverride]  # only a Listener makes us

    def do_POST(self) -> None:
        """Answer a request of any method; the routes tell them apart."""
        answer = self.server.respond(self._read())
        if answer.counts:
            self.server.ledger.book_generated(answer.model, answer.counts)
        time.sleep(answer.reply.delay)
        if answer.frames is None:
            self._send_body(answer, answer.body)
        else:
            self._send_stream(answer, answer.frames)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _read(self) -> Request:
        is_chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        raw = (
            self._chunks()
            if is_chunked
            else self.rfile.read(int(self.headers.get("content-length") or 0))
        )
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, path, query, headers, raw)

    def _chunks(self) -> bytes:
        """A body of unknown length, as clients send a file that they are still reading."""
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send_body(self, answer: Answer, body: bytes) -> None:
        self._wait(answer, 0)
        if answer.reply.cut_after is not None:
            self.close_connection = True
            return
        self._tell(answer, 0)
        self._send_headers(answer, "content-length", str(len(body)))
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
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
