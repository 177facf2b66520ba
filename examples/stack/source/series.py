"""PromQL over what callspan records, whichever dialect of the conventions a service speaks.

Names are derived from the conventions themselves, as the collector's exporter and Prometheus's own receiver write them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from callspan.semconv.conventions import ACTIVE, CALLS, COUNTER, LATEST, RELEASED, RETRIES, Metric

GRAFANA = "$__rate_interval"
SELECTED = 'job=~"$service"'
"""What the variables of a dashboard choose."""


def name(metric: Metric) -> str:
    """A metric's name in Prometheus: words in braces are no unit there, counters are totals."""
    unit = "_seconds" if metric.unit == "s" else ""
    return metric.name.replace(".", "_") + unit + ("_total" if metric.kind == COUNTER else "")


@dataclass(frozen=True)
class Source:
    """A metric of one dialect: its name, what to select of it, and a label that it lacks (`key=value`)."""

    name: str
    where: str = ""
    label: str = ""

    def rate(self, by: str, suffix: str, where: str, window: str) -> str:
        """A second's worth by labels."""
        selected = ", ".join(part for part in (where, self.where) if part)
        found = f"sum by ({by}) (rate({self.name}{suffix}{{{selected}}}[{window}]))"
        if not self.label:
            return found
        key, value = self.label.split("=")
        return f'label_replace({found}, "{key}", "{value}", "", "")'


@dataclass(frozen=True)
class Series:
    """One quantity, under its names in the dialects."""

    sources: tuple[Source, ...]
    where: str = SELECTED
    window: str = GRAFANA

    def rate(self, *by: str, suffix: str = "") -> str:
        """A second's worth, by labels; what a service records in both dialects is counted once."""
        inner = ", ".join(dict.fromkeys(("job", "gen_ai_operation_name", *self._added, *by)))
        parts = [source.rate(inner, suffix, self.where, self.window) for source in self.sources]
        return f"sum by ({', '.join(by)}) ({' or '.join(parts)})"

    @property
    def _added(self) -> list[str]:
        """What tells two sources of one dialect apart, or one would stand for the other."""
        return [source.label.split("=")[0] for source in self.sources if source.label]

    def count(self, *by: str) -> str:
        """How many were recorded in a histogram, a second."""
        return self.rate(*by, suffix="_count")

    def sum(self, *by: str) -> str:
        """The sum of what was recorded in a histogram, a second."""
        return self.rate(*by, suffix="_sum")

    def quantile(self, of: float, *by: str) -> str:
        """A quantile of a histogram, by labels."""
        return f"histogram_quantile({of}, {self.rate('le', *by, suffix='_bucket')})"

    def only(self, where: str) -> Series:
        """The part that has these labels too."""
        return replace(self, where=", ".join(part for part in (self.where, where) if part))

    def over(self, window: str, where: str = "") -> Series:
        """The same outside of a dashboard."""
        return replace(self, window=window, where=where)


def share(part: str, whole: str) -> str:
    """A part of a whole, where there is a whole; 0 where there is no part."""
    return f"{at_least_zero(part, whole)} / ({whole} > 0)"


def total(one: str, other: str) -> str:
    """Return the sum of two quantities of which either may be missing."""
    return f"({one} + {other} or {one} or {other})"


def at_least_zero(part: str, whole: str) -> str:
    """Return a quantity, or 0 where there is none of it but there is a whole."""
    return f"({part} or 0 * {whole})"


def _named(*metrics: Metric | None) -> Series:
    found = dict.fromkeys(name(metric) for metric in metrics if metric)
    return Series(tuple(Source(text) for text in found))


def _tokens(kind: str) -> tuple[Source, Source]:
    newest = LATEST.input_tokens if kind == "input" else LATEST.output_tokens
    assert newest is not None
    assert RELEASED.token_usage is not None
    label = f"gen_ai_token_type={kind}"
    return Source(f"{name(RELEASED.token_usage)}_sum", f'gen_ai_token_type="{kind}"'), Source(
        name(newest), label=label
    )


INPUT, OUTPUT = Series(_tokens("input")), Series(_tokens("output"))
TOKENS = Series(INPUT.sources + OUTPUT.sources)
DURATION = _named(RELEASED.operation_duration, LATEST.inference_duration)
FIRST_CHUNK = _named(RELEASED.first_chunk, LATEST.first_chunk)
CACHED = _named(RELEASED.cache_read_tokens, LATEST.cache_read_tokens)
REASONING = _named(RELEASED.reasoning_tokens, LATEST.reasoning_tokens)
ENDED = _named(CALLS)
RETRIED = _named(RETRIES)
IN_FLIGHT = name(ACTIVE)
SPANS = Series((Source("traces_span_metrics_calls_total"),))

# Recorded where they were switched on, or by programs with agents and tools.
COST = Series((Source("callspan_client_cost_total"),))
ESTIMATED = Series((Source("callspan_estimated_tokens_total"),))
BUDGET_STOPS = Series((Source("callspan_budget_stops_total"),))
AGENT = Series((Source("gen_ai_invoke_agent_duration_seconds"),))
TOOL = Series((Source("gen_ai_execute_tool_duration_seconds"),))
WORKFLOW = Series((Source("gen_ai_invoke_workflow_duration_seconds"),))
