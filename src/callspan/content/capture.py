"""The choice of the content that is captured, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from callspan.content.redaction import Redact
from callspan.content.uploads import Uploads

ContentField = Literal["input", "output", "system", "tools", "arguments", "results"]
"""One kind of content."""
FIELDS: tuple[str, ...] = get_args(ContentField)
"""Kinds of content.

They are messages sent and received, system instructions, and tools' definitions, arguments and
results.
"""
CONTENT_LIMIT = 65_536
"""Bytes of content on one span or event."""
LEAST_LIMIT = 512
"""The least limit in bytes that a setting may have."""
TEMPO_LIMIT = 2_048
"""Bytes that Tempo keeps of one attribute, by default."""


@dataclass(frozen=True, slots=True)
class Capture:
    """The content that is captured of a call.

    Attributes:
        span: Whether content goes on spans.
        event: Whether content goes into events.
        fields: The kinds of content.
        redact: The redaction hook; `None` for none.
        limit: The most bytes of all content of one call.
        attribute_limit: The most bytes of one attribute.
        uploads: Takes the whole of longer content; `None` where it goes nowhere.
        hook: Takes all of it, at the end of each call; `None` for none.
    """

    span: bool = False
    event: bool = False
    fields: frozenset[str] = frozenset(FIELDS)
    redact: Redact | None = None
    limit: int = CONTENT_LIMIT
    attribute_limit: int = CONTENT_LIMIT
    uploads: Uploads | None = None
    hook: Any = None

    @property
    def on(self) -> bool:
        """Whether anything is captured."""
        return self.span or self.event


class Choice:
    """The choice of one block or client object; `None` leaves the choice around it in force.

    Attributes:
        mode: `off`, `span`, `event` or `both`.
        fields: Kinds of content.
    """

    __slots__ = ("fields", "mode")

    def __init__(self, mode: str | None, fields: tuple[str, ...] | None) -> None:
        self.mode = mode
        self.fields = fields

    def over(self, outer: Choice | None) -> Choice:
        """Return this choice, completed by an outer one."""
        if outer is None:
            return self
        # not `or`: an empty tuple is the choice of no field at all
        fields = self.fields
        if fields is None:
            fields = outer.fields
        return Choice(self.mode or outer.mode, fields)

    def of(self, capture: Capture) -> Capture:
        """Return a capture changed by this choice."""
        fields = capture.fields
        if self.fields is not None:
            fields = frozenset(self.fields)
        if self.mode is None:
            return replace(capture, fields=fields)
        return replace(
            capture,
            span=self.mode in ("span", "both"),
            event=self.mode in ("event", "both"),
            fields=fields,
        )


def chosen(settings: Any) -> Capture:
    """Return the capture that the settings choose.

    They are a `Settings`, whose room stands above this one.
    """
    limit = settings.content_limit
    attribute_limit = limit
    # each attribute is cut for Tempo, while the call has as much room as elsewhere
    if limit == "tempo":
        limit = CONTENT_LIMIT
        attribute_limit = TEMPO_LIMIT
    # mode and fields of the settings are a choice like that of a block, over what is the default
    uploads = None
    if settings.upload is not None:
        uploads = Uploads.from_environment(settings.upload)
    whole = Capture(
        redact=settings.redact, limit=limit, attribute_limit=attribute_limit, uploads=uploads
    )
    return Choice(settings.capture, settings.capture_fields).of(whole)
