"""Readers whose conversion comes in no package, as rules in our own words.

Langfuse, OpenLIT and Jaeger's page by their public sources, the others by their documentation, both
as of November 2026. A rule says less than the reader's own code would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.frameworks.spans import Span
from tests.readers.expectations import View, operation, seconds_after

Names = Mapping[str, tuple[str, ...]]
"""The names that are read for a fact, the first that is there counts."""
_COUNTS: Names = {
    "input_tokens": ("gen_ai.usage.input_tokens",),
    "output_tokens": ("gen_ai.usage.output_tokens",),
    "cache_read": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write": ("gen_ai.usage.cache_creation.input_tokens",),
}
_COMMON: Names = {
    **_COUNTS,
    "user": ("user.id",),
    "tool": ("gen_ai.tool.name",),
    "provider": ("gen_ai.provider.name",),
}
_NUMBERS = ("input_tokens", "output_tokens", "total_tokens", "cache_read", "cache_write")


@dataclass(frozen=True)
class Rule:
    """How one reader reads a span.

    Attributes:
        names: The attributes that it reads, by fact.
        kind: The attribute that it asks first what a span is.
        kinds: Its kinds by operation, where that attribute is not there.
        more: Adds what no name alone says.
    """

    names: Names
    kind: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    more: Callable[[View, Span], None] | None = None

    def view(self, span: Span) -> View:
        """Return what the reader shows of a span."""
        view: View = {"id": span.id, "kind": self._kind(span)}
        for fact, names in self.names.items():
            values = [span.attributes[name] for name in names if name in span.attributes]
            if values:
                view[fact] = int(values[0]) if fact in _NUMBERS else values[0]
        if self.more is not None:
            self.more(view, span)
        return view

    def _kind(self, span: Span) -> str | None:
        return span.attributes.get(self.kind) or self.kinds.get(operation(span))


def _langfuse(view: View, span: Span) -> None:
    """Guess the kind by the model, and add up all counts that are no parts of others it knows."""
    if view["kind"] is None and "gen_ai.request.model" in span.attributes:
        view["kind"] = "generation"
    moment = span.attributes.get("langfuse.observation.completion_start_time")
    if moment is not None:
        view["first_chunk"] = seconds_after(span.start, moment)
    if operation(span) == "invoke_agent":
        return
    counts = _langfuse_counts(span.attributes)
    if counts:
        view.update(counts)


def _langfuse_counts(attributes: Mapping[str, Any]) -> View:
    prefixes = ("gen_ai.usage.", "llm.token_count.")
    counts = {
        name.removeprefix("gen_ai.usage.").removeprefix("llm.token_count."): int(value)
        for name, value in attributes.items()
        if name.startswith(prefixes) and name != "gen_ai.usage.cost"
    }
    if not counts:
        return {}
    # of each it knows several names; these are the ones that occur here
    inside = ("cache_read.input_tokens", "cache_creation.input_tokens")
    known = ("input_tokens", "output_tokens", "total_tokens", "reasoning.output_tokens", *inside)
    others = sum(count for name, count in counts.items() if name not in known)
    both = counts.get("input_tokens", 0) + counts.get("output_tokens", 0)
    view = {
        "input_tokens": counts.get("input_tokens"),
        "output_tokens": counts.get("output_tokens"),
        "total_tokens": counts.get("total_tokens", both + others),
        "reasoning": counts.get("reasoning.output_tokens"),
    }
    return {name: value for name, value in view.items() if value is not None}


def _messages(view: View, span: Span) -> None:
    """Show messages, or a tool's arguments and result, unless a prompt's name hides them."""
    attributes = span.attributes
    if any(name.startswith("gen_ai.prompt.") for name in attributes):
        return
    for fact, names in _CONTENT.items():
        values = [attributes[name] for name in names if name in attributes]
        if values:
            view.setdefault(fact, values[0])


_CONTENT: Names = {
    "input": ("gen_ai.input.messages", "gen_ai.tool.call.arguments"),
    "output": ("gen_ai.output.messages", "gen_ai.tool.call.result"),
}


def _langfuse_view(view: View, span: Span) -> None:
    _messages(view, span)
    _langfuse(view, span)


RULES: dict[str, Rule] = {
    "langfuse": Rule(
        {
            **_COMMON,
            "input": ("langfuse.observation.input",),
            "output": ("langfuse.observation.output",),
            "cost": ("gen_ai.usage.cost",),
            "session": ("session.id", "gen_ai.conversation.id"),
        },
        kind="langfuse.observation.type",
        kinds={
            "chat": "generation",
            "text_completion": "generation",
            "generate_content": "generation",
            "embeddings": "embedding",
            "invoke_agent": "agent",
            "execute_tool": "tool",
        },
        more=_langfuse_view,
    ),
    "openlit": Rule(
        {**_COMMON, "cost": ("gen_ai.usage.cost",), "total_tokens": ("gen_ai.usage.total_tokens",)}
    ),
    "langsmith": Rule(
        {
            **_COUNTS,
            "total_tokens": ("gen_ai.usage.total_tokens",),
            "session": ("langsmith.metadata.session_id",),
            "user": ("langsmith.metadata.user_id",),
            "provider": ("gen_ai.system",),
            "tool": ("gen_ai.tool.name",),
        },
        kind="langsmith.span.kind",
        kinds={"chat": "llm", "embedding": "embedding"},
    ),
    "jaeger": Rule(_COMMON),
    "logfire": Rule({**_COMMON, "cost": ("operation.cost",)}),
    "signoz": Rule({**_COMMON, "first_chunk": ("gen_ai.server.ttft",)}),
}
"""The rules, by the names of the readers."""
