"""A wire format: its endpoints, and the words for all that they have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .exchange import Answer, Exchange, JsonObject
from .reply import Reply
from .request_error import RequestError
from .shapes import Shape

# Azure names the deployment where others have the version.
VERSIONED = re.compile(r"(/openai)?(/v1|/v1beta|/deployments/[^/]+)(?P<endpoint>/.+)")
EVENTS = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
Row = TypeVar("Row")
# An event ends with an empty line; the last one of a scripted body may lack it.
_EVENT = re.compile(rb".+?(?:\r?\n\r?\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its function, the shape of a request, and whether a model writes the answer.

    Where a model does, the default answer is the florist's.
    """

    answer: Callable[[Exchange], Answer]
    shape: Shape
    is_written: bool = False


def find_error(errors: Mapping[int, Row], status: int, client_error: int = 400) -> Row:
    """Return the row of a status in a table of errors.

    A status that is not there has the row of `client_error` or, from 500 on, that of 500.
    """
    fallback = client_error if status < 500 else 500
    return errors.get(status, errors[fallback])


def split_events(stream: bytes) -> tuple[bytes, ...]:
    """Return the frames of server-sent events."""
    return tuple(_EVENT.findall(stream))


def split_lines(stream: bytes) -> tuple[bytes, ...]:
    """Return the frames of a stream of one JSON text a line."""
    return tuple(stream.splitlines(keepends=True))


def _refuse(error: RequestError) -> Reply:
    return Reply(status=error.status, error_message=error.message, error_param=error.field)


def _no_headers(_reply: Reply, _status: int) -> Mapping[str, str]:
    return {}


def _untranslated(_path: str, body: JsonObject) -> JsonObject:
    return body


@dataclass(frozen=True)
class Format:
    """One wire format.

    Attributes:
        address: The paths of the format; its group `endpoint` names one of the endpoints.
        endpoints: The endpoints by that name.
        error: Return the body of an error, for a reply and a status.
        error_frame: Return the frame that a stream sends when it breaks half way.
        translate: Put a path and a body into the words of OpenAI's formats, so that one florist
            understands all.
        error_headers: Return the headers of an error, for a reply and a status.
        refuse: Return the reply to a request that cannot be served.
        split: Cut the bytes of a scripted stream into its frames.
        stream_type: The content type of a stream.
    """

    address: re.Pattern[str]
    endpoints: Mapping[str, Endpoint]
    error: Callable[[Reply, int], Any]
    error_frame: Callable[[Reply], bytes]
    translate: Callable[[str, JsonObject], JsonObject] = _untranslated
    error_headers: Callable[[Reply, int], Mapping[str, str]] = _no_headers
    refuse: Callable[[RequestError], Reply] = _refuse
    split: Callable[[bytes], tuple[bytes, ...]] = split_events
    stream_type: str = EVENTS

    def endpoint_name(self, path: str) -> str | None:
        """Return the name of the endpoint at a path, or `None` if it is none of these."""
        match = self.address.fullmatch(path)
        if match is None or match["endpoint"] not in self.endpoints:
            return None
        return match["endpoint"]
