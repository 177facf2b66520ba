"""What a reader should show of a span, and whether it does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.frameworks.spans import Span

View = dict[str, Any]
"""What a reader shows of one span, by the names of `FACTS`, and the `id` of the span."""
KINDS: dict[str, tuple[str, ...]] = {
    "chat": ("model",),
    "text_completion": ("model",),
    "generate_content": ("model",),
    "embeddings": ("embedding",),
    "execute_tool": ("tool",),
    # LangSmith has chains alone
    "invoke_agent": ("agent", "chain"),
    "invoke_workflow": ("chain",),
    # not all readers have words for these two
    "rerank": ("reranker", "retriever"),
    "moderation": ("guardrail", "chain"),
    "retrieval": ("retriever",),
    "run_node": ("chain",),
    "fetch_batch": ("chain",),
    "fetch_response": ("chain",),
}
"""The kinds of which a span may be shown, by its operation."""
_CACHE_WRITES = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
)
_INPUT, _OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"


@dataclass(frozen=True)
class Fact:
    """One thing that a reader may show.

    Attributes:
        name: Its name in a view.
        title: Its name in the table.
        expect: Returns what should be shown of a span; `None` where there is nothing to show.
        agrees: Whether what is shown is what was expected.
    """

    name: str
    title: str
    expect: Callable[[Span], Any]
    agrees: Callable[[Any, Any], bool]


def _same(shown: Any, expected: Any) -> bool:
    return shown == expected


def _says(shown: Any, expected: Any) -> bool:
    return shown is not None and expected in str(shown)


def _is_near(shown: Any, expected: Any) -> bool:
    return shown is not None and abs(float(shown) - expected) < 1e-9


def _is_one_of(shown: Any, expected: Any) -> bool:
    return shown in expected


def _is_shown(shown: Any, expected: Any) -> bool:
    """Whether anything is shown: readers have words of their own for some providers."""
    return bool(shown and expected)


def operation(span: Span) -> str:
    """Return the operation of a span; that of a node is in its name alone."""
    return span.attributes.get("gen_ai.operation.name") or span.name.partition(" ")[0]


def _attribute(*names: str) -> Callable[[Span], Any]:
    return lambda span: next(
        (span.attributes[name] for name in names if name in span.attributes), None
    )


def _number(*names: str) -> Callable[[Span], Any]:
    read = _attribute(*names)

    def number(span: Span) -> int | None:
        value = read(span)
        # 64-bit integers are texts in OTLP's JSON
        return None if value is None else int(value)

    return number


def _total(span: Span) -> int | None:
    if _INPUT not in span.attributes and _OUTPUT not in span.attributes:
        return None
    return int(span.attributes.get(_INPUT, 0)) + int(span.attributes.get(_OUTPUT, 0))


def _last_text(name: str, other: str) -> Callable[[Span], str | None]:
    """Return the beginning of what was said last, in words that no encoding changes."""

    def text(span: Span) -> str | None:
        messages = json.loads(span.attributes.get(name, "[]"))
        if messages:
            parts = [part for part in messages[-1]["parts"] if "content" in part]
            return _plain_words(parts[-1]["content"]) if parts else None
        return _plain_words(span.attributes.get(other, ""))

    return text


def _plain_words(text: str) -> str | None:
    words = re.findall(r"[A-Za-z ,.?]{3,30}", text)
    return words[0] if words else None


def _first_chunk(span: Span) -> float | None:
    seconds = span.attributes.get("gen_ai.response.time_to_first_chunk")
    return None if seconds is None else float(seconds)


def _shows_moment(shown: Any, expected: float) -> bool:
    """Whether seconds are shown, within what a millisecond hides."""
    return shown is not None and abs(float(shown) - expected) < 0.002


def seconds_after(start_ns: int, moment: str) -> float:
    """Return the seconds from a start to a moment in ISO 8601."""
    end = datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
    return end - start_ns / 1e9


FACTS = (
    Fact("kind", "kind", lambda span: KINDS[operation(span)], _is_one_of),
    Fact(
        "input", "input", _last_text("gen_ai.input.messages", "gen_ai.tool.call.arguments"), _says
    ),
    Fact(
        "output", "output", _last_text("gen_ai.output.messages", "gen_ai.tool.call.result"), _says
    ),
    # beside a short text, the messages as they were
    Fact("messages", "messages", _last_text("gen_ai.output.messages", ""), _says),
    Fact("input_tokens", "input tokens", _number(_INPUT), _same),
    Fact("output_tokens", "output tokens", _number(_OUTPUT), _same),
    Fact("total_tokens", "total", _total, _same),
    Fact("cache_read", "cache read", _number("gen_ai.usage.cache_read.input_tokens"), _same),
    Fact("cache_write", "cache written", _number(*_CACHE_WRITES), _same),
    Fact("reasoning", "reasoning", _number("gen_ai.usage.reasoning.output_tokens"), _same),
    Fact("cost", "cost", _attribute("callspan.cost.usd"), _is_near),
    Fact("session", "session", _attribute("session.id", "gen_ai.conversation.id"), _same),
    Fact("user", "user", _attribute("user.id"), _same),
    Fact("tool", "tool", _attribute("gen_ai.tool.name"), _same),
    Fact("provider", "provider", _attribute("gen_ai.provider.name"), _is_shown),
    Fact("first_chunk", "first chunk", _first_chunk, _shows_moment),
)
"""All that is asked of a reader."""


@dataclass
class Score:
    """How many spans of those that have a fact are shown with it, and the first that is not.

    Attributes:
        right: The spans that are shown right.
        spans: The spans that have the fact.
        miss: The name of the first span that is shown wrong, with what is shown.
    """

    right: int = 0
    spans: int = 0
    miss: str = ""


def score(spans: Iterable[Span], views: Mapping[str, View], fact: Fact) -> Score:
    """Return how well a fact is shown of some spans."""
    result = Score()
    for span in spans:
        expected = fact.expect(span)
        if expected is None:
            continue
        result.spans += 1
        shown = views[span.id].get(fact.name)
        if fact.agrees(shown, expected):
            result.right += 1
        elif not result.miss:
            result.miss = f"{span.name}: {str(shown)[:60]} for {str(expected)[:60]}"
    return result


def sum_of_tokens(spans: Iterable[Span]) -> int:
    """Return the tokens of all spans, each counted once, where it was used."""
    return sum(_total(span) or 0 for span in spans)
