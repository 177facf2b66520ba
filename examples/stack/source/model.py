"""The second dashboard: one service and its models in depth."""

from __future__ import annotations

from typing import Any

from panels import Panel, made, models, services
from series import (
    CACHED,
    DURATION,
    ENDED,
    FIRST_CHUNK,
    INPUT,
    OUTPUT,
    REASONING,
    SPANS,
    TOKENS,
    share,
)

CHOSEN = 'gen_ai_request_model=~"$model"'
MODEL, OPERATION = "gen_ai_request_model", "gen_ai_operation_name"
CALLS, CHUNK, READ, WRITTEN = (
    series.only(CHOSEN) for series in (DURATION, FIRST_CHUNK, INPUT, OUTPUT)
)
QUANTILES = (0.5, 0.9, 0.95, 0.99)
NO_CALLS = "no calls"

PANELS = (
    Panel("Duration", [(CALLS.quantile(of), f"p{of * 100:g}") for of in QUANTILES],
          "Failed calls too. A point marked by a diamond is one call: it leads to its trace.", NO_CALLS, "s", 12,
          exemplars=True),
    Panel("Time to the first chunk", [(CHUNK.quantile(of), f"p{of * 100:g}") for of in QUANTILES],
          "Of streamed answers. A diamond leads to a trace.", "no streams", "s", 12, exemplars=True),
    Panel("Duration by model, p95", [(CALLS.quantile(0.95, MODEL), "{{gen_ai_request_model}}")],
          "One call in twenty takes longer.", NO_CALLS, "s", exemplars=True),
    Panel("Duration by operation, p95", [(CALLS.quantile(0.95, OPERATION), "{{gen_ai_operation_name}}")],
          "One call in twenty takes longer.", NO_CALLS, "s"),
    Panel("Duration by server, p95", [(CALLS.quantile(0.95, "server_address"), "{{server_address}}")],
          "The same model may be served from more than one place.", NO_CALLS, "s"),
    Panel("Calls by operation", [(CALLS.count(OPERATION, MODEL), "{{gen_ai_operation_name}} {{gen_ai_request_model}}")],
          "A second; failed ones too.", NO_CALLS, "reqps", stacked=True),
    Panel("Errors by kind and model", [(CALLS.only('error_type!=""').count("error_type", MODEL),
          "{{error_type}} {{gen_ai_request_model}}")],
          "A second, by the provider's code or the exception.", "no errors", "reqps", stacked=True),
    Panel("How calls ended", [(ENDED.only(CHOSEN).rate("callspan_outcome"), "{{callspan_outcome}}")],
          "Abandoned: the program stopped reading. That is no error.", NO_CALLS, "reqps", stacked=True),
    Panel("Tokens of one call", [(share(READ.rate(), CALLS.count()), "input"),
          (share(WRITTEN.rate(), CALLS.count()), "output")],
          "On average, failed calls counted as calls without tokens.", NO_CALLS),
    Panel("Tokens by the model that answered", [(TOKENS.only(CHOSEN).rate("gen_ai_response_model", "gen_ai_token_type"),
          "{{gen_ai_response_model}} {{gen_ai_token_type}}")],
          "A second.", "no tokens", stacked=True),
    Panel("Cached and reasoning", [(share(CACHED.only(CHOSEN).rate(), READ.rate()), "cached, of the input"),
          (share(REASONING.only(CHOSEN).rate(), WRITTEN.rate()), "reasoning, of the output")],
          "Shares of the tokens.", "no tokens", "percentunit"),
    Panel("Spans of the service", [(SPANS.rate("span_name"), "{{span_name}}")],
          "The app's own among them. A line without a name is all that is beyond the collector's limit.", "no spans",
          "reqps", 24),
)  # fmt: skip


def dashboard() -> Any:
    """The dashboard."""
    return made(
        "callspan-model", "Model calls: one service", PANELS, services(several=False), models()
    )
