"""Our own registry of names, that of the conventions, and the code that emits the names say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

import callspan
from callspan.events import Outcome
from callspan.semconv import conventions as code
from callspan.semconv import names, providers
from callspan.semconv.conventions import Convention, Metric
from telemetry import Telemetry

from . import checker, registry
from .registry import OWN, Registry, conventions, everything, own
from .rules import BUCKETS, SCHEMA_URLS, SCOPE

_NAME = re.compile(
    r"(?:gen_ai|openai|aws\.bedrock|mcp|jsonrpc|rpc|network|client|server|error|http|exception|callspan"
    r"|session|user)\.[a-z0-9_.-]*[a-z0-9]"
)
_CONSTANTS = {
    name: value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)
}
_METRIC_VALUES = [
    metric
    for convention in (code.RELEASED, code.LATEST)
    for metric in (getattr(convention, name) for name in Convention.__slots__)
    if isinstance(metric, Metric)
]
_CHOSEN = (
    *(*code.EXTRA.values(), code.ESTIMATED, code.COST, code.COST_UNKNOWN, code.BUDGET_STOPS),
    *code.MCP_DURATIONS.values(),
)
"""Recorded in every dialect, where they were asked for."""
METRICS = {metric.name: metric for metric in (*_METRIC_VALUES, *_CHOSEN)}
DIALECTS = {"released": code.RELEASED, "latest": code.LATEST}


def names_in_code() -> set[str]:
    """Every name of telemetry that stands as text in the package of names."""
    found: set[str] = set()
    for file in Path(names.__file__).parent.glob("*.py"):
        # addresses of the one look like names (openai.azure.com), names of the other are its readers'
        if file.name in ("providers.py", "readers.py"):
            continue
        constants = (
            node.value
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Constant)
        )
        found |= {text for text in constants if isinstance(text, str) and _NAME.fullmatch(text)}
    return found


def names_in(registry: Registry) -> set[str]:
    """The names of attributes, events and metrics that a registry defines."""
    return {*registry.attributes, *registry.metrics, *registry.events, *registry.span_events}


def test_every_name_of_ours_in_the_code_is_in_our_registry() -> None:
    """What begins with the package's own name is registered."""
    assert {name for name in names_in_code() if name.startswith("callspan.")} <= names_in(own())


def test_every_name_in_our_registry_is_in_the_code() -> None:
    """Nothing is registered that is not emitted; a header stands for the template of all headers."""
    emitted = names_in_code() | {name.rpartition(".")[0] for name in names_in_code()}
    assert names_in(own()) <= emitted


def test_names_not_of_the_conventions_are_ours() -> None:
    """What is not `gen_ai`, `openai` or `mcp` has to be in our registry, also without the conventions' own."""
    others = {
        name for name in names_in_code() if not name.startswith(("gen_ai.", "openai.", "mcp."))
    }
    assert not {
        name for name in others if name not in names_in(own()) and own().attribute(name) is None
    }


def test_every_name_in_the_code_is_in_one_of_the_registries() -> None:
    """No name is made up."""
    known = everything()
    assert not {
        name
        for name in names_in_code() - known.spans.keys()
        if name not in names_in(known) and known.attribute(name) is None
    }


def test_no_name_is_in_both_registries() -> None:
    """What the conventions define is left to them."""
    assert not names_in(own()) & names_in(conventions())


def test_each_constant_is_a_name_by_itself() -> None:
    """A constant other than the scope has the form of a name, so that the tests above see it."""
    assert [name for name, value in _CONSTANTS.items() if not _NAME.fullmatch(value)] == ["SCOPE"]
    assert names.SCOPE == SCOPE


@pytest.mark.parametrize("name", sorted(own().metrics))
def test_our_metrics_are_as_registered(name: str) -> None:
    """Unit and instrument are those of the code."""
    registered, metric = own().metrics[name], METRICS[name]
    assert (registered.unit, registered.kind) == (metric.unit, metric.kind.replace("_", ""))


def test_the_conventions_metrics_are_as_registered() -> None:
    """Unit and instrument of each metric that the code has from the conventions."""
    shared = METRICS.keys() & conventions().metrics.keys()
    assert METRICS.keys() == shared | own().metrics.keys()
    for name in shared:
        registered, metric = conventions().metrics[name], METRICS[name]
        assert (registered.unit, registered.kind) == (metric.unit, metric.kind)


@pytest.mark.parametrize("name", sorted(BUCKETS.keys() & METRICS.keys()))
def test_buckets_are_those_of_the_conventions(name: str) -> None:
    """The powers in the code are the numbers on the page."""
    assert METRICS[name].buckets == pytest.approx(BUCKETS[name], rel=1e-12)


def test_a_metric_belongs_to_the_dialects_that_record_it() -> None:
    """What is registered for one dialect is recorded by that one and by no other."""
    for name, registered in own().metrics.items():
        recorded = [d for d, convention in DIALECTS.items() if name in _metrics_of(convention)]
        assert name in {metric.name for metric in _CHOSEN} or tuple(recorded) == registered.dialects


def _metrics_of(convention: Convention) -> set[str]:
    values = (getattr(convention, name) for name in Convention.__slots__)
    return {value.name for value in values if isinstance(value, Metric)}


def test_the_schema_of_each_dialect_is_the_one_checked() -> None:
    """The checker and the code mean the same text of the conventions."""
    assert {name: convention.schema_url for name, convention in DIALECTS.items()} == SCHEMA_URLS


def test_values_of_ours_are_those_of_the_code() -> None:
    """Outcomes and the custom providers."""
    assert own().attributes["callspan.outcome"].members == tuple(
        outcome.value for outcome in Outcome
    )
    emitted = {
        *providers._DOMAINS.values(),
        *providers._PORTS.values(),
        *providers._HOST_WORDS.values(),
    }
    predefined = set(conventions().attributes["gen_ai.provider.name"].members)
    assert set(own().values["gen_ai.provider.name"]) <= emitted
    assert emitted == set(own().values["gen_ai.provider.name"]) | (emitted & predefined)


def test_our_span_types_are_those_of_our_operations() -> None:
    """Each operation of ours has a span type, and is named as one of our values."""
    spans = own().spans.values()
    stated = {each.operation for each in spans if "gen_ai.operation.name" in each.attributes}
    assert stated == set(own().values["gen_ai.operation.name"])
    # a node of a graph states none
    assert {each.operation for each in spans} - stated == {"run_node"}


def test_the_registry_says_what_each_name_is_for() -> None:
    """Every attribute has a type, a brief and a place; every metric and span event a brief."""
    document = yaml.safe_load(OWN.read_text())
    described = [
        item
        for section in ("attributes", "spans", "span_events", "metrics")
        for item in document[section]
    ]
    assert all(item["brief"].endswith(".") or "`" in item["brief"] for item in described)
    assert all(
        item["type"] and item["signals"] and item["origin"] for item in document["attributes"]
    )


def test_nothing_passes_where_the_conventions_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture that checks each test's telemetry fails without the registry: it would find no fault at all."""
    monkeypatch.setattr(registry, "CONVENTIONS", tmp_path)
    monkeypatch.setattr(registry, "conventions", conventions.__wrapped__)
    monkeypatch.setattr(registry, "everything", everything.__wrapped__)
    monkeypatch.setattr(checker, "everything", everything.__wrapped__)
    telemetry = Telemetry()
    telemetry.instrument()
    try:
        with pytest.raises(FileNotFoundError, match="registry of the conventions"):
            telemetry.violations()
    finally:
        callspan.uninstrument()
        telemetry.shutdown()
