"""Runs whose end another object tells: the future of a handler, or the event of a result.

Packages in the shape of LlamaIndex and Semantic Kernel stand for them, as in test_function_runs.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import callspan
from telemetry import Telemetry

WORKFLOW = """
import asyncio

class Handler:
    def __init__(self, work):
        self._result_task = asyncio.ensure_future(work)

class Workflow:
    def run(self, work):
        return Handler(work)
"""
ORCHESTRATION = """
import asyncio

class Token:
    def is_cancelled(self):
        return False

class Result:
    value, exception, cancellation_token = "Roses", None, Token()

    def __init__(self):
        self.event = asyncio.Event()

class OrchestrationBase:
    name = "florists"

    async def invoke(self, task, runtime=None):
        return Result()
"""
FILES = {
    "llama_index/core/__init__.py": "",
    "workflows/workflow.py": WORKFLOW,
    "semantic_kernel/agents/orchestration/orchestration_base.py": ORCHESTRATION,
}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages in the shape of the frameworks."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] in ("llama_index", "workflows", "semantic_kernel"):
            del sys.modules[name]


async def _start_orchestration() -> Any:
    module = importlib.import_module("semantic_kernel.agents.orchestration.orchestration_base")
    return await module.OrchestrationBase().invoke("Buy flowers")


def test_an_exception_that_nobody_retrieves_is_logged_as_without_us(
    telemetry: Telemetry, packages: None, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry.instrument()
    importlib.import_module("llama_index.core")
    workflow = importlib.import_module("workflows.workflow").Workflow()

    async def fail() -> None:
        raise ValueError("the cellar is locked")

    async def work() -> None:
        handler = workflow.run(fail())
        await asyncio.wait([handler._result_task])

    asyncio.run(work())
    gc.collect()
    assert (telemetry.span.attributes or {})["error.type"] == "ValueError"
    assert "exception was never retrieved" in caplog.text


def test_an_orchestration_ends_with_its_event(telemetry: Telemetry, packages: None) -> None:
    telemetry.instrument()

    async def work() -> None:
        result = await _start_orchestration()
        assert not telemetry.spans
        result.event.set()

    asyncio.run(work())
    assert (telemetry.span.attributes or {})["callspan.outcome"] == "completed"


@pytest.mark.guard_acts
def test_an_odd_result_does_not_fail_its_runtime(telemetry: Telemetry, packages: None) -> None:
    telemetry.instrument()

    async def work() -> None:
        result = await _start_orchestration()
        result.cancellation_token = None
        result.event.set()
        assert result.event.is_set()

    asyncio.run(work())
    assert telemetry.span.name == "invoke_workflow florists"


def test_an_orchestration_that_is_dropped_is_abandoned(
    telemetry: Telemetry, packages: None
) -> None:
    telemetry.instrument()
    asyncio.run(_start_orchestration())
    gc.collect()
    assert (telemetry.span.attributes or {})["callspan.outcome"] == "abandoned"
