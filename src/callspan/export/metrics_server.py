"""A small HTTP server for /metrics that many connections cannot wear out."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable
from http import HTTPStatus

from callspan.runtime import greenlets, guard

SECONDS = 5.0
"""The time that a connection has for its request, and once more for the answer."""
CONNECTIONS = 64
"""The most connections without a request; the oldest makes room for a new one."""
_REQUEST_BYTES = 16_384

Render = Callable[[str], "tuple[bytes, str]"]
"""Return the text of all metrics and its content type, for the types that the scraper accepts."""


class MetricsServer:
    """Serves /metrics at one address, on one thread. Raises `OSError` if it cannot."""

    def __init__(self, host: str, port: int, render: Render) -> None:
        self._render = render
        # a dictionary in place of a set, as it has the connections in the order in which they came
        self._waiting: dict[asyncio.Task[None], None] = {}
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        # asyncio, as a connection that says nothing takes no thread there
        # (tests/export/test_prometheus.py)
        self._loop = greenlets.run_loop(asyncio.new_event_loop, "callspan-prometheus")
        # `limit` bounds what `readuntil` keeps of a request without an end
        serving = asyncio.start_server(self._serve, sock=self._socket, limit=_REQUEST_BYTES)
        self._server = greenlets.run_on(self._loop, serving, SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close the connection, with `SECONDS` for either half."""
        task = asyncio.current_task()
        assert task is not None
        self._make_room()
        self._waiting[task] = None
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
            del self._waiting[task]
            writer.write(self._answer(head))
            await asyncio.wait_for(writer.drain(), SECONDS)
        except (
            OSError,
            EOFError,
            asyncio.TimeoutError,
            asyncio.LimitOverrunError,
            asyncio.CancelledError,
        ):
            pass  # the peer left, was too slow, sent too much, or had to make room
        finally:
            self._waiting.pop(task, None)
            writer.close()

    def _make_room(self) -> None:
        while len(self._waiting) >= CONNECTIONS:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.cancel()

    def _answer(self, head: bytes) -> bytes:
        """Return the whole answer to a request."""
        try:
            # latin-1 has a character for each byte, so no request fails to be decoded
            return self._metrics(head.decode("latin-1"))
        except Exception as error:  # noqa: BLE001  a fault in one scrape must not end the server
            guard.report("a scrape of /metrics", error)
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR, b"")

    def _metrics(self, head: str) -> bytes:
        request_line, *lines = head.split("\r\n")
        match request_line.split(" "):
            case [method, target, version] if version.startswith("HTTP/1."):
                path = target.partition("?")[0]
            case _:
                return _response(HTTPStatus.BAD_REQUEST, b"")
        if path.rstrip("/") != "/metrics":
            return _response(HTTPStatus.NOT_FOUND, b"see /metrics\n")
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"", Allow="GET, HEAD")
        headers = _headers(lines)
        body, content_type = self._render(headers.get("accept", ""))
        more = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        # metrics are text that repeats itself, and a scraper reads them every few seconds
        if "gzip" in headers.get("accept-encoding", ""):
            body = gzip.compress(body)
            more["Content-Encoding"] = "gzip"
        return _response(HTTPStatus.OK, body, with_body=method == "GET", **more)

    def close(self) -> None:
        """Serve no more."""
        stopped = greenlets.make_event()

        def stop() -> None:
            self._server.close()
            for task in list(self._waiting):
                task.cancel()
            # one turn later, so that the cancelled tasks can close their connections
            self._loop.call_soon(self._loop.stop)
            stopped.set()

        self._loop.call_soon_threadsafe(stop)
        # not without end: the loop may be busy with a scrape
        greenlets.wait(stopped, 1.0)

    def forget(self) -> None:
        """In a forked child, close the socket, or the port would stay taken when the parent ends."""
        self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    # the first address only, as one port is named; a name may stand for several
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = addresses[0]
    return socket.create_server(address[:2], family=family)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers


def _response(status: HTTPStatus, body: bytes, with_body: bool = True, **headers: str) -> bytes:
    fields = {
        "Content-Type": "text/plain",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        *(f"{name}: {value}" for name, value in fields.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (body if with_body else b"")
