"""Which content is captured, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from callspan.content.redaction import Redact

ContentField = Literal["input", "output", "system", "tools", "arguments", "results"]
"""One kind of content."""
FIELDS: tuple[str, ...] = get_args(ContentField)
"""Kinds of content: messages sent and received, system instructions, and tools' definitions, arguments and results."""
CONTENT_LIMIT = 65_536
"""Bytes of content on one span or event."""
LEAST_LIMIT = 512
TEMPO_LIMIT = 2_048
"""Bytes that Tempo keeps of one attribute, by default."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Whether content goes on spans and into events, which fields of it, how it is redacted, and how many bytes.

    `attribute_limit` is the most bytes of one attribute, `limit` of all content of one call.
    """

    span: bool = False
    event: bool = False
    fields: frozenset[str] = frozenset(FIELDS)
    redact: Redact | None = None
    limit: int = CONTENT_LIMIT
    attribute_limit: int = CONTENT_LIMIT

    @property
    def on(self) -> bool:
        """Whether anything is captured."""
        return self.span or self.event


class Choice:
    """The choice of one block or client object: a mode (`off`, `span`, `event`, `both`), and kinds of content.

    `None` leaves what holds around it.
    """

    __slots__ = ("fields", "mode")

    def __init__(self, mode: str | None, fields: tuple[str, ...] | None) -> None:
        self.mode = mode
        self.fields = fields

    def over(self, outer: Choice | None) -> Choice:
        """Return this choice, completed by an outer one."""
        if outer is None:
            return self
        fields = outer.fields if self.fields is None else self.fields
        return Choice(self.mode or outer.mode, fields)

    def of(self, capture: Capture) -> Capture:
        """Return a capture changed by this choice."""
        fields = capture.fields if self.fields is None else frozenset(self.fields)
        if self.mode is None:
            return replace(capture, fields=fields)
        return replace(
            capture,
            span=self.mode in ("span", "both"),
            event=self.mode in ("event", "both"),
            fields=fields,
        )


def chosen(settings: Any) -> Capture:
    """Return the capture that the settings choose."""
    limit = attribute_limit = settings.content_limit
    if limit == "tempo":
        limit, attribute_limit = CONTENT_LIMIT, TEMPO_LIMIT
    whole = Capture(redact=settings.redact, limit=limit, attribute_limit=attribute_limit)
    return Choice(settings.capture, settings.capture_fields).of(whole)
