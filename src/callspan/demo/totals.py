"""Counting on both sides: what the model server handed out, and what callspan recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callspan.semconv import names
from callspan.testing.modelserver import Ledger

_ERROR = 2  # the OTLP status code


@dataclass(frozen=True)
class Totals:
    """Answered calls and their tokens; `unknown` are answers of which the server never told the tokens."""

    calls: int = 0
    input: int = 0
    output: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        told = f"{self.calls} calls, {self.input} input, {self.output} output tokens"
        return f"{told}, {self.unknown} without a count" if self.unknown else told


def handed_out(ledger: Ledger) -> Totals:
    """What the server has told its clients."""
    told, made = ledger.total_told, ledger.total_generated
    return Totals(told.calls, told.input, told.output, made.calls - told.calls)


def recorded(file: Path) -> Totals:
    """What stands in a file of OTLP JSON lines."""
    if not file.exists():
        return Totals()
    spans = [
        _attributes(span) for span in _model_calls(file.read_text(encoding="utf-8").splitlines())
    ]
    told = [span for span in spans if names.INPUT_TOKENS in span]
    return Totals(
        calls=len(told),
        input=sum(span[names.INPUT_TOKENS] for span in told),
        output=sum(span.get(names.OUTPUT_TOKENS, 0) for span in told),
        unknown=len(spans) - len(told),
    )


def _model_calls(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The spans of ours that did not fail."""
    for line in lines:
        for resource in json.loads(line).get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                if scope.get("scope", {}).get("name") == names.SCOPE:
                    yield from (
                        span
                        for span in scope["spans"]
                        if span.get("status", {}).get("code") != _ERROR
                    )


def _attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {entry["key"]: _value(entry["value"]) for entry in span.get("attributes", ())}


def _value(value: dict[str, Any]) -> Any:
    # JSON has no 64-bit integers, so OTLP writes them as text.
    return int(value["intValue"]) if "intValue" in value else next(iter(value.values()), None)
