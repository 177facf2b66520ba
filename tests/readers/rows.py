"""The readers that are tried: one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.readers.expectations import View
from tests.readers.rules import RULES, Rule

_OPENINFERENCE = {
    "LLM": "model",
    "EMBEDDING": "embedding",
    "AGENT": "agent",
    "CHAIN": "chain",
    "TOOL": "tool",
    "RETRIEVER": "retriever",
    "RERANKER": "reranker",
    "GUARDRAIL": "guardrail",
}


@dataclass(frozen=True)
class Row:
    """One reader.

    Attributes:
        name: Its name, as the setting `readers` has it.
        requirements: The packages whose own code converts the spans.
        program: The program in `programs` that calls this code.
        rule: What stands for its code, where that comes in no package.
        kinds: Our word for a kind, by the reader's.
        blank: The facts that the reader has no place for, or works out by itself.
    """

    name: str
    requirements: tuple[str, ...] = ()
    program: str = ""
    rule: Rule | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    blank: frozenset[str] = frozenset()


def in_our_words(row: Row, views: Iterable[View]) -> dict[str, View]:
    """Return views by the ids of their spans, with our words for their kinds."""
    result: dict[str, View] = {}
    for view in views:
        kind = str(view.get("kind"))
        result[view["id"]] = {**view, "kind": row.kinds.get(kind, kind)}
    return result


def _by_rule(name: str, *blank: str, **kinds: str) -> Row:
    """Return the row of a reader by its rule, which has no messages beside input and output."""
    return Row(name, rule=RULES[name], kinds=kinds, blank=frozenset({"messages", *blank}))


_CONTENT = ("input", "output")
_CACHE = ("cache_read", "cache_write")


ROWS = (
    # it works costs out by itself, from its own list of prices
    Row(
        "phoenix",
        ("arize-phoenix==20.26.1",),
        "phoenix_spans.py",
        kinds=_OPENINFERENCE,
        blank=frozenset({"cost", "first_chunk"}),
    ),
    # the name of a tool is the span's there
    Row(
        "mlflow",
        ("mlflow-skinny==3.17.2",),
        "mlflow_spans.py",
        kinds={**_OPENINFERENCE, "CHAT_MODEL": "model", "WORKFLOW": "chain"},
        blank=frozenset({"messages", "tool", "reasoning", "first_chunk"}),
    ),
    # its counts by kind are parts of `input` and `output` there
    _by_rule("langfuse", *_CACHE, generation="model", span="chain"),
    _by_rule("openlit", *_CONTENT, "kind", "session", "reasoning", "first_chunk"),
    # its documentation, and that of Logfire, has no word on cached tokens
    _by_rule(
        "langsmith",
        *_CONTENT,
        *_CACHE,
        "reasoning",
        "cost",
        "first_chunk",
        llm="model",
    ),
    _by_rule(
        "jaeger", *_CONTENT, "kind", "total_tokens", "reasoning", "cost", "session", "first_chunk"
    ),
    _by_rule(
        "logfire",
        *_CONTENT,
        *_CACHE,
        "kind",
        "total_tokens",
        "reasoning",
        "session",
        "first_chunk",
    ),
    _by_rule("signoz", *_CONTENT, "kind", "total_tokens", "reasoning", "cost", "session"),
)
