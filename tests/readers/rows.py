"""The readers that are tried: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
        kinds: Our word for a kind, by the reader's.
        blank: The facts that the reader has no place for, or works out by itself.
    """

    name: str
    requirements: tuple[str, ...]
    program: str
    kinds: Mapping[str, str]
    blank: frozenset[str] = frozenset()


ROWS = (
    # it works costs out by itself, from its own list of prices
    Row(
        "phoenix",
        ("arize-phoenix==20.26.1",),
        "phoenix_spans.py",
        _OPENINFERENCE,
        frozenset({"cost", "first_chunk"}),
    ),
    # the name of a tool is the span's there
    Row(
        "mlflow",
        ("mlflow-skinny==3.17.2",),
        "mlflow_spans.py",
        {**_OPENINFERENCE, "CHAT_MODEL": "model", "WORKFLOW": "chain"},
        frozenset({"messages", "tool", "reasoning", "first_chunk"}),
    ),
)
