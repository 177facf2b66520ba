"""The table of all metrics in the page of back ends: names in Prometheus, and a query for each."""

from __future__ import annotations

from pathlib import Path

from tests.documents.telemetry import metrics

from callspan.semconv.conventions import COUNTER, HISTOGRAM, Metric

PAGE = Path(__file__).parents[2] / "docs" / "backends.md"
_START, _END = "<!-- metrics -->\n", "<!-- /metrics -->"
_LABELS = {
    "callspan.budget.stops": "callspan_budget_stop_name",
    "callspan.client.calls": "callspan_outcome",
    "callspan.client.cost.unknown": "callspan_cost_unknown",
    "callspan.client.modality_tokens": "callspan_token_modality",
    "callspan.estimated.tokens": "callspan_usage_source",
    "gen_ai.client.token.usage": "gen_ai_token_type",
    "gen_ai.execute_tool.duration": "gen_ai_tool_name",
    "gen_ai.invoke_agent.duration": "gen_ai_agent_name",
    "gen_ai.invoke_agent.inference_calls": "gen_ai_agent_name",
    "gen_ai.invoke_agent.tool_calls": "gen_ai_agent_name",
    "gen_ai.invoke_workflow.duration": "gen_ai_workflow_name",
    "mcp.client.operation.duration": "mcp_method_name",
    "mcp.server.operation.duration": "mcp_method_name",
    "mcp.client.session.duration": "server_address",
    "mcp.server.session.duration": "network_protocol_name",
}
"""The label by which a metric is looked at, where that is not the model."""
_SUMS = ("gen_ai.client.token.usage",)
"""Histograms whose sums are what people ask for."""


def prometheus_name(metric: Metric) -> str:
    """Return a metric's name in Prometheus, without the `_sum`, `_count`, `_bucket` of a histogram."""
    name = metric.name.replace(".", "_")
    # words in braces are no unit there
    units = {"s": "_seconds", "{token}/s": "_per_second"}
    name += units.get(metric.unit, "")
    return f"{name}_total" if metric.kind == COUNTER else name


def query(metric: Metric) -> str:
    """Return PromQL for a metric: a rate, the 95th percentile, or the sum now."""
    name = prometheus_name(metric)
    label = _LABELS.get(metric.name, "gen_ai_request_model")
    if metric.kind == COUNTER:
        return f"sum by ({label}) (rate({name}[5m]))"
    if metric.kind != HISTOGRAM:
        return f"sum by ({label}) ({name})"
    if metric.name in _SUMS:
        return f"sum by ({label}) (rate({name}_sum[5m]))"
    return f"histogram_quantile(0.95, sum by (le, {label}) (rate({name}_bucket[5m])))"


def backends_page() -> str:
    """Return the page of back ends with the table of metrics printed again."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_START)
    after = rest.partition(_END)[2]
    rows = ["| recorded | query |", "| --- | --- |"]
    for name, metric in sorted(metrics().items()):
        rows.append(f"| `{name}` | `{query(metric)}` |")
    table = "\n".join(rows)
    return f"{before}{_START}{table}\n{_END}{after}"
