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
    share,
)

MODEL, KIND = "gen_ai_request_model", "gen_ai_token_type"
FAILED = DURATION.only('error_type!=""')

PANELS = (
    Panel("Calls a second", [(DURATION.count("job"), "{{job}}")], "reqps", number=True, width=6),
    Panel("Errors", [(share(FAILED.count("job"), DURATION.count("job")), "{{job}}")], "percentunit", number=True,
          width=6),
    Panel("Tokens a second", [(TOKENS.rate("job"), "{{job}}")], number=True, width=6),
    Panel("USD an hour", [(f"3600 * {COST.rate('job')}", "{{job}}")], "currencyUSD", number=True, width=6),
    Panel("Calls by model", [(DURATION.count(MODEL), "{{gen_ai_request_model}}")], "reqps", stacked=True),
    Panel("Calls by how they ended", [(ENDED.rate("callspan_outcome"), "{{callspan_outcome}}")], "reqps",
          "Abandoned: the program stopped reading. That is no error.", stacked=True),
    Panel("Errors by kind", [(FAILED.count("error_type"), "{{error_type}}")], "reqps", stacked=True),
    Panel("Tokens by model and kind", [(TOKENS.rate(MODEL, KIND), "{{gen_ai_request_model}} {{gen_ai_token_type}}")],
          meaning="A second. Input includes what came from a cache, output includes reasoning.", stacked=True),
    Panel("Cost by model", [(f"3600 * {COST.rate(MODEL)}", "{{gen_ai_request_model}}")], "currencyUSD",
          "USD an hour, where prices are switched on.", stacked=True),
    Panel("Input from the cache", [(share(CACHED.rate(MODEL), INPUT.rate(MODEL)), "{{gen_ai_request_model}}")],
          "percentunit"),
    Panel("Duration", [(DURATION.quantile(of), f"p{of * 100:g}") for of in (0.5, 0.95, 0.99)], "s", exemplars=True,
          meaning="A point marked by a diamond is one call: it leads to its trace."),
    Panel("Time to the first chunk", [(FIRST_CHUNK.quantile(of), f"p{of * 100:g}") for of in (0.5, 0.95, 0.99)], "s",
          "Of streamed answers.", exemplars=True),
    Panel("Output rate", [(f"{OUTPUT.rate(MODEL)} / ({DURATION.sum(MODEL)} > 0)", "{{gen_ai_request_model}}")],
          meaning="Tokens of answers for each second of waiting."),
    Panel("Calls in flight", [(f"sum by (job) ({IN_FLIGHT}{{{SELECTED}}})", "{{job}}")]),
    Panel("Retries", [(RETRIED.rate("job"), "{{job}}")], "reqps", "Attempts that a client gave up to try again."),
    Panel("Estimated tokens", [(share(ESTIMATED.rate("job"), TOKENS.rate("job")), "{{job}}")], "percentunit",
          "The share that was counted here, as the provider did not say."),
    Panel("Stopped by a budget", [(BUDGET_STOPS.rate("job"), "{{job}}")], "reqps"),
)  # fmt: skip


def dashboard() -> Any:
    """The dashboard."""
    return made("callspan-overview", "Model calls: overview", PANELS, services())
