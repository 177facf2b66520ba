"""Tokens counted on both sides: handed out by the model server, and recorded by callspan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callspan.semconv import names
from callspan.testing.modelserver import Ledger

_ERROR = 2  # the OTLP status code

_Json = dict[str, Any]


@dataclass(frozen=True)
class Totals:
    """Calls with token counts, and the sums of these.

    `unknown` is the number of answered calls whose counts the server did not send, as in a stream
    that is left before its end.
    """

    calls: int = 0
    input: int = 0
    output: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        text = f"{self.calls} calls, {self.input} input, {self.output} output tokens"
        if self.unknown:
            text += f", {self.unknown} without a count"
        return text


def server_totals(ledger: Ledger) -> Totals:
    """Return the tokens that the server has sent to its clients."""
    sent = ledger.total_told
    # Answers whose counts the server made and never sent, as their streams were left.
    unknown = ledger.total_generated.calls - sent.calls
    return Totals(sent.calls, sent.input, sent.output, unknown)


def read_totals(file: Path) -> Totals:
    """Return the tokens that stand in a file of OTLP JSON lines."""
    if not file.exists():
        return Totals()
    calls = input_tokens = output_tokens = unknown = 0
    for span in _answered_calls(file.read_text(encoding="utf-8").splitlines()):
        attributes = _attributes(span)
        if names.INPUT_TOKENS in attributes:
            calls += 1
            input_tokens += attributes[names.INPUT_TOKENS]
            output_tokens += attributes.get(names.OUTPUT_TOKENS, 0)
        else:
            unknown += 1
    return Totals(calls, input_tokens, output_tokens, unknown)


def _answered_calls(lines: Iterable[str]) -> Iterator[_Json]:
    """Yield the spans of callspan that did not fail."""
    for line in lines:
        for resource in json.loads(line).get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                if scope.get("scope", {}).get("name") == names.SCOPE:
                    yield from filter(_is_answered, scope["spans"])


def _is_answered(span: _Json) -> bool:
    return span.get("status", {}).get("code") != _ERROR


def _attributes(span: _Json) -> _Json:
    return {entry["key"]: _value(entry["value"]) for entry in span.get("attributes", ())}


def _value(value: _Json) -> Any:
    # JSON has no 64-bit integers, so OTLP writes them as text.
    if "intValue" in value:
        return int(value["intValue"])
    return next(iter(value.values()), None)
