"""What telemetry is held against: the registries, the dialect chosen, and where content was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .registry import Registry, Signal
from .rules import INTERNAL_AGENT, METHOD, NODE, SCHEMA_URLS, SPAN_TYPES


@dataclass(frozen=True, slots=True)
class Expectations:
    """The settings under which telemetry was made; `capture` is `None` where it is not known."""

    registry: Registry
    semconv: str = "released"
    capture: str | None = None

    @property
    def dialects(self) -> tuple[str, ...]:
        """The dialects chosen, the first of which names the schema."""
        return ("released", "latest") if self.semconv == "both" else (self.semconv,)

    @property
    def schema_url(self) -> str:
        """The schema that is true of all that is emitted; empty where none is."""
        return SCHEMA_URLS[self.dialects[0]] if len(self.dialects) == 1 else ""

    def chosen(self, dialects: tuple[str, ...]) -> bool:
        """Whether something of these dialects may be emitted."""
        return any(dialect in self.dialects for dialect in dialects)

    def captures(self, where: str) -> bool:
        """Whether content may stand on `span` or `event`, or, for `any`, what only quotes it."""
        if self.capture is None:
            return True
        return self.capture != "off" if where == "any" else self.capture in (where, "both")

    def span_type(self, attributes: Mapping[str, Any], kind: str) -> Signal | None:
        """Return the span type of an operation by its attributes and the span's kind."""
        internal = kind == "internal"
        if METHOD in attributes and not internal:
            return self.registry.spans[f"mcp.{kind}"]
        if internal and "gen_ai.operation.name" not in attributes and NODE in attributes:
            return self.registry.spans["callspan.run_node.internal"]
        operation = str(attributes.get("gen_ai.operation.name"))
        if operation == "invoke_agent" and internal:
            return self.registry.spans.get(INTERNAL_AGENT)
        if operation in SPAN_TYPES:
            return self.registry.spans[SPAN_TYPES[operation]]
        return next(
            (signal for signal in self.registry.spans.values() if signal.operation == operation),
            None,
        )
