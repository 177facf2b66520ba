"""Google ADK's runs: a package of its shape stands for it, as it holds OpenTelemetry at an older version.

The real one is run by `python -m tests.frameworks`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

RUNNERS = """
import contextlib

class Runner:
    app_name = "flowers"

    def __init__(self, agent):
        self.agent = agent

    async def run_async(self, *, session_id, new_message=None):
        context = Context(session_id, new_message)
        async with contextlib.aclosing(self.agent.run_async(context)) as events:
            async for event in events:
                yield event

class Context:
    def __init__(self, session_id, user_content):
        self.user_content = user_content
        self.session = type("Session", (), {"id": session_id})
"""
BASE_AGENT = """
import contextlib

class BaseAgent:
    def __init__(self, name, work):
        self.name, self.work = name, work

    async def run_async(self, parent_context):
        async with contextlib.aclosing(self.work(parent_context)) as events:
            async for event in events:
                yield event

    run_live = run_async

class SequentialAgent(BaseAgent):
    pass
"""
INSTRUMENTATION = """
import contextlib

class Scope:
    function_response_event = error_type = None

@contextlib.asynccontextmanager
async def record_tool_execution(tool, agent, function_args, invocation_context):
    yield Scope()
"""
MODULES = {
    "runners.py": RUNNERS,
    "agents/base_agent.py": BASE_AGENT,
    "telemetry/_instrumentation.py": INSTRUMENTATION,
}


@pytest.fixture
def adk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The modules that are patched, imported when callspan is in force."""
    for name, text in MODULES.items():
        file = tmp_path / "google" / "adk" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    google = importlib.import_module("google")
    monkeypatch.setattr(google, "__path__", [*google.__path__, str(tmp_path / "google")])

    def load(name: str) -> Any:
        return importlib.import_module(f"google.adk.{name}")

    yield load
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.startswith("google.adk"):
            del sys.modules[name]


def event(text: str, partial: bool = False) -> Any:
    """Return an event with a text."""
    part = SimpleNamespace(text=text, thought=False)
    return SimpleNamespace(partial=partial, content=SimpleNamespace(parts=[part]))


def outcomes(telemetry: Telemetry) -> list[tuple[str, str | None, Any]]:
    """Return name, name of the parent and outcome of each span, in the order of their starts."""
    spans = sorted(telemetry.spans, key=lambda span: span.start_time or 0)
    names = {span.context.span_id: span.name for span in spans}
    rows: list[tuple[str, str | None, Any]] = []
    for span in spans:
        parent = names.get(span.parent.span_id) if span.parent else None
        rows.append((span.name, parent, (span.attributes or {})["callspan.outcome"]))
    return rows


async def run(adk: Any, agent: Any) -> None:
    """Run a turn to its end."""
    async for _ in adk("runners").Runner(agent).run_async(session_id="visit-7"):
        pass


async def test_turn_agents_and_tools(telemetry: Telemetry, adk: Any) -> None:
    """A tool fails without an exception; its runner of another agent is no second turn."""
    telemetry.instrument(capture="span")
    agents, telemetry_of_adk = adk("agents.base_agent"), adk("telemetry._instrumentation")

    async def write(_context: Any) -> AsyncIterator[Any]:
        yield event("tul", partial=True)
        yield event("tulip")

    async def sell(_context: Any) -> AsyncIterator[Any]:
        tool = SimpleNamespace(name="ask_poet", description="Ask the poet.")
        async with telemetry_of_adk.record_tool_execution(tool, None, {"of": 3}, None) as scope:
            await run(adk, agents.BaseAgent("poet", write))
            scope.error_type = "TIMEOUT"
        yield event("sold")

    await run(adk, agents.SequentialAgent("shop", agents.BaseAgent("seller", sell).run_async))
    assert outcomes(telemetry) == [
        ("invoke_workflow flowers", None, "completed"),
        ("invoke_workflow shop", "invoke_workflow flowers", "completed"),
        ("invoke_agent seller", "invoke_workflow shop", "completed"),
        ("execute_tool ask_poet", "invoke_agent seller", "error"),
        ("invoke_agent poet", "execute_tool ask_poet", "completed"),
    ]
    spans = {span.name: span.attributes or {} for span in telemetry.spans}
    assert spans["execute_tool ask_poet"]["error.type"] == "tool_error"
    assert "tulip" in str(spans["invoke_agent poet"]["gen_ai.output.messages"])
    assert 'tul"' not in str(spans["invoke_agent poet"]["gen_ai.output.messages"])
    for attributes in spans.values():
        assert attributes["callspan.framework.name"] == "google_adk"
        assert attributes["gen_ai.conversation.id"] == "visit-7"


async def test_an_agent_that_hands_over_has_done_its_work(telemetry: Telemetry, adk: Any) -> None:
    """ADK closes its generator."""
    agent_type = adk("agents.base_agent").BaseAgent

    async def talk(_context: Any) -> AsyncIterator[Any]:
        yield event("one moment")
        yield event("never read")

    async def hand_over(context: Any) -> AsyncIterator[Any]:
        desk = agent_type("desk", talk).run_async(context)
        async with contextlib.aclosing(desk):
            yield await desk.__anext__()

    await run(adk, agent_type("root", hand_over))
    assert outcomes(telemetry) == [
        ("invoke_workflow flowers", None, "completed"),
        ("invoke_agent root", "invoke_workflow flowers", "completed"),
        ("invoke_agent desk", "invoke_agent root", "completed"),
    ]


async def test_what_runs_in_a_turn_that_is_left_is_abandoned_too(
    telemetry: Telemetry, adk: Any
) -> None:
    """Also where ADK cancels the task in which the agent runs."""
    agent_type = adk("agents.base_agent").BaseAgent

    async def wait(_context: Any) -> AsyncIterator[Any]:
        yield event("one moment")
        await asyncio.Event().wait()

    async def drive(context: Any) -> AsyncIterator[Any]:
        waiter = agent_type("waiter", wait).run_async(context)
        yield await waiter.__anext__()
        task = asyncio.ensure_future(waiter.__anext__())
        try:
            await asyncio.sleep(0)
            yield event("still waiting")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    turn = adk("runners").Runner(agent_type("root", drive)).run_async(session_id="visit-7")
    async with contextlib.aclosing(turn):
        await turn.__anext__()
        await turn.__anext__()
    assert [outcome for *_, outcome in outcomes(telemetry)] == ["abandoned"] * 3
