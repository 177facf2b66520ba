"""Objects that a notebook shows at the end of a cell have one short line."""

from __future__ import annotations

from typing import Any

import openai

import callspan
from telemetry import Telemetry

MESSAGES: list[Any] = [{"role": "user", "content": "Hello"}]


def test_counts_have_a_short_line(client: openai.OpenAI, telemetry: Telemetry) -> None:
    with callspan.count_tokens() as count:
        client.chat.completions.create(model="gpt-4.1-mini", messages=MESSAGES)
    assert repr(count) == "<TokenCount: 1 call, 2 input and 12 output tokens>"
    assert repr(count.by_model) == (
        "{'gpt-4.1-mini': <Totals: 1 call, 2 input and 12 output tokens>}"
    )


def test_estimates_are_marked() -> None:
    count = callspan.TokenCount()
    # added directly: a repr does not wait for the thread that counts
    count.take_estimate(callspan.Usage(input=3, output=4), callspan.Usage())
    assert repr(count) == "<TokenCount: 0 calls, ~3 input and ~4 output tokens>"


def test_the_status_has_a_short_line(telemetry: Telemetry) -> None:
    status = callspan.status()
    line = repr(status)
    assert line.startswith("<Status: instrumented; loaded: openai")
    assert line.endswith(f"problems: {len(status.problems)}>")
    callspan.uninstrument()
    assert repr(callspan.status()).startswith("<Status: not instrumented; ")
