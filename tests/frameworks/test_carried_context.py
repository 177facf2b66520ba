"""Frameworks that run the app's functions in threads without their context: calls in them belong to the run.

Packages of the frameworks' names and shapes stand for them here, as in test_function_runs.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

PACKAGES = {
    "autogen_core/tools/_base.py": """
class BaseTool:
    name, description = "price", "Tell a price."
    async def run_json(self, args, cancellation_token, call_id=None):
        return await self.run(args, cancellation_token)
""",
    "autogen_core/tools/_function_tool.py": """
import asyncio, functools
from autogen_core.tools._base import BaseTool
class FunctionTool(BaseTool):
    def __init__(self, function):
        self._func = function
    async def run(self, args, cancellation_token):
        if asyncio.iscoroutinefunction(self._func):
            return await self._func(**args)
        call = functools.partial(self._func, **args)
        return await asyncio.get_event_loop().run_in_executor(None, call)
""",
    "crewai/tools/structured_tool.py": """
import asyncio
class CrewStructuredTool:
    name, description = "price", "Tell a price."
    def __init__(self, function):
        self.func = function
    def invoke(self, input, config=None):
        return self.func(**input)
    async def ainvoke(self, input, config=None):
        if asyncio.iscoroutinefunction(self.func):
            return await self.func(**input)
        return await asyncio.get_event_loop().run_in_executor(None, lambda: self.func(**input))
""",
    "autogen_core/_single_threaded_agent_runtime.py": """
import asyncio
from dataclasses import dataclass

@dataclass(kw_only=True)
class PublishMessageEnvelope:
    message: object

class SingleThreadedAgentRuntime:
    def start(self, receive):
        self.queue, self.receive = asyncio.Queue(), receive
        self.task = asyncio.create_task(self.run())

    def publish(self, message):
        self.queue.put_nowait(PublishMessageEnvelope(message=message))

    async def run(self):
        while True:
            await self._process_publish(await self.queue.get())
            self.queue.task_done()

    async def _process_publish(self, message_envelope):
        self.receive(message_envelope.message)
""",
    "dspy/utils/parallelizer.py": """
from concurrent.futures import ThreadPoolExecutor
class ParallelExecutor:
    def execute(self, function, data):
        with ThreadPoolExecutor(1) as pool:
            return list(pool.map(function, data))
""",
}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """What imports a module of the packages."""
    for name, text in PACKAGES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module
    for name in list(sys.modules):
        if name.partition(".")[0] in {"autogen_core", "crewai", "dspy"}:
            del sys.modules[name]


def parents(telemetry: Telemetry) -> dict[str, str | None]:
    """Return the name of each span's parent."""
    names: dict[int, str] = {}
    for span in telemetry.all_spans:
        context = span.get_span_context()
        assert context is not None
        names[context.span_id] = span.name
    return {
        span.name: names[span.parent.span_id] if span.parent else None
        for span in telemetry.all_spans
    }


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", ["autogen", "crewai"])
def test_work_of_a_tool_belongs_to_the_tool(
    telemetry: Telemetry, packages: Callable[[str], Any], framework: str, asynchronous: bool
) -> None:
    telemetry.instrument()

    def work(count: int) -> int:
        with telemetry.tracer.start_as_current_span("work"):
            return count * 2

    async def await_work(count: int) -> int:
        return work(count)

    async def run() -> Any:
        function = await_work if asynchronous else work
        if framework == "crewai":
            tool = packages("crewai.tools.structured_tool").CrewStructuredTool(function)
            return await tool.ainvoke({"count": 3})
        tool = packages("autogen_core.tools._function_tool").FunctionTool(function)
        result = await tool.run_json({"count": 3}, None)
        # the tool itself is as it was
        assert tool._func is function
        return result

    assert asyncio.run(run()) == 6
    assert parents(telemetry) == {"work": "execute_tool price", "execute_tool price": None}


async def test_agents_that_take_turns_stand_side_by_side_in_the_run_of_the_first_message(
    telemetry: Telemetry, packages: Callable[[str], Any]
) -> None:
    telemetry.instrument()
    runtime = packages("autogen_core._single_threaded_agent_runtime").SingleThreadedAgentRuntime()

    def receive(turn: int) -> None:
        with callspan.agent(f"agent {turn}"):
            if turn < 2:
                runtime.publish(turn + 1)

    runtime.start(receive)
    with callspan.workflow("salon"):
        runtime.publish(1)
        await runtime.queue.join()
    runtime.task.cancel()
    assert parents(telemetry) == {
        "invoke_agent agent 1": "invoke_workflow salon",
        "invoke_agent agent 2": "invoke_workflow salon",
        "invoke_workflow salon": None,
    }


def test_examples_of_a_batch_belong_to_their_caller(
    telemetry: Telemetry, packages: Callable[[str], Any]
) -> None:
    telemetry.instrument()

    def work(item: int) -> int:
        with telemetry.tracer.start_as_current_span(f"work {item}"):
            return item

    executor = packages("dspy.utils.parallelizer").ParallelExecutor()
    with telemetry.tracer.start_as_current_span("app"):
        assert executor.execute(work, [1, 2]) == [1, 2]
    assert parents(telemetry) == {"work 1": "app", "work 2": "app", "app": None}
