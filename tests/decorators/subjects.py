"""What is decorated in these tests, and what is seen of it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from opentelemetry import trace

import callspan
from callspan import Call
from telemetry import Telemetry


class Heard:
    """A handler that keeps the calls of which it hears the end, by name."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}

    def on_end(self, call: Call, _response: Any) -> None:
        self.calls[call.subject or ""] = call

    def on_error(self, call: Call, _error: BaseException) -> None:
        self.calls[call.subject or ""] = call


def tree(telemetry: Telemetry) -> dict[str, str | None]:
    """The parent's name of each span, by its own name."""
    names = {span.context.span_id: span.name for span in telemetry.all_spans}
    return {
        span.name: names.get(span.parent.span_id) if span.parent else None
        for span in telemetry.all_spans
    }


def attributes(telemetry: Telemetry, name: str) -> dict[str, Any]:
    """The attributes of the one span of a name."""
    (found,) = (dict(span.attributes or {}) for span in telemetry.spans if span.name == name)
    return found


def current() -> str:
    """The name of the span in whose context this runs."""
    return getattr(trace.get_current_span(), "name", "nothing")


class Live:
    """An object that must not be looked into."""

    def __init__(self) -> None:
        self.lock, self.api_key = threading.Lock(), "sk-live-secret"


def plain(stems: int, *, color: str = "red") -> str:
    """What flowers cost.

    And more.
    """
    return f"{stems} {color}"


async def coroutine(stems: int, *, color: str = "red") -> str:
    """What flowers cost."""
    return f"{stems} {color}"


def generator(stems: int, *, color: str = "red") -> Iterator[str]:
    """What flowers cost."""
    yield f"{stems} {color}"


async def async_generator(stems: int, *, color: str = "red") -> AsyncIterator[str]:
    """What flowers cost."""
    yield f"{stems} {color}"


KINDS: list[Callable[..., Any]] = [plain, coroutine, generator, async_generator]
marked_plain = callspan.tool(plain)
