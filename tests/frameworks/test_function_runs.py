"""Runs of frameworks that are functions: a package in the shape of Agno stands for all of them.

The real frameworks are run by `python -m tests.frameworks`; they agree on no versions of clients.
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
from callspan.testing.modelserver import ModelServer
from clients import openai_client
from program import CHAT
from telemetry import Telemetry

AGENT = """
class Agent:
    def __init__(self, name, work):
        self.name, self.work = name, work

    def run(self, input, stream=False, session_id=None):
        if stream:
            return self._steps(input)
        return Output(self.work(input))

    def arun(self, input, stream=False, session_id=None):
        return self._work(input)

    async def _work(self, input):
        return Output(self.work(input))

    def _steps(self, input):
        for letter in input:
            yield Output(self.work(letter))
        yield RunOutput(input)

class Output:
    def __init__(self, content):
        self.content = content

class RunOutput(Output):
    pass
"""
STEP = """
class Step:
    def __init__(self, name, success):
        self.name, self.success = name, success

    def execute(self, step_input):
        return self

    def execute_stream(self, step_input):
        yield step_input
        yield self
"""
FUNCTION = """
class Function:
    name, description = "price", "Tell a price."

class Result:
    def __init__(self, result=None, error=None):
        self.result, self.error = result, error
        self.status = "success" if error is None else "failure"

class FunctionCall:
    function, call_id = Function, "call_1"

    def __init__(self, work, **arguments):
        self.work, self.arguments = work, arguments

    def execute(self):
        try:
            return Result(self.work(**self.arguments))
        except ValueError as error:
            return Result(error=str(error))

    async def aexecute(self):
        return self.execute()
"""


@pytest.fixture
def agno(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The two modules that are patched, imported when callspan is in force."""
    modules = {
        "agent/agent.py": AGENT,
        "tools/function.py": FUNCTION,
        "workflow/step.py": STEP,
    }
    for name, text in modules.items():
        file = tmp_path / "agno" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))

    class Modules:
        agent = property(lambda self: importlib.import_module("agno.agent.agent").Agent)
        tool = property(lambda self: importlib.import_module("agno.tools.function").FunctionCall)
        step = property(lambda self: importlib.import_module("agno.workflow.step").Step)

    yield Modules()
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] == "agno":
            del sys.modules[name]


def tree(telemetry: Telemetry) -> list[tuple[str, str | None]]:
    """Return name and name of the parent of each span, in the order of their ends."""
    names = {span.context.span_id: span.name for span in telemetry.spans}
    return [
        (span.name, names.get(span.parent.span_id) if span.parent else None)
        for span in telemetry.spans
    ]


def test_calls_and_tools_are_inside_their_agent(
    telemetry: Telemetry, model_server: ModelServer, agno: Any
) -> None:
    telemetry.instrument(capture="span")
    client = openai_client(model_server.url)

    def sell(question: str) -> str:
        agno.tool(lambda count: count * 2, count=3).execute()
        return client.chat.completions.create(**CHAT).choices[0].message.content

    agno.agent("seller", sell).run("How much?", session_id="visit-7")
    assert tree(telemetry) == [
        ("execute_tool price", "invoke_agent seller"),
        ("chat gpt-4.1-mini", "invoke_agent seller"),
        ("invoke_agent seller", None),
    ]
    tool, chat, agent = (span.attributes or {} for span in telemetry.spans)
    assert (tool["gen_ai.tool.call.id"], tool["gen_ai.agent.name"]) == ("call_1", "seller")
    assert "How much?" in str(agent["gen_ai.input.messages"])
    for attributes in (tool, chat, agent):
        assert attributes["callspan.framework.name"] == "agno"
        assert attributes["gen_ai.conversation.id"] == "visit-7"


def test_a_stream_left_early_is_abandoned(telemetry: Telemetry, agno: Any) -> None:
    telemetry.instrument()
    steps = agno.agent("poet", str.upper).run("tulip", stream=True)
    assert next(steps).content == "T"
    assert not telemetry.spans
    steps.close()
    assert (telemetry.span.attributes or {})["callspan.outcome"] == "abandoned"


def test_a_stream_closed_at_its_last_item_is_complete(telemetry: Telemetry, agno: Any) -> None:
    """A step of a workflow reads the stream of its agent to the output, and no further."""
    telemetry.instrument()
    steps = agno.agent("poet", str.upper).run("t", stream=True)
    assert [next(steps).content, next(steps).content] == ["T", "t"]
    steps.close()
    assert (telemetry.span.attributes or {})["callspan.outcome"] == "completed"


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize("method", ["execute", "execute_stream"])
def test_a_step_of_a_workflow_that_says_it_failed_has_failed(
    telemetry: Telemetry, agno: Any, success: bool, method: str
) -> None:
    telemetry.instrument()
    result = getattr(agno.step("write", success), method)("tulip")
    if method == "execute_stream":
        *_, result = result
    assert result.success is success
    attributes = telemetry.span.attributes or {}
    assert telemetry.span.name == "run_node write"
    assert attributes.get("error.type") == (None if success else "step_error")


def test_an_awaited_run_is_one_operation(telemetry: Telemetry, agno: Any) -> None:
    telemetry.instrument()
    run = agno.agent("poet", str.upper).arun("tulip")
    assert not telemetry.spans
    assert asyncio.run(run).content == "TULIP"
    assert telemetry.span.name == "invoke_agent poet"


def test_a_tool_whose_error_is_a_result_has_failed(telemetry: Telemetry, agno: Any) -> None:
    telemetry.instrument()

    def fail() -> None:
        raise ValueError("the cellar is locked")

    assert agno.tool(fail).execute().status == "failure"
    attributes = telemetry.span.attributes or {}
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", "tool_error")
    assert "cellar" not in telemetry.everything()


def test_a_run_in_the_same_run_is_no_second_operation(telemetry: Telemetry, agno: Any) -> None:
    """Methods of one agent call each other."""
    telemetry.instrument()
    agent = agno.agent("poet", lambda text: agno.agent("poet", str.upper).run(text).content)
    assert agent.run("tulip").content == "TULIP"
    assert tree(telemetry) == [("invoke_agent poet", None)]


def test_nothing_is_left_after_uninstrument(telemetry: Telemetry, agno: Any) -> None:
    telemetry.instrument()
    agent = agno.agent("poet", str.upper)
    callspan.uninstrument()
    assert agent.run("tulip").content == "TULIP"
    assert not telemetry.spans
    assert not hasattr(type(agent).run, "__wrapped__")
