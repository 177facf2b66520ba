"""Frameworks that trace and count by themselves give way to ours, and get everything back.

The frameworks themselves need older clients than these tests, so packages of their names and shapes stand for them
here; what was tried with the real ones stands in docs/frameworks.md.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from opentelemetry import trace

import callspan
from callspan.export import providers
from callspan.frameworks.native import NATIVES
from callspan.testing.modelserver import ModelServer
from clients import async_openai_client, openai_client
from program import CHAT
from telemetry import Telemetry

TRACER = """
from opentelemetry import trace
class {name}:
    def __init__(self):
        self.tracer = trace.get_tracer("own")
"""
HISTOGRAMS = """
class Histogram:
    def __init__(self):
        self.values = []
    def record(self, amount, attributes=None):
        self.values.append((amount, attributes))
"""
PACKAGES = {
    "strands/telemetry/tracer.py": TRACER.format(name="Tracer"),
    "autogen_core/_telemetry/_tracing.py": TRACER.format(name="TraceHelper"),
    "autogen_core/_telemetry/_genai.py": """
import contextlib
from opentelemetry import trace

@contextlib.contextmanager
def trace_tool_span(name, **more):
    with trace.get_tracer("own").start_as_current_span(name) as span:
        yield span
""",
    "guardrails/telemetry/runner_tracing.py": """
from opentelemetry import trace
def tracer():
    return trace.get_tracer("own")
""",
    "guardrails/telemetry/common.py": """
from opentelemetry import trace
def get_span(span=None):
    return trace.get_current_span() if span is None else span
""",
    "guardrails/telemetry/open_inference.py": """
from guardrails.telemetry.common import get_span
def write(text):
    get_span().set_attribute("input.value", text)
""",
    "pydantic_ai/models/instrumented.py": f"""{HISTOGRAMS}
from opentelemetry import trace
class InstrumentationSettings:
    def __init__(self):
        self.tracer = trace.get_tracer("own")
        self.tokens_histogram = Histogram()
""",
    "agent_framework/observability.py": f"""{HISTOGRAMS}
from opentelemetry import trace
class AgentTelemetryLayer:
    def run(self):
        pass
def get_tracer(name="own"):
    return trace.get_tracer(name)
def tracer():
    return get_tracer()
class ChatTelemetryLayer:
    def __init__(self):
        self.token_usage_histogram = Histogram()
""",
    "fastmcp/telemetry.py": "def telemetry_mode():\n    return 'native'\n",
    "semantic_kernel/connectors/ai/chat_completion_client_base.py": """
from opentelemetry import trace
tracer = trace.get_tracer("own")
""",
    "google/adk/telemetry/tracing.py": """
from opentelemetry import trace
tracer = trace.get_tracer("own")
def write(text):
    trace.get_current_span().set_attribute("input.value", text)
""",
    "google/adk/telemetry/_metrics.py": f"""{HISTOGRAMS}
_client_token_usage = Histogram()
_agent_invocation_duration = Histogram()
""",
}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages in the shape of the frameworks."""
    before = set(sys.modules)
    for name, text in PACKAGES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    google = importlib.import_module("google")
    monkeypatch.setattr(google, "__path__", [*google.__path__, str(tmp_path / "google")])
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {native.module.partition(".")[0] for native in NATIVES}:
            sys.modules.pop(name, None)


@pytest.fixture
def ours(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """The telemetry's provider as one that callspan has set up, and that frameworks find."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.tracer_provider)
    monkeypatch.setattr(providers, "owns_provider", lambda: True)
    return telemetry


def _module(path: str) -> Any:
    return importlib.import_module(path.removesuffix(".py").replace("/", "."))


def _tracers() -> dict[str, Any]:
    return {
        "strands": _module("strands/telemetry/tracer").Tracer().tracer,
        "autogen": _module("autogen_core/_telemetry/_tracing").TraceHelper().tracer,
        "guardrails": _module("guardrails/telemetry/runner_tracing").tracer(),
        "pydantic_ai": _module("pydantic_ai/models/instrumented").InstrumentationSettings().tracer,
        "agent_framework": _module("agent_framework/observability").tracer(),
        "semantic_kernel": _module(
            "semantic_kernel/connectors/ai/chat_completion_client_base"
        ).tracer,
        "google_adk": _module("google/adk/telemetry/tracing").tracer,
    }


REPLACED = (
    "strands",
    "pydantic_ai",
    "agent_framework",
    "semantic_kernel",
    "google_adk",
    "guardrails",
)
FRAMEWORKS = (*REPLACED, "autogen")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_spans_with_content_are_muted_and_parents_stay(
    packages: None, ours: Telemetry, client: openai.OpenAI, framework: str
) -> None:
    """What begins within a muted span is a child of the span around it."""
    tracer = _tracers()[framework]
    with (
        ours.tracer.start_as_current_span("app") as around,
        tracer.start_as_current_span("own") as own,
    ):
        own.set_attribute("prompt", "secret")
        with trace.use_span(tracer.start_span("inner")):
            client.chat.completions.create(**CHAT)
    assert [span.name for span in ours.all_spans] == ["chat gpt-4.1-mini", "app"]
    assert ours.span.parent == around.get_span_context()


@pytest.mark.parametrize(
    "module", ["guardrails/telemetry/open_inference", "google/adk/telemetry/tracing"]
)
@pytest.mark.parametrize("first", ["instrument", "import"])
def test_a_framework_writes_nothing_to_a_span_of_ours(
    packages: None, ours: Telemetry, module: str, first: str
) -> None:
    """Its own span is muted, so that ours is in force; the app may still add to it."""
    if first == "import":
        callspan.uninstrument()
        _module(module)
        ours.instrument()
    framework = _module(module)

    @callspan.tool
    def look_up() -> None:
        framework.write("secret")
        trace.get_current_span().set_attribute("session.id", "s-1")

    look_up()
    assert ours.attributes["session.id"] == "s-1"
    assert "secret" not in ours.everything()


def test_a_span_of_a_context_manager_is_muted(packages: None, ours: Telemetry) -> None:
    """Also for those who have taken the function before it was patched."""
    callspan.uninstrument()
    trace_tool_span = _module("autogen_core/_telemetry/_genai").trace_tool_span
    ours.instrument()
    with trace_tool_span("own") as span:
        assert not span.is_recording()
    callspan.uninstrument()
    with trace_tool_span("own"):
        pass
    assert [span.name for span in ours.all_spans] == ["own"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("reason", ["keep", "capture", "own provider"])
def test_spans_stay_where_the_app_wants_them(
    packages: None, ours: Telemetry, monkeypatch: pytest.MonkeyPatch, framework: str, reason: str
) -> None:
    if reason == "own provider":
        monkeypatch.setattr(providers, "owns_provider", lambda: False)
    options = {"keep": {"on_native": "keep"}, "capture": {"capture": "span"}}.get(reason, {})
    ours.instrument(**options)
    with _tracers()[framework].start_as_current_span("own"):
        pass
    # where our spans stand for the framework's, these stay only where they are asked for
    is_replaced = framework in REPLACED and reason != "keep"
    assert [span.name for span in ours.all_spans] == ([] if is_replaced else ["own"])


def test_a_tracer_that_the_app_takes_from_a_framework_is_left_alone(
    packages: None, ours: Telemetry
) -> None:
    with _module("agent_framework/observability").get_tracer().start_as_current_span("app"):
        pass
    assert [span.name for span in ours.all_spans] == ["app"]


@pytest.mark.parametrize("on_native", ["mute", "keep"])
def test_messages_between_agents_are_muted_inside_our_runs(
    packages: None, ours: Telemetry, on_native: Literal["mute", "keep"]
) -> None:
    """Outside of them, as between agents of the app's own, nothing else tells of them."""
    ours.instrument(capture="span", on_native=on_native)
    tracer = _tracers()["autogen"]
    with callspan.agent("seller"), tracer.start_as_current_span("inside"):
        pass
    with tracer.start_as_current_span("outside"):
        pass
    names = [span.name for span in ours.all_spans]
    assert names == [*(["inside"] if on_native == "keep" else []), "invoke_agent seller", "outside"]


def _histograms() -> dict[str, Any]:
    return {
        "pydantic_ai": _module("pydantic_ai/models/instrumented")
        .InstrumentationSettings()
        .tokens_histogram,
        "agent_framework": _module("agent_framework/observability")
        .ChatTelemetryLayer()
        .token_usage_histogram,
        "google_adk": _module("google/adk/telemetry/_metrics")._client_token_usage,
    }


MODEL = "gen_ai.request.model"


@pytest.mark.parametrize("framework", ["pydantic_ai", "agent_framework", "google_adk"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_tokens_that_ours_have_counted_are_not_counted_again(
    packages: None, ours: Telemetry, model_server: ModelServer, framework: str, asynchronous: bool
) -> None:
    """Those of models that no watched client asks are counted as before."""
    histogram = _histograms()[framework]

    def record() -> None:
        for name in ("gpt-4.1-mini", "openai/gpt-4.1-mini", "model-of-its-own"):
            histogram.record(7, {MODEL: name})

    async def acall() -> None:
        async with async_openai_client(model_server.url) as client:
            await client.chat.completions.create(**CHAT)
        record()

    def call() -> None:
        with openai_client(model_server.url) as client:
            client.chat.completions.create(**CHAT)
        record()

    # in a context of its own, in which no call has been made before
    contextvars.Context().run(lambda: asyncio.run(acall()) if asynchronous else call())
    assert histogram.values == [(7, {MODEL: "model-of-its-own"})]


@pytest.mark.parametrize("on_native", ["mute", "keep"])
def test_durations_of_runs_that_ours_report_are_not_recorded_again(
    packages: None, ours: Telemetry, on_native: str
) -> None:
    ours.instrument(on_native=on_native)
    histogram = _module("google/adk/telemetry/_metrics")._agent_invocation_duration
    histogram.record(0.5, {"gen_ai.agent.name": "seller"})
    assert len(histogram.values) == {"mute": 0, "keep": 1}[on_native]


@pytest.mark.parametrize("on_native", ["mute", "keep"])
def test_fastmcp_carries_the_context_alone(packages: None, ours: Telemetry, on_native: str) -> None:
    """Its own mode for that, unless its spans are to be kept."""
    ours.instrument(on_native=on_native)
    mode = _module("fastmcp/telemetry").telemetry_mode()
    assert mode == {"mute": "propagation_only", "keep": "native"}[on_native]


def test_what_is_muted_is_named_and_restored(packages: None, ours: Telemetry) -> None:
    modules = [_module(name) for name in PACKAGES]
    callspan.uninstrument()
    before = [dict(vars(module)) for module in modules]
    classes = [
        value for module in modules for value in vars(module).values() if isinstance(value, type)
    ]
    attributes = [dict(vars(kind)) for kind in classes]
    ours.instrument()
    named = [line.partition(":")[0] for line in callspan.status().muted]
    # the real package of MCP, which other tests may have loaded
    named = [name for name in named if name != "mcp"]
    assert named == [
        "strands",
        "autogen",
        "guardrails",
        "pydantic_ai",
        "agent_framework",
        "fastmcp",
        "semantic_kernel",
        "google_adk",
    ]
    callspan.uninstrument()
    assert callspan.status().muted == ()
    assert [dict(vars(module)) for module in modules] == before
    assert [dict(vars(kind)) for kind in classes] == attributes
