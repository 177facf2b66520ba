"""Runs that last as long as a stream object of the framework's, which offers hooks.

A package in the shape of Agent Framework stands for it here, as in test_function_runs.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

STREAM = """
class Update:
    def __init__(self, text):
        self.text = text

class ResponseStream:
    def __init__(self, source):
        self.source, self.pulls, self.ends, self.changes = source, [], [], []

    def with_pull_context_manager(self, factory):
        self.pulls.append(factory)

    def with_cleanup_hook(self, hook):
        self.ends.append(hook)

    def with_transform_hook(self, hook):
        self.changes.append(hook)

    def __aiter__(self):
        return self

    async def __anext__(self):
        [pull] = self.pulls or [contextlib.nullcontext]
        with pull():
            update = await anext(self.source)
        for change in self.changes:
            change(update)
        return update

    async def close(self):
        await self.source.aclose()
        for hook in self.ends:
            hook()

class AgentTelemetryLayer:
    def __init__(self, name, work):
        self.name, self.work = name, work

    def run(self, messages, stream=False):
        return ResponseStream(self.work(messages))
"""

ORCHESTRATION = """
import asyncio, types

class OrchestrationResult:
    def __init__(self, cancellation_token):
        self.event, self.value, self.exception = asyncio.Event(), None, None
        self.cancellation_token = cancellation_token

class OrchestrationBase:
    name = "Sequential_0123456789abcdef0123456789abcdef"

    async def invoke(self, task):
        token = types.SimpleNamespace(is_cancelled=lambda: False)
        return OrchestrationResult(token)
"""


@pytest.fixture
def agent_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The class of agents, imported when callspan is in force."""
    file = tmp_path / "agent_framework" / "observability.py"
    file.parent.mkdir()
    file.write_text(f"import contextlib\n{STREAM}")
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, work: Any) -> Any:
        module: Any = importlib.import_module("agent_framework.observability")
        return module.AgentTelemetryLayer(name, lambda text: work(text, module.Update))

    yield make
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] == "agent_framework":
            del sys.modules[name]


def outcome(telemetry: Telemetry) -> Any:
    return (telemetry.span.attributes or {})["callspan.outcome"]


async def test_work_of_a_pull_is_inside_the_run_and_that_of_the_reader_is_not(
    telemetry: Telemetry, agent_type: Any
) -> None:
    telemetry.instrument(capture="span")

    async def work(text: str, update: Any) -> Any:
        for letter in text:
            with telemetry.tracer.start_as_current_span("work"):
                yield update(letter)

    texts: list[str] = []
    async for update in agent_type("poet", work).run("ab", stream=True):
        with telemetry.tracer.start_as_current_span("reader"):
            texts.append(update.text)
    agent, *others = sorted(telemetry.all_spans, key=lambda span: span.start_time or 0)
    assert texts == ["a", "b"]
    assert agent.name == "invoke_agent poet"
    assert [span.name for span in others] == ["work", "reader", "work", "reader"]
    for span in others:
        assert span.parent == (agent.context if span.name == "work" else None)
    assert '"content":"ab"' in str((agent.attributes or {})["gen_ai.output.messages"])
    assert (agent.attributes or {})["callspan.outcome"] == "completed"


@pytest.mark.parametrize("way", ["close", "drop"])
async def test_a_stream_object_left_early_is_abandoned(
    telemetry: Telemetry, agent_type: Any, way: str
) -> None:
    telemetry.instrument()

    async def work(text: str, update: Any) -> Any:
        for letter in text:
            yield update(letter)

    stream = agent_type("poet", work).run("ab", stream=True)
    assert (await anext(stream)).text == "a"
    assert not telemetry.spans
    if way == "close":
        await stream.close()
    del stream
    await asyncio.sleep(0)
    assert outcome(telemetry) == "abandoned"


async def test_an_orchestration_lasts_until_its_result_is_there(
    telemetry: Telemetry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Semantic Kernel returns an object with an event at once."""
    file = tmp_path / "semantic_kernel" / "agents" / "orchestration" / "orchestration_base.py"
    file.parent.mkdir(parents=True)
    file.write_text(ORCHESTRATION)
    monkeypatch.syspath_prepend(str(tmp_path))
    telemetry.instrument()
    module: Any = importlib.import_module("semantic_kernel.agents.orchestration.orchestration_base")
    try:
        result = await module.OrchestrationBase().invoke("A poem")
        assert not telemetry.spans
        result.exception = ValueError("no more")
        result.event.set()
        assert result.event.is_set()
        assert outcome(telemetry) == "error"
        assert telemetry.span.name == "invoke_workflow"
    finally:
        callspan.uninstrument()
        for name in list(sys.modules):
            if name.partition(".")[0] == "semantic_kernel":
                del sys.modules[name]


async def test_an_error_of_a_pull_is_that_of_the_run(telemetry: Telemetry, agent_type: Any) -> None:
    telemetry.instrument()

    async def work(text: str, update: Any) -> Any:
        yield update(text)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        async for _update in agent_type("poet", work).run("ab", stream=True):
            pass
    assert outcome(telemetry) == "error"
