"""One span for each real call of a model, whoever makes it and however (what the server has counted decides)."""

from __future__ import annotations

import pytest

import callspan
from callspan.testing.modelserver import ModelServer
from frameworks.langchain.adoption_cases import CASES
from frameworks.langchain.shape import calls
from telemetry import Telemetry

_AGAIN = ("client_retries",)
"""Programs in which the client itself sends a request more than once, within one call."""
_HALF_READ = ("left_early", "left_early_async")


@pytest.mark.parametrize("name", CASES)
def test_each_call_counts_once(telemetry: Telemetry, model_server: ModelServer, name: str) -> None:
    """Spans, metrics and counters know exactly the calls and tokens that the server knows."""
    program, by_framework = CASES[name]
    with callspan.count_tokens() as count:
        program(model_server)
    spans, asked = calls(telemetry), len(model_server.requests) - (name in _AGAIN)
    assert len(spans) == asked
    assert (
        sum("callspan.framework.name" in (span.attributes or {}) for span in spans) == by_framework
    )
    assert all(span.attributes["server.address"] == "127.0.0.1" for span in spans)
    total = model_server.ledger.total_told
    if name not in _HALF_READ:
        assert telemetry.tokens == (
            {"input": total.input, "output": total.output} if total.calls else {}
        )
        if name != "many_threads":  # bare threads do not carry the counter
            assert (count.calls, count.input, count.output) == (asked, total.input, total.output)
    sums = [
        sum(span.attributes.get(f"gen_ai.usage.{kind}_tokens", 0) for span in spans)
        for kind in ("input", "output")
    ]
    assert sums == [telemetry.tokens.get("input", 0), telemetry.tokens.get("output", 0)]
