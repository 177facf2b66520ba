"""What a wire format is: where its endpoints are, and how it words what all of them have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .exchange import Answer, Exchange
from .reply import Reply
from .request_error import RequestError
from .shapes import Shape

VERSIONED = re.compile(
    r"(/openai)?(/v1|/v1beta|/deployments/[^/]+)(?P<end>/.+)"
)  # Azure names the deployment
EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Endpoint:
    """What answers, how a body has to look, and whether the florist has something to say there."""

    answer: Callable[[Exchange], Answer]
    body: Shape
    spoken: bool = False


def events(stream: bytes) -> tuple[bytes, ...]:
    """The frames of server-sent events."""
    return tuple(re.findall(rb".+?(?:\r?\n\r?\n|\Z)", stream, re.DOTALL))


def lines(stream: bytes) -> tuple[bytes, ...]:
    """The frames of a stream of one JSON text a line."""
    return tuple(stream.splitlines(keepends=True))


def _refuse(error: RequestError) -> Reply:
    return Reply(status=error.status, error_message=error.message, error_param=error.field)


def _as_it_is(_path: str, body: dict[str, Any]) -> dict[str, Any]:
    return body


@dataclass(frozen=True)
class Format:
    """One wire format.

    The group `end` of `address` names one of the `endpoints`. `asked` puts path and body in the words of OpenAI's, so
    that one florist understands all. `error` words the body for a status, `broken` the frame of a stream that fails
    half way. `refuse` is the reply to a request that cannot be served. `frames` cuts the bytes of a
    scripted stream, whose content type is `streamed`.
    """

    address: re.Pattern[str]
    endpoints: Mapping[str, Endpoint]
    error: Callable[[Reply, int], Any]
    broken: Callable[[Reply], bytes]
    asked: Callable[[str, dict[str, Any]], dict[str, Any]] = _as_it_is
    error_headers: Callable[[Reply, int], Mapping[str, str]] = field(
        default=lambda _reply, _status: {}
    )
    refuse: Callable[[RequestError], Reply] = _refuse
    frames: Callable[[bytes], tuple[bytes, ...]] = events
    streamed: str = EVENTS

    def end(self, path: str) -> str | None:
        """The endpoint that a path leads to, if it is one of these."""
        found = self.address.fullmatch(path)
        return found["end"] if found and found["end"] in self.endpoints else None
