"""Everything that callspan emits for OpenAI's client, checked against the conventions, whatever was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import openai
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

import callspan
from callspan.events.usage import TOOL_USES as KINDS
from callspan.testing.modelserver import ModelServer

from .checker import metrics_of
from .collect import check_all, report
from .finding import EXPECTED, VIOLATION, Finding
from .recording import Recording
from .registry import own
from .request import check_request
from .rules import DETAILS, SCHEMAS
from .scenarios import SCENARIOS, Scenario, play, recorded

pytestmark = pytest.mark.filterwarnings(
    "ignore:deprecated:DeprecationWarning"
)  # the client's own, of translations

DIALECTS, CAPTURES = ("released", "latest", "both"), ("off", "span", "event", "both")
EVERYTHING = {
    "chunk_metrics": True,
    "token_events": "all",
    "extra_metrics": ("calls", "active", "retries", "output_rate", "modality_tokens"),
    "estimate": "missing",
    "cost": True,
    "prices": {"models": {"whisper-1": 0}},
}
USUAL: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("released", "off", {}),
    ("latest", "both", EVERYTHING),
    ("both", "span", EVERYTHING),
)
THOROUGH = frozenset(
    {
        "chat_all_settings",
        "chat_tools",
        "chat_stream_usage",
        "chat_error_429",
        "chat_cancelled",
        "chat_abandoned",
    }
    | {"responses_stream", "embeddings", "moderation", "fetch", "completion", "transcription"}
)
"""Scenarios that are played under every dialect with every way of capturing."""


@dataclass(frozen=True, slots=True)
class Known:
    """A rule that is known to be broken, by what, where for example, and where it may be."""

    rule: str
    names: frozenset[str]
    example: str
    covers: Callable[[str], bool]


_MODEL = frozenset({"gen_ai.request.model"})
KNOWN = (
    # the provider chooses a model where the request names none
    Known("span.required", _MODEL, "images_no_model", lambda name: name == "images_no_model"),
    Known("event.required", _MODEL, "images_no_model", lambda name: name == "images_no_model"),
)


NEVER_EMITTED: set[str] = set()
"""Names that the code has and that no call brings out; the test fails when one is emitted after all."""


def _known(finding: Finding, scenario: str) -> bool:
    return any(
        known.rule == finding.rule
        and known.covers(scenario)
        and (not known.names or finding.name in known.names)
        for known in KNOWN
    )


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A scripted model server on loopback."""
    with ModelServer() as server:
        yield server


def _record(
    scenario: Scenario, server: ModelServer, semconv: str, capture: str, **settings: Any
) -> Recording:
    with Recording(semconv, capture, **settings) as recording:
        play(scenario, server)
    return recording


def _settings(scenario: Scenario) -> tuple[tuple[str, str, Mapping[str, Any]], ...]:
    if scenario.name not in THOROUGH:
        return USUAL[1:] if scenario in recorded() else USUAL
    return tuple((semconv, capture, EVERYTHING) for semconv, capture in product(DIALECTS, CAPTURES))


CASES = [
    pytest.param(scenario, *chosen, id=f"{scenario.name}-{chosen[0]}-{chosen[1]}")
    for scenario in (*SCENARIOS, *recorded())
    for chosen in _settings(scenario)
]


@pytest.mark.parametrize(("scenario", "semconv", "capture", "settings"), CASES)
def test_what_is_emitted_keeps_the_rules(
    scenario: Scenario, semconv: str, capture: str, settings: Mapping[str, Any], server: ModelServer
) -> None:
    """All signals of all scenarios, under each dialect and each way of capturing."""
    recording = _record(scenario, server, semconv, capture, **settings)
    assert recording.spans, "no span was made"
    found = recording.findings()
    # a cancelled request may not have reached the server
    if scenario.wires and (server.requests or "cancelled" not in scenario.name):
        request = server.requests[-1]
        found += check_request(recording.spans[-1], request.path, request.json)
    wrong = [
        finding
        for finding in found
        if finding.level == VIOLATION and not _known(finding, scenario.name)
    ]
    assert not wrong, report(wrong)
    lacking = {finding.name for finding in found if finding.level == EXPECTED}
    told = {finding.name for finding in found if finding.rule == "span.finish_error"}
    told |= {
        key
        for span in recording.spans
        for key in span.attributes
        if "callspan.usage.source" in span.attributes
    }
    assert scenario.name.startswith("recorded") or lacking == scenario.lacks - told


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.rule}-{known.example}")
def test_a_known_exception_still_occurs(known: Known, server: ModelServer) -> None:
    """A rule declared as broken is broken; when it no longer is, the declaration goes."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == known.example)
    found = _record(scenario, server, "latest", "both", **EVERYTHING).findings()
    assert known.rule in {finding.rule for finding in found}


def _names(recording: Recording) -> set[str]:
    """Every name of an attribute, event or metric in what was emitted."""
    emitted: list[Any] = [
        *recording.spans,
        *(event for span in recording.spans for event in span.events),
    ]
    emitted += [record.log_record for record in recording.logs]
    metrics = metrics_of(recording.metrics)
    emitted += [point for metric in metrics for point in metric.data.data_points]
    found = {key for each in emitted for key in each.attributes or ()} | {
        metric.name for metric in metrics
    }
    return found | {event.name for span in recording.spans for event in span.events}


_TOOL_USES = tuple(f"callspan.usage.{name}" for name in KINDS)
_OF_FRAMEWORKS = ("callspan.framework.", "callspan.guardrail.", "callspan.sum.")
_SESSIONS = ("callspan.stream.time_to_first_",)
_BATCHES = ("callspan.batch.",)
_MCP = ("jsonrpc.", "rpc.", "network.", "client.")


@pytest.mark.guard_acts("a redaction hook that fails")
def test_every_name_of_ours_is_really_emitted(server: ModelServer) -> None:
    """What our registry has is seen in some scenario, but for what is known never to come."""
    wanted = {*own().attributes, *own().metrics, *own().span_events}
    seen: set[str] = set()
    telling = (
        "chat_stream_usage",
        "chat_retried",
        "chat_error_429",
        "chat_endless",
        "chat_stream_reasoning",
        "chat_no_usage_media",
        "chat_budget_stop",
        "chat_for_somebody",
        "chat_audio",
        "speech",
        "transcription_whisper",
    )
    for scenario in (scenario for scenario in SCENARIOS if scenario.name in telling):
        for token_events in ("first", "all"):
            more = {**EVERYTHING, "token_events": token_events, "request_usage": True}
            seen |= _names(_record(scenario, server, "released", "both", **more))
        seen |= _names(_record(scenario, server, "released", "both", redact=lambda *_: 1 / 0))
    seen |= {name.rpartition(".")[0] for name in seen}
    # see tests/frameworks (also its test_mcp.py and test_claude_agent_sdk.py), tests/test_bedrock.py,
    # tests/test_tool_uses.py, for times of sessions over sockets tests/test_realtime.py, for ids of
    # batches tests/test_batches.py, and for addresses of content that stands elsewhere
    # tests/test_uploads.py
    elsewhere = (*_OF_FRAMEWORKS, "aws.bedrock.", *_MCP, *_TOOL_USES, *_SESSIONS, *_BATCHES)
    of_others = {name for name in wanted if name.startswith(elsewhere)}
    of_others |= {name for name in wanted if name.endswith("_ref")}
    assert wanted - seen - of_others == NEVER_EMITTED


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("name", ["chat_tools", "chat_stream_tools", "responses_input"])
def test_content_stands_where_it_was_asked_for(
    name: str, capture: str, server: ModelServer
) -> None:
    """The messages are on the span, on the details event, on both or nowhere; the event only when asked for."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    recording = _record(scenario, server, "released", capture)
    details = [
        record.log_record for record in recording.logs if record.log_record.event_name == DETAILS
    ]
    wanted = {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"}
    on_span, on_event = (
        [span.attributes for span in recording.spans],
        [record.attributes for record in details],
    )
    assert [wanted & set(found) for found in on_span] == [
        wanted if capture in ("span", "both") else set()
    ]
    assert [wanted & set(found) for found in on_event] == (
        [wanted] if capture in ("event", "both") else []
    )


def test_with_content_off_no_word_of_the_conversation_leaves(server: ModelServer) -> None:
    """Neither content attributes nor what an exception says, in any scenario."""
    for scenario in SCENARIOS:
        recording = _record(scenario, server, "both", "off")
        emitted = [span.attributes for span in recording.spans]
        emitted += [record.log_record.attributes for record in recording.logs]
        assert not {key for found in emitted for key in found} & {*SCHEMAS, "exception.message"}
        assert not [span.status.description for span in recording.spans if span.status.description]


class _Sees(Sampler):
    """A sampler that notes what it is shown and drops everything."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        self.seen.append(dict(kwargs.get("attributes") or args[4]))
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        return "notes"


def test_samplers_see_what_the_conventions_call_relevant(server: ModelServer) -> None:
    """Operation, provider, model and server are given when the span is started."""
    sampler = _Sees()
    callspan.instrument(tracer_provider=TracerProvider(sampler), meter_provider=MeterProvider())
    with openai.OpenAI(base_url=server.url, api_key="any") as client:
        client.embeddings.create(model="text-embedding-3-small", input="a")
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "Hello"}]
        )
    callspan.uninstrument()
    wanted = {
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "server.address",
        "server.port",
    }
    assert [wanted - set(seen) for seen in sampler.seen] == [set(), set()]


def test_one_call_checks_what_a_whole_test_made(server: ModelServer) -> None:
    """What the fixtures of other tests use says the same, and takes declared exceptions."""
    recording = _record(SCENARIOS[0], server, "released", "off")
    assert not check_all(
        recording.spans, recording.metrics, recording.logs, "released", capture="off"
    )
    assert check_all(recording.spans, recording.metrics, recording.logs, "latest")
    failing = next(scenario for scenario in SCENARIOS if scenario.name == "chat_error_500")
    recording = _record(failing, server, "latest", "off")
    assert report(check_all(recording.spans, None, [], "latest")).startswith(
        "violation: span 'chat"
    )
    assert not check_all(recording.spans, None, [], "latest", declared=["event.missing"])
    assert not check_all(recording.spans, None, [], "latest", whole=False)
