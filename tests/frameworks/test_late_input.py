"""Arguments of tools that a framework tells after their runs have begun.

Packages of the frameworks' names and shapes stand for them here; the real ones are run by
`python -m tests.frameworks`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

OPENAI_SPANS = """
class SpanImpl:
    def __init__(self, span_data):
        self.span_data = span_data
    def start(self, mark_as_current=False): pass
    def finish(self, reset_current=False): pass
    def set_error(self, error): pass
    def __enter__(self):
        self.start(mark_as_current=True)
        return self
    def __exit__(self, kind, error, trace):
        self.finish(reset_current=True)

class NoOpSpan(SpanImpl):
    def start(self, mark_as_current=False): pass
    def finish(self, reset_current=False): pass
    def set_error(self, error): pass
    def __exit__(self, kind, error, trace):
        self.finish(reset_current=True)
"""
HAYSTACK_TRACER = """
import contextlib

class Span:
    def set_tag(self, key, value): pass
    def set_content_tag(self, key, value): pass

class ProxyTracer:
    @contextlib.contextmanager
    def trace(self, operation_name, tags=None, parent_span=None):
        yield Span()

tracer = ProxyTracer()
"""
HAYSTACK_TOOLS = """
from haystack.tracing.tracer import tracer

def _create_tool_span(tool, tool_call, parent_span):
    return tracer.trace("haystack.agent.step.tool", {"haystack.tool.name": tool_call.tool_name})
"""
OPENAI_STEPS = """
class NextStepFinalOutput:
    def __init__(self, output):
        self.output = output
"""
MODULES = {
    "agents/run_internal/run_steps.py": OPENAI_STEPS,
    "agents/tracing/spans.py": OPENAI_SPANS,
    "haystack/tracing/tracer.py": HAYSTACK_TRACER,
    "haystack/components/agents/tool_calling.py": HAYSTACK_TOOLS,
}
ARGUMENTS = "gen_ai.tool.call.arguments"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Import a module of one of the packages."""
    for name, text in MODULES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] in ("agents", "haystack"):
            del sys.modules[name]


@pytest.mark.parametrize("kind", ["SpanImpl", "NoOpSpan"])
@pytest.mark.parametrize("capture", ["off", "span"])
@pytest.mark.parametrize("fails", [False, True], ids=["works", "fails"])
def test_openai_agents(
    telemetry: Telemetry, load: Callable[[str], Any], kind: str, capture: Any, fails: bool
) -> None:
    """A span gets the arguments after its start, and keeps them where the tool raises."""
    telemetry.instrument(capture=capture)
    data = SimpleNamespace(type="function", name="flower_price", input=None, output=None)
    error = RuntimeError("the cellar is locked")

    def call_tool() -> None:
        with getattr(load("agents.tracing.spans"), kind)(data) as span:
            span.span_data.input = '{"of": "tulip"}'
            if fails:
                raise error

    if fails:
        with pytest.raises(RuntimeError):
            call_tool()
    else:
        call_tool()
    values = telemetry.span.attributes or {}
    assert values.get(ARGUMENTS) == ('{"of":"tulip"}' if capture == "span" else None)


def test_arguments_of_the_start_give_their_room_to_those_of_the_end(
    telemetry: Telemetry, load: Callable[[str], Any]
) -> None:
    """What is left out is counted once, although both have been captured."""
    telemetry.instrument(capture="span", content_limit=4096)
    arguments = '{"of": "' + "tulip " * 2000 + '"}'
    for first in (None, arguments):
        data = SimpleNamespace(type="function", name="flower_price", input=first, output=None)
        with load("agents.tracing.spans").SpanImpl(data) as span:
            span.span_data.input = arguments
            span.span_data.output = "a price " * 1000
    late_alone, twice = [dict(span.attributes or {}) for span in telemetry.spans]
    assert int(str(late_alone["callspan.content.elided"])) > 10_000
    assert twice == late_alone


def test_openai_agents_keeps_arguments_to_itself(
    telemetry: Telemetry, load: Callable[[str], Any]
) -> None:
    """`trace_include_sensitive_data=False` leaves the span without them."""
    telemetry.instrument(capture="span")
    data = SimpleNamespace(type="function", name="flower_price", input=None, output=None)
    with load("agents.tracing.spans").SpanImpl(data):
        pass
    assert ARGUMENTS not in (telemetry.span.attributes or {})


@pytest.mark.parametrize("kind", ["SpanImpl", "NoOpSpan"])
@pytest.mark.parametrize("triggered", [False, True])
def test_guardrails_of_openai_agents(
    telemetry: Telemetry, load: Callable[[str], Any], kind: str, triggered: bool
) -> None:
    """A guardrail that finds what it looks for has worked: that is no failure of its own."""
    data = SimpleNamespace(type="guardrail", name="polite", triggered=False)
    with getattr(load("agents.tracing.spans"), kind)(data):
        data.triggered = triggered
    values = telemetry.span.attributes or {}
    assert telemetry.span.name == "run_node polite"
    assert values["callspan.guardrail.triggered"] is triggered
    assert values["callspan.outcome"] == "completed"
    assert "gen_ai.operation.name" not in values


@pytest.mark.parametrize("capture", ["off", "span"])
def test_output_of_openai_agents(
    telemetry: Telemetry, load: Callable[[str], Any], capture: Any
) -> None:
    """No span of the framework's has it; the run of a tool around the agent does not get it."""
    telemetry.instrument(capture=capture)
    span = load("agents.tracing.spans").SpanImpl
    steps = load("agents.run_internal.run_steps")
    tool = SimpleNamespace(type="function", name="ask_seller", input=None, output=None)
    with span(tool), span(SimpleNamespace(type="agent", name="Seller")):
        assert steps.NextStepFinalOutput("3 euros").output == "3 euros"
    spans = {each.name: each.attributes or {} for each in telemetry.spans}
    agent, around = spans["invoke_agent Seller"], spans["execute_tool ask_seller"]
    assert ("3 euros" in str(agent.get("gen_ai.output.messages"))) == (capture == "span")
    assert "3 euros" not in str(around)


@pytest.mark.parametrize("capture", ["off", "span"])
def test_haystack_tools(telemetry: Telemetry, load: Callable[[str], Any], capture: Any) -> None:
    """A tool that fails says so by a tag, and why by its output."""
    telemetry.instrument(capture=capture)
    tools = load("haystack.components.agents.tool_calling")
    call = SimpleNamespace(tool_name="flower_price", id="call_1")
    with tools._create_tool_span(None, call, None) as span:
        span.set_content_tag("haystack.agent.step.tool.input", {"of": "tulip"})
        span.set_tag("haystack.tool.error", True)
        span.set_content_tag("haystack.agent.step.tool.output", {"error": "no tulips"})
    values = telemetry.span.attributes or {}
    assert values["gen_ai.tool.call.id"] == "call_1"
    assert values["callspan.outcome"] == "error"
    assert values.get(ARGUMENTS) == ('{"of":"tulip"}' if capture == "span" else None)
    assert telemetry.span.status.description == ("no tulips" if capture == "span" else None)


def test_haystack_agents_and_pipelines(telemetry: Telemetry, load: Callable[[str], Any]) -> None:
    """Messages are objects of Haystack's, of which the texts are recorded."""
    telemetry.instrument(capture="span")
    tracer = load("haystack.tracing.tracer").tracer
    question = SimpleNamespace(role=SimpleNamespace(value="user"), text="How much?")
    answer = SimpleNamespace(text="3 euros")
    with tracer.trace("haystack.agent.run", {}) as span:
        span.set_content_tag("haystack.agent.input", {"messages": [question], "tools": []})
        output = {"messages": [question, answer], "last_message": answer}
        span.set_content_tag("haystack.agent.output", output)
    with tracer.trace("haystack.pipeline.run", {}) as span:
        span.set_content_tag("haystack.pipeline.output_data", {"model": {"replies": [answer]}})
    agent, pipeline = [span.attributes or {} for span in telemetry.spans]
    assert '"role":"user"' in str(agent["gen_ai.input.messages"])
    assert "How much?" in str(agent["gen_ai.input.messages"])
    text = '{"type":"text","content":"3 euros"}'
    assert text in str(agent["gen_ai.output.messages"])
    assert '[\\"3 euros\\"]' in str(pipeline["gen_ai.output.messages"])


def test_a_pipeline_names_its_agents(telemetry: Telemetry, load: Callable[[str], Any]) -> None:
    """An agent that is a tool of another is no component, and has no name."""
    trace = load("haystack.tracing.tracer").tracer.trace
    component = {"haystack.component.name": "seller", "haystack.component.type": "Agent"}
    with (
        trace("haystack.pipeline.run", {}),
        trace("haystack.component.run", component),
        trace("haystack.agent.run", {}),
        trace("haystack.agent.step.tool", {"haystack.tool.name": "ask"}),
        trace("haystack.agent.run", {}),
    ):
        pass
    with trace("haystack.agent.run", {}):
        pass
    assert sorted(span.name for span in telemetry.spans) == [
        "execute_tool ask",
        "invoke_agent",
        "invoke_agent",
        "invoke_agent seller",
        "invoke_workflow",
    ]
