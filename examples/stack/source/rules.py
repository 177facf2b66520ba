"""Rules for Prometheus: what dashboards of long times read, and what somebody should be woken for."""

from __future__ import annotations

from typing import Any

import yaml
from series import BUDGET_STOPS, COST, DURATION, FIRST_CHUNK, TOKENS, share

BY = ("job", "gen_ai_request_model")
CALLS, FAILED = DURATION.over("5m"), DURATION.over("5m", 'error_type!=""')

HEADER = """\
# Made by examples/stack/source; change it there.
#
# Thresholds are a start: an error rate of 5 %, 5 s to the first chunk, three times yesterday's cost.
"""


def text() -> str:
    """The file."""
    groups = [
        {"name": "callspan-records", "rules": _records()},
        {"name": "callspan-alerts", "rules": _alerts()},
    ]
    return HEADER + yaml.safe_dump({"groups": groups}, sort_keys=False, width=118)


def _records() -> list[dict[str, Any]]:
    found = {
        "job_model:callspan_calls:rate5m": CALLS.count(*BY),
        "job_model:callspan_errors:ratio5m": share(FAILED.count(*BY), CALLS.count(*BY)),
        "job_model_type:callspan_tokens:rate5m": TOKENS.over("5m").rate(*BY, "gen_ai_token_type"),
        "job_model:callspan_duration_seconds:p95_5m": CALLS.quantile(0.95, *BY),
        "job_model:callspan_first_chunk_seconds:p95_5m": FIRST_CHUNK.over("5m").quantile(0.95, *BY),
        "job:callspan_cost_usd:rate1h": COST.over("1h").rate("job"),
        "job:callspan_cost_usd:rate1d": COST.over("1d").rate("job"),
    }
    return [{"record": name, "expr": expression} for name, expression in found.items()]


def _alerts() -> list[dict[str, Any]]:
    model = "{{ $labels.gen_ai_request_model }} in {{ $labels.job }}"
    return [
        _alert("ModelCallsFail", "job_model:callspan_errors:ratio5m > 0.05 and job_model:callspan_calls:rate5m > 0.02",
               "10m", "page", f"{model}: {{{{ $value | humanizePercentage }}}} of calls fail"),
        _alert("ModelAnswersSlowly", "job_model:callspan_first_chunk_seconds:p95_5m > 5", "10m", "ticket",
               f"{model}: first chunk after {{{{ $value | humanizeDuration }}}} (p95)"),
        _alert("ModelCostBurns",
               "job:callspan_cost_usd:rate1h > 3 * (job:callspan_cost_usd:rate1d offset 1h)"
               " and job:callspan_cost_usd:rate1h * 3600 > 1",
               "15m", "page", "{{ $labels.job }} spends {{ $value }} USD a second, three times the day before"),
        _alert("BudgetStops", f"{BUDGET_STOPS.over('15m').rate('job')} > 0", "0m", "ticket",
               "{{ $labels.job }}: calls are stopped by a budget"),
    ]  # fmt: skip


def _alert(name: str, expression: str, lasting: str, severity: str, summary: str) -> dict[str, Any]:
    told = {"alert": name, "expr": expression, "for": lasting}
    return {**told, "labels": {"severity": severity}, "annotations": {"summary": summary}}
