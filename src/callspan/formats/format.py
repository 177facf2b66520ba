"""What a format is: pure functions that read a request and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callspan.events import Content, Delta
from callspan.formats.fields import Body


def no_content(_body: Body) -> Content:
    """For requests that carry no messages."""
    return Content()


def no_usage_request(_body: Body) -> Body | None:
    """For requests that cannot ask for token counts."""
    return None


def never_hidden(_chunk: Any) -> bool:
    """For formats in which no chunk exists for usage alone."""
    return False


def never_follows(_body: Body) -> bool:
    """For formats in which the counts come with the finish reason, or before it."""
    return False


def nothing(_item: Any, _full: bool) -> Delta | None:
    """For what is not told by what a client gives."""
    return None


@dataclass(frozen=True, slots=True)
class Format:
    """One wire format.

    `parameters` reads a request's settings, `content` what it says, `read` one chunk or one whole answer; its second
    argument tells whether anybody needs the text. `with_usage_requested` gives the body that makes the provider count,
    or `None`, and `only_usage` picks out the chunk that this brings. `usage_follows` says whether a stream of a request
    states its counts only after its finish reason.
    """

    operation: str
    parameters: Callable[[Body], dict[str, Any]]
    read: Callable[[Any, bool], Delta | None]
    content: Callable[[Body], Content] = no_content
    with_usage_requested: Callable[[Body], Body | None] = no_usage_request
    only_usage: Callable[[Any], bool] = never_hidden
    usage_follows: Callable[[Body], bool] = never_follows
