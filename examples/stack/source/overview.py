"""The first dashboard: all services and models at a glance."""

from __future__ import annotations

from typing import Any

from panels import Panel, made, services
from series import (
    BUDGET_STOPS,
    CACHED,
    COST,
    DURATION,
    ENDED,
    ESTIMATED,
    FIRST_CHUNK,
    IN_FLIGHT,
    INPUT,
    OUTPUT,
    RETRIED,
    SELECTED,
    TOKENS,
    at_least_zero,
    share,
    total,
)

MODEL, KIND = "gen_ai_request_model", "gen_ai_token_type"
BY_JOB, BY_MODEL = "{{job}}", "{{gen_ai_request_model}}"
FAILED = DURATION.only('error_type!=""')
CALLS_OF_JOB = DURATION.count("job")
ESTIMATED_OF_JOB, STATED_OF_JOB = ESTIMATED.rate("job"), TOKENS.rate("job")
NO_CALLS, NO_PRICES = "no calls", "no prices"
ERROR_LEVELS = ((None, "green"), (0.01, "orange"), (0.05, "red"))
"""The alert of the rules is at 5 %."""

PANELS = (
    Panel("Calls a second", [(CALLS_OF_JOB, BY_JOB)],
          "Requests to models, failed ones too.", NO_CALLS, "reqps", number=True, width=6),
    Panel("Errors", [(share(FAILED.count("job"), CALLS_OF_JOB), BY_JOB)],
          "The share of calls that failed: orange from 1 %, red from 5 %.", NO_CALLS,
          "percentunit", number=True, width=6, levels=ERROR_LEVELS),
    Panel("Tokens a second", [(at_least_zero(STATED_OF_JOB, CALLS_OF_JOB), BY_JOB)],
          "Input and output, as providers state them. 0 where all calls fail.", NO_CALLS, number=True, width=6),
    Panel("USD an hour", [(f"3600 * {COST.rate('job')}", BY_JOB)],
          "What the calls of an hour would cost at this rate, where prices are switched on.", NO_PRICES,
          "currencyUSD", number=True, width=6),
    Panel("Calls by model", [(DURATION.count(MODEL), BY_MODEL)],
          "A second; failed ones too.", NO_CALLS, "reqps", stacked=True),
    Panel("Calls by how they ended", [(ENDED.rate("callspan_outcome"), "{{callspan_outcome}}")],
          "Abandoned: the program stopped reading. That is no error.", NO_CALLS, "reqps", stacked=True),
    Panel("Errors by kind", [(FAILED.count("error_type"), "{{error_type}}")],
          "A second, by the provider's code or the exception.", "no errors", "reqps", stacked=True),
    Panel("Tokens by model and kind", [(TOKENS.rate(MODEL, KIND), "{{gen_ai_request_model}} {{gen_ai_token_type}}")],
          "A second. Input includes what came from a cache, output includes reasoning.", "no tokens", stacked=True),
    Panel("Cost by model", [(f"3600 * {COST.rate(MODEL)}", BY_MODEL)],
          "USD an hour, where prices are switched on.", NO_PRICES, "currencyUSD", stacked=True),
    Panel("Input from the cache", [(share(CACHED.rate(MODEL), INPUT.rate(MODEL)), BY_MODEL)],
          "The share of input tokens that the provider read from its cache.", "no tokens", "percentunit"),
    Panel("Duration", [(DURATION.quantile(of), f"p{of * 100:g}") for of in (0.5, 0.95, 0.99)],
          "Failed calls too. A point marked by a diamond is one call: it leads to its trace.", NO_CALLS, "s",
          exemplars=True),
    Panel("Time to the first chunk", [(FIRST_CHUNK.quantile(of), f"p{of * 100:g}") for of in (0.5, 0.95, 0.99)],
          "Of streamed answers.", "no streams", "s", exemplars=True),
    Panel("Output rate", [(share(OUTPUT.rate(MODEL), DURATION.sum(MODEL)), BY_MODEL)],
          "Tokens of answers for each second of waiting. 0 where all calls fail.", NO_CALLS),
    Panel("Calls in flight", [(f"sum by (job) ({IN_FLIGHT}{{{SELECTED}}})", BY_JOB)],
          "Calls that have begun and not ended. Those of a killed program stay for three to five minutes.", NO_CALLS),
    Panel("Retries", [(at_least_zero(RETRIED.rate("job"), CALLS_OF_JOB), BY_JOB)],
          "Attempts a second that a client gave up to try again.", NO_CALLS, "reqps"),
    Panel("Estimated tokens", [(share(ESTIMATED_OF_JOB, total(ESTIMATED_OF_JOB, STATED_OF_JOB)), BY_JOB)],
          "The share of all tokens that was counted here, as the provider did not say.", "no tokens", "percentunit"),
    Panel("Stopped by a budget", [(at_least_zero(BUDGET_STOPS.rate("job"), CALLS_OF_JOB), BY_JOB)],
          "Calls and streams a second that a budget did not let go on.", NO_CALLS, "reqps"),
)  # fmt: skip


def dashboard() -> Any:
    """The dashboard."""
    return made("callspan-overview", "Model calls: overview", PANELS, services())
