"""The scripted model server, and how it chooses the answer to a request."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import Any

from . import routes
from .connection import Listener
from .exchange import Answer, Exchange, JsonObject
from .ledger import Ledger
from .reply import Reply
from .request import Request
from .request_error import RequestError

# How soon `close` is seen: Python's half a second would be added to each test.
_POLL_SECONDS = 0.02


class ModelServer:
    """A model server on 127.0.0.1, for tests and demos.

    It serves from its construction until `close()`, in daemon threads. Each POST takes the next
    scripted reply, or else gets the default answer. The model `no-such-model` does not exist.

    Args:
        port: The port to listen on; 0 takes a free one.
        first_call_busy: Whether the first call gets status 429, and may be repeated after 50 ms.

    Attributes:
        requests: All requests so far, in the order of their arrival.
        ledger: The tokens that the server has sent to its clients.
    """

    def __init__(self, port: int = 0, *, first_call_busy: bool = False) -> None:
        self.requests: list[Request] = []
        self.ledger = Ledger()
        self._replies: deque[tuple[str | None, Reply]] = deque()
        # Kept for a GET by id; a test's server lives too short for them to be too many.
        self._responses: dict[str, JsonObject] = {}
        self._lock = threading.Lock()
        if first_call_busy:
            self.enqueue(Reply(status=429, retry_after=0.05))
        self._listener = Listener(port, self._respond, self.ledger)
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            args=(_POLL_SECONDS,),
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
        """The seconds that a client may be silent within a body, before it gets status 408."""
        return self._listener.body_timeout

    @body_timeout.setter
    def body_timeout(self, seconds: float) -> None:
        self._listener.body_timeout = seconds

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self.port}/v1"

    def enqueue(self, *replies: Reply, for_model: str | None = None) -> None:
        """Script the next answers.

        Args:
            *replies: The answers, in their order.
            for_model: The model whose requests take them; `None` means all models.
        """
        with self._lock:
            self._replies.extend((for_model, reply) for reply in replies)

    def close(self) -> None:
        """Stop serving and end all connections; a second time does nothing."""
        # In this order: no new connections, then the socket, then those that are open.
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
            # Also a request that is refused: a test may ask what a client has sent.
            self.requests.append(request)
            number = len(self.requests)
        try:
            answer = self._answer(request, number)
        except RequestError as error:
            answer = routes.refuse(request.path, error)
        return replace(answer, headers={"x-request-id": f"req_{number:06}", **answer.headers})

    def _answer(self, request: Request, number: int) -> Answer:
        if request.method == "GET":
            return routes.read(request, self._responses)
        route = routes.route_call(request)
        # A request that is refused takes no reply from the script.
        body = routes.read_body(request, route)
        return self._answer_call(route, body, number)

    def _answer_call(self, route: routes.Route, body: JsonObject, number: int) -> Answer:
        reply = self._take_reply(body.get("model"))
        if reply.raw is not None:
            answer = route.raw_answer(reply, is_streamed=bool(body.get("stream")))
        elif reply.status >= 400:
            answer = route.error_answer(reply)
        else:
            answer = route.answer(Exchange(number, body, reply))
        if answer.response:
            self._responses[answer.response["id"]] = answer.response
        return replace(answer, reply=reply)

    def _take_reply(self, model: Any) -> Reply:
        """Take the first scripted reply for this model, or make a default one."""
        with self._lock:
            for position, (for_model, reply) in enumerate(self._replies):
                if for_model in (None, model):
                    # Not always the first: replies for other models stay for their calls.
                    del self._replies[position]
                    return reply
        return Reply()
