"""A format: pure functions that read a request and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callspan.events import Content, Delta, Parameters
from callspan.formats.fields import Body, Item

Read = Callable[[Item, bool], Delta | None]
"""Reads one chunk or one whole answer; the flag is whether a handler needs the text."""


# the defaults are functions too, so that hooks call them without asking whether there are any
def no_content(_body: Body) -> Content:
    """Return empty content, for requests that carry no messages."""
    return Content()


def no_usage_request(_body: Body) -> Body | None:
    """Return `None`, for requests that cannot ask for token counts."""
    return None


def never_usage_only(_chunk: Item) -> bool:
    """Return `False`, for formats that have no chunk for usage alone."""
    return False


def never_follows(_body: Body) -> bool:
    """Return `False`, for formats whose counts come no later than the finish reason."""
    return False


def no_parameters(_body: Body) -> Parameters:
    """Return nothing: the request has no settings that are recorded."""
    return {}


def read_nothing(_item: Item, _needs_text: bool) -> Delta | None:
    """Return `None`, for answers that are read in another way than by their items."""
    return None


@dataclass(frozen=True, slots=True)
class Format:
    """One wire format, as pure functions.

    Attributes:
        operation: The name of the operation, in the conventions' words.
        parameters: Reads the settings of a request.
        read: Reads one chunk, or one whole answer. Its second argument is whether a handler
            needs the text; without it a format may skip work.
        content: Reads the messages and tools of a request.
        with_usage_requested: Returns the body that makes the provider count tokens, or `None`
            where the body is to be sent as it is.
        only_usage: Whether a chunk exists for the counts alone, which callspan asked for.
        usage_follows: Whether the stream of a request has its counts after the finish reason.
        in_lines: Whether each line of the answer's body is an item, in JSON.
    """

    operation: str
    parameters: Callable[[Body], Parameters]
    read: Read
    content: Callable[[Body], Content] = no_content
    with_usage_requested: Callable[[Body], Body | None] = no_usage_request
    only_usage: Callable[[Item], bool] = never_usage_only
    usage_follows: Callable[[Body], bool] = never_follows
    in_lines: bool = False
