"""What a program under `callspan run` did, read back from Jaeger and Prometheus."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from callspan.semconv import names
from callspan.testing.modelserver import ModelServer

from .collector import Collector
from .jaeger import Jaeger
from .programs import until
from .prometheus import Prometheus
from .shop import Visit, run_order, to

CHAT, EMBEDDINGS, UNKNOWN = (
    "chat gpt-4.1-mini",
    "embeddings text-embedding-3-small",
    "chat no-such-model",
)
TOKENS = "gen_ai_client_token_usage"
SECONDS = "gen_ai_client_operation_duration_seconds"


def test_jaeger_has_the_spans_that_the_program_made_to_the_last_attribute(
    shop: Visit, jaeger: Jaeger
) -> None:
    """Ids, parents, times, attributes, events and statuses are those in the file beside."""
    assert Counter(span["name"] for span in shop.spans) == {CHAT: 7, EMBEDDINGS: 1, UNKNOWN: 1}
    assert jaeger.spans(shop.service, 9) == shop.spans


def test_jaeger_has_the_outcomes(shop: Visit, jaeger: Jaeger) -> None:
    spans = jaeger.spans(shop.service, 9)
    outcomes = Counter(span["attributes"][names.OUTCOME] for span in spans)
    assert outcomes == {"completed": 7, "abandoned": 1, "error": 1}
    (failed,) = [span for span in spans if span["status"].get("code") == 2]
    assert (failed["name"], failed["attributes"][names.ERROR_TYPE]) == (UNKNOWN, "model_not_found")


def test_jaeger_has_the_events_and_the_retry(shop: Visit, jaeger: Jaeger) -> None:
    events = [event for span in jaeger.spans(shop.service, 9) for event in span["events"]]
    found = Counter(event["name"] for event in events)
    assert (found[names.RETRY_EVENT], found[names.FIRST_TOKEN_EVENT]) == (1, 3)
    assert (
        next(e for e in events if e["name"] == names.RETRY_EVENT)["attributes"][names.RETRY_CAUSE]
        == "429"
    )


def test_jaeger_has_what_was_said_where_it_was_captured(shop: Visit, jaeger: Jaeger) -> None:
    first = jaeger.spans(shop.service, 9)[0]["attributes"]
    assert "How long do cut tulips last?" in first[names.INPUT_MESSAGES]
    assert "Cut tulips last about six days" in first[names.OUTPUT_MESSAGES]


def test_jaeger_knows_the_service(shop: Visit, jaeger: Jaeger) -> None:
    told = jaeger.resource(shop.service)
    assert (told["service.version"], told["deployment.environment.name"]) == ("1.2.3", "greenhouse")


def test_prometheus_has_the_tokens_that_the_server_handed_out(
    shop: Visit, prometheus: Prometheus
) -> None:
    """To the token, by model and direction."""
    until("tokens", lambda: prometheus.query(f'{TOKENS}_sum{{job="{shop.service}"}}'))
    sums = prometheus.query(
        f'sum by (gen_ai_response_model, gen_ai_token_type) ({TOKENS}_sum{{job="{shop.service}"}}) > 0'
    )
    assert {(_labels(s), int(s["value"][1])) for s in sums} == {
        ((model, direction), tokens)
        for model, told in shop.told.items()
        for direction, tokens in (("input", told.input), ("output", told.output))
        if tokens
    }


def _labels(series: dict) -> tuple[str, str]:
    return series["metric"]["gen_ai_response_model"], series["metric"]["gen_ai_token_type"]


def test_prometheus_counts_each_call_once(shop: Visit, prometheus: Prometheus) -> None:
    until("durations", lambda: prometheus.query(f'{SECONDS}_count{{job="{shop.service}"}}'))
    assert prometheus.value(f'sum({SECONDS}_count{{job="{shop.service}"}})') == 9
    assert prometheus.value(f'sum({SECONDS}_count{{job="{shop.service}", error_type!=""}})') == 1
    by_outcome = prometheus.query(
        f'sum by (callspan_outcome) (callspan_client_calls_total{{job="{shop.service}"}})'
    )
    assert {s["metric"]["callspan_outcome"]: int(s["value"][1]) for s in by_outcome} == {
        "completed": 7,
        "abandoned": 1,
        "error": 1,
    }


def test_span_metrics_count_the_spans(shop: Visit, prometheus: Prometheus) -> None:
    calls = f'sum(traces_span_metrics_calls_total{{service_name="{shop.service}"}})'
    until("span metrics", lambda: prometheus.value(calls) == 9)


def test_exemplars_lead_to_traces_that_jaeger_has(
    shop: Visit, prometheus: Prometheus, jaeger: Jaeger
) -> None:
    jaeger.spans(shop.service, 9)
    selector = f'{SECONDS}_bucket{{job="{shop.service}"}}'
    found = until("exemplars", lambda: prometheus.exemplars(selector))
    ours = {span["traceId"] for span in shop.spans}
    assert {exemplar["labels"]["trace_id"] for exemplar in found} <= ours
    assert all(jaeger.knows(exemplar["labels"]["trace_id"]) for exemplar in found)


def test_target_info_says_what_the_service_is(shop: Visit, prometheus: Prometheus) -> None:
    (found,) = until(
        "target_info", lambda: prometheus.query(f'target_info{{job="{shop.service}"}}')
    )
    labels = found["metric"]
    assert (labels["service_version"], labels["deployment_environment_name"]) == (
        "1.2.3",
        "greenhouse",
    )
    assert labels["telemetry_sdk_language"] == "python"
    joined = (
        f'sum by (deployment_environment_name) ({TOKENS}_sum{{job="{shop.service}"}}'
        " * on (job, instance) group_left (deployment_environment_name) target_info)"
    )
    assert prometheus.query(joined)[0]["metric"] == {"deployment_environment_name": "greenhouse"}


def test_the_collector_has_the_log_events(shop: Visit, collector: Collector) -> None:
    """One for each answer with its content, one for the error."""
    file = collector.log.with_name("logs.jsonl")

    def events() -> Counter[str]:
        lines = file.read_text().splitlines() if file.exists() else []
        return Counter(
            record["eventName"]
            for line in lines
            for part in json.loads(line)["resourceLogs"]
            if {"key": "service.name", "value": {"stringValue": shop.service}}
            in part["resource"]["attributes"]
            for scope in part["scopeLogs"]
            for record in scope["logRecords"]
        )

    found = until("log events", lambda: events() if sum(events().values()) >= 9 else None)
    assert found[names.EXCEPTION_EVENT] == 1
    assert found[names.DETAILS_EVENT] >= 7


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_call_is_the_child_of_the_apps_own_span(
    collector: Collector, jaeger: Jaeger, server: ModelServer, protocol: str
) -> None:
    service = f"orders-{protocol[:4]}"
    run_order(server, service, 3, **to(collector.urls[protocol], protocol))
    spans = jaeger.spans(service, 6)
    orders = {span["spanId"]: span for span in spans if span["name"] == "take an order"}
    calls = [span for span in spans if span["name"] == CHAT]
    assert sorted(orders[call["parentSpanId"]]["attributes"]["order.number"] for call in calls) == [
        0,
        1,
        2,
    ]
    assert all(orders[call["parentSpanId"]]["traceId"] == call["traceId"] for call in calls)
    assert not any(span.get("parentSpanId") for span in orders.values())
