"""The server as its users see it, and the rules by which it chooses an answer."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import Any

from . import routes
from .connection import Listener
from .exchange import Answer, Exchange
from .ledger import Ledger
from .reply import Reply
from .request import Request
from .request_error import RequestError


class ModelServer:
    """Serves from its construction until `close()`, in daemon threads, on 127.0.0.1.

    Each POST takes the next scripted reply, or else gets the default answer. The model `no-such-model`
    does not exist. With `first_call_busy` the first call is told to come again in 50 ms.
    """

    def __init__(self, port: int = 0, *, first_call_busy: bool = False) -> None:
        self.requests: list[Request] = []
        self.ledger = Ledger()
        self._replies: deque[tuple[str | None, Reply]] = deque()
        self._kept: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        if first_call_busy:
            self.enqueue(Reply(status=429, retry_after=0.05))
        self._listener = Listener(port, self._respond, self.ledger)
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            args=(0.02,),
            name="callspan-modelserver",
            daemon=True,
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.server_port

    @property
    def body_timeout(self) -> float:
        """Seconds that a client may be silent in the middle of a body before it is answered with 408."""
        return self._listener.body_timeout

    @body_timeout.setter
    def body_timeout(self, seconds: float) -> None:
        self._listener.body_timeout = seconds

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self.port}/v1"

    def enqueue(self, *replies: Reply, for_model: str | None = None) -> None:
        """Script the next answers; with `for_model` only requests for that model take them."""
        with self._lock:
            self._replies.extend((for_model, reply) for reply in replies)

    def close(self) -> None:
        """Stop serving and end all connections; a second time does nothing."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        self._listener.hang_up()

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _respond(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        try:
            answer = self._answer(request, number)
        except RequestError as error:
            answer = routes.refusal(request.path, error)
        return replace(answer, headers={"x-request-id": f"req_{number:06}", **answer.headers})

    def _answer(self, request: Request, number: int) -> Answer:
        if request.method == "GET":
            return routes.read(request, self._kept)
        route = routes.find(request)
        return self._call(route, routes.read_body(request, route), number)

    def _call(self, route: routes.Route, body: dict[str, Any], number: int) -> Answer:
        reply = self._take(body.get("model"))
        if reply.raw is not None:
            answer = route.raw(reply, streamed=bool(body.get("stream")))
        elif reply.status >= 400:
            answer = route.failed(reply)
        else:
            answer = route.answer(Exchange(number, body, reply))
        if answer.response:
            self._kept[answer.response["id"]] = answer.response
        return replace(answer, reply=reply)

    def _take(self, model: Any) -> Reply:
        """The first scripted reply that this model may take; the default when there is none."""
        with self._lock:
            for position, (for_model, reply) in enumerate(self._replies):
                if for_model in (None, model):
                    del self._replies[position]
                    return reply
        return Reply()
