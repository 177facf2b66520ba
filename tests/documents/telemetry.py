"""The page of attributes, events and metrics, from the registry of our own and the table of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from callspan.semconv import conventions
from callspan.semconv.conventions import CHOICES, LATEST, RELEASED, Convention, Metric

REGISTRY = Path(__file__).parents[2] / "src" / "callspan" / "semconv" / "registry.yaml"
_START = """\
# Attributes, metrics, events

The names are those of OpenTelemetry's [GenAI conventions](https://opentelemetry.io/docs/specs/semconv/gen-ai/), and
`callspan.*` for what these do not have. `semconv` (`CALLSPAN_SEMCONV`) chooses the text of the conventions: `released`
(default), `latest` or `both`. What is recorded when: [recorded data](recorded.md).
"""
_ATTRIBUTES = """\
## Attributes

Those of our own, and those outside of the conventions' registry that callspan uses. `gen_ai.*`, `openai.*` and `mcp.*`
are defined by the conventions. A template such as `http.response.header` stands for the names that begin with it.
"""
_METRICS = """\
## Metrics

Duration, tokens and first chunks are always recorded. `callspan.client.*` of calls, retries and rates need
`extra_metrics`, which `callspan run` sets in part; costs need `cost=True`, chunks `chunk_metrics=True`, estimates
`estimate="missing"`.
[Back ends](../backends.md) has each in a query.
"""
_SPAN_EVENTS = "## Span events\n"
_LOG_EVENTS = """\
## Log events

| name | recorded |
| --- | --- |
| `gen_ai.client.inference.operation.details` | for each call with content in events (`capture="event"` or `"both"`) |
| `gen_ai.client.operation.exception` | for each exception, with its type; its text only where content is captured |
| `gen_ai.client.inference.exception` | the same in `latest`, for calls of chats and completions |
| `gen_ai.evaluation.result` | for each `callspan.evaluation()`; its explanation only where content is captured |
"""


@cache
def registry() -> dict[str, Any]:
    """Return our own registry."""
    return yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))


def metrics() -> dict[str, Metric]:
    """Return every metric that callspan may record, by name."""
    every = [
        *_of_version(RELEASED),
        *_of_version(LATEST),
        *conventions.EXTRA.values(),
        conventions.ESTIMATED,
        conventions.COST,
        conventions.COST_UNKNOWN,
        conventions.BUDGET_STOPS,
        *conventions.LOCAL,
        *conventions.MCP_DURATIONS.values(),
    ]
    return {metric.name: metric for metric in every}


def _of_version(version: Convention) -> Iterable[Metric]:
    fields = (getattr(version, name) for name in Convention.__slots__)
    return [value for value in fields if isinstance(value, Metric)]


def telemetry_page() -> str:
    """Return the page of all that is recorded, by name."""
    events = [
        (f"`{each['name']}`", _attributes(each), each["brief"])
        for each in registry()["span_events"]
    ]
    sections = [
        _START,
        _METRICS,
        _table(("name", "instrument", "unit", "conventions", "meaning"), _metric_rows()),
        _SPAN_EVENTS,
        _table(("name", "attributes", "meaning"), events),
        _LOG_EVENTS,
        _ATTRIBUTES,
        _table(("name", "type", "on", "meaning"), _attribute_rows()),
    ]
    return "\n".join(sections)


def _metric_rows() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, metric in sorted(metrics().items()):
        kind = metric.kind.replace("_", "-")
        rows.append((f"`{name}`", kind, f"`{metric.unit}`", _versions(name), metric.description))
    return rows


def _versions(name: str) -> str:
    """Return the version of the conventions that alone has a metric; nothing if all have it."""
    owners = [
        choice
        for choice, versions in CHOICES.items()
        if len(versions) == 1 and any(name == metric.name for metric in _of_version(versions[0]))
    ]
    return owners[0] if len(owners) == 1 else ""


def _attribute_rows() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in sorted(registry()["attributes"], key=lambda attribute: attribute["key"]):
        signals = ", ".join(each["signals"])
        rows.append((f"`{each['key']}`", _type(each["type"]), signals, _meaning(each)))
    return rows


def _type(kind: str | Mapping[str, Any]) -> str:
    return "string" if isinstance(kind, Mapping) else f"`{kind}`"


def _meaning(attribute: Mapping[str, Any]) -> str:
    kind = attribute["type"]
    if not isinstance(kind, Mapping):
        return attribute["brief"]
    values = " ".join(f"`{each['value']}`: {each['brief']}" for each in kind["members"])
    return f"{attribute['brief']} {values}"


def _attributes(event: Mapping[str, Any]) -> str:
    return ", ".join(f"`{each['ref']}`" for each in event.get("attributes", ()))


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = [*header]
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, ""])
