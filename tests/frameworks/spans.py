"""The spans that a program has written to files, as a tree of lines and as sums of tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from callspan.testing.modelserver import Counts

_INPUT, _OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"


@dataclass(frozen=True)
class Span:
    """One span of a file."""

    name: str
    id: str
    parent: str
    attributes: dict[str, Any]
    start: int

    @property
    def outcome(self) -> str:
        """How it ended; empty for a span that is not ours."""
        return self.attributes.get("callspan.outcome", "")

    @property
    def has_usage(self) -> bool:
        """Whether it has the token counts that the server has stated."""
        return _INPUT in self.attributes or _OUTPUT in self.attributes

    @property
    def is_cut_short(self) -> bool:
        """Whether it calls a model, and its answer has not been read to its end."""
        return "gen_ai.request.model" in self.attributes and self.outcome != "completed"


def read_spans(*files: Path) -> list[Span]:
    """Return the spans of a program and its children, files in OTLP's JSON, by their starts."""
    spans: list[Span] = []
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line).get("resourceSpans", ()):
                for scope in resource["scopeSpans"]:
                    spans += map(_span, scope["spans"])
    return sorted(spans, key=lambda span: span.start)


def _span(data: dict[str, Any]) -> Span:
    attributes: dict[str, Any] = {}
    for attribute in data.get("attributes", ()):
        # one key, which names the type
        (value,) = attribute["value"].values() or (None,)
        attributes[attribute["key"]] = value
    return Span(
        data["name"],
        data["spanId"],
        data.get("parentSpanId", ""),
        attributes,
        int(data["startTimeUnixNano"]),
    )


def draw_tree(spans: Sequence[Span]) -> str:
    """Return a line for each span, with its name and outcome, indented below its parent."""
    ids = {span.id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        parent = span.parent if span.parent in ids else ""
        children.setdefault(parent, []).append(span)
    lines: list[str] = []
    _add_lines(lines, children, "", 0)
    return "".join(f"{line}\n" for line in lines)


def _add_lines(lines: list[str], children: dict[str, list[Span]], parent: str, depth: int) -> None:
    for span in _in_order(children.get(parent, ())):
        lines.append(f"{'  ' * depth}{span.name} ({span.outcome})")
        _add_lines(lines, children, span.id, depth + 1)


def _in_order(spans: Iterable[Span]) -> list[Span]:
    """Return siblings by their starts, but tools between two other spans by their names.

    Those that a model asks for at once may run in threads, which begin in any order.
    """
    ordered: list[Span] = []
    for is_tool, group in groupby(spans, _is_tool):
        if is_tool:
            ordered += sorted(group, key=lambda span: span.name)
        else:
            ordered += group
    return ordered


def _is_tool(span: Span) -> bool:
    return span.name.startswith("execute_tool")


def compare_usage(spans: Iterable[Span], book: Counts) -> str:
    """Return how the tokens of the spans differ from the server's book; empty if they do not.

    The server may have sent the usage of a stream which the program has left before.
    """
    spans = list(spans)
    calls = [span for span in spans if span.has_usage]
    tokens = (_sum(calls, _INPUT), _sum(calls, _OUTPUT))
    missing = book.calls - len(calls)
    if missing == 0 and tokens == (book.input, book.output):
        return ""
    cut_short = sum(span.is_cut_short for span in spans)
    if 0 < missing <= cut_short and tokens <= (book.input, book.output):
        return ""
    return (
        f"{len(calls)} calls with {tokens[0]} → {tokens[1]} tokens on spans, "
        f"{book.calls} with {book.input} → {book.output} in the server's book"
    )


def _sum(spans: Iterable[Span], name: str) -> int:
    return sum(int(span.attributes.get(name, 0)) for span in spans)
