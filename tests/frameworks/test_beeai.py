"""BeeAI: a package in its shape stands for it; the real one is run by `python -m tests.frameworks`."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

CONTEXT = """
import asyncio

class RunContext:
    def __init__(self, run_params, context):
        self.run_params, self.context = run_params, context

    @staticmethod
    def enter(instance, fn, *, run_params=None, context=None):
        async def work():
            # as BeeAI does, in a task of the run's own
            return await asyncio.ensure_future(fn(RunContext(run_params or {}, context or {})))
        return work()

class BaseAgent: pass
class ReActAgent(BaseAgent): pass
class Workflow: pass
class Tool: pass
class ChatModel: pass
"""


@pytest.fixture
def beeai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module that is patched, which has the classes of the runs as well."""
    folder = tmp_path / "beeai_framework"
    folder.mkdir()
    (folder / "context.py").write_text(CONTEXT)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("beeai_framework.context")
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] == "beeai_framework":
            del sys.modules[name]


def make(kind: type, **attributes: Any) -> Any:
    instance = kind()
    vars(instance).update(attributes)
    return instance


def agent(kind: type, name: str) -> Any:
    return make(kind, meta=SimpleNamespace(name=name))


async def answer(_context: Any) -> Any:
    return SimpleNamespace(last_message=SimpleNamespace(text="3 tulips"))


def test_agents_tools_and_workflows(telemetry: Telemetry, beeai: Any) -> None:
    """The task of each run is inside the run that has entered it."""
    telemetry.instrument(capture="span")
    enter = beeai.RunContext.enter
    tool = make(beeai.Tool, name="flower_price", description="Tell a price.")
    model_call = SimpleNamespace(id="call_1")

    async def look_up(_context: Any) -> Any:
        return SimpleNamespace(get_text_content=lambda: "3 euros")

    async def ask_model(_context: Any) -> Any:
        context = {"tool_call_msg": model_call}
        return await enter(tool, look_up, run_params={"input": {"of": "tulip"}}, context=context)

    async def sell(context: Any) -> Any:
        # a model is no run of ours: its client's call is one
        await enter(beeai.ChatModel(), ask_model)
        return await answer(context)

    async def guide(_context: Any) -> Any:
        question = [SimpleNamespace(text="How much"), SimpleNamespace(text="is a tulip?")]
        await enter(agent(beeai.BaseAgent, "seller"), sell, run_params={"input": question})
        return SimpleNamespace(result="sold")

    flow = make(beeai.Workflow, name="shop")
    asyncio.run(enter(flow, guide, run_params={"state": "a tulip"}))
    tool_span, agent_span, flow_span = telemetry.spans
    assert [span.name for span in telemetry.spans] == [
        "execute_tool flower_price",
        "invoke_agent seller",
        "invoke_workflow shop",
    ]
    assert tool_span.parent == agent_span.context
    assert agent_span.parent == flow_span.context
    values = tool_span.attributes or {}
    assert values["gen_ai.tool.call.id"] == "call_1"
    assert values["gen_ai.tool.call.arguments"] == '{"of":"tulip"}'
    assert "3 euros" in str(values["gen_ai.tool.call.result"])
    assert "How much\\nis a tulip?" in str((agent_span.attributes or {})["gen_ai.input.messages"])
    assert "3 tulips" in str((agent_span.attributes or {})["gen_ai.output.messages"])
    assert "sold" in str((flow_span.attributes or {})["gen_ai.output.messages"])


def test_names_of_the_framework_are_no_names(telemetry: Telemetry, beeai: Any) -> None:
    """A class of the app's own is a name."""
    telemetry.instrument()
    seller = type("Seller", (beeai.BaseAgent,), {"__module__": "shop"})
    runs = [
        agent(beeai.BaseAgent, "BaseAgent"),
        agent(beeai.ReActAgent, "ReAct"),
        agent(seller, "Seller"),
        make(beeai.Workflow, name="AgentWorkflow"),
    ]
    for run in runs:
        asyncio.run(beeai.RunContext.enter(run, answer))
    assert [span.name for span in telemetry.spans] == [
        "invoke_agent",
        "invoke_agent",
        "invoke_agent Seller",
        "invoke_workflow",
    ]


def test_a_run_that_fails_or_is_cancelled_says_so(telemetry: Telemetry, beeai: Any) -> None:
    telemetry.instrument()
    enter, seller = beeai.RunContext.enter, agent(beeai.BaseAgent, "seller")

    async def fail(_context: Any) -> Any:
        raise error

    async def cancel() -> None:
        begun = asyncio.Event()

        async def wait(_context: Any) -> Any:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(enter(seller, wait))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    error = RuntimeError("the cellar is locked")
    with pytest.raises(RuntimeError) as caught:
        asyncio.run(enter(seller, fail))
    assert caught.value is error
    asyncio.run(cancel())
    outcomes = [(span.attributes or {})["callspan.outcome"] for span in telemetry.spans]
    assert outcomes == ["error", "cancelled"]
