"""What LangChain tells as an error and is none, in every kind of run; T084 of the list of what must be survived."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.errors import GraphInterrupt, ParentCommand
from langgraph.types import Command

from callspan.langchain import CallspanHandler
from telemetry import Telemetry

STARTS: dict[str, Callable[..., Any]] = {
    "chain": lambda handler, **run: handler.on_chain_start({"name": "florist"}, {}, **run),
    "tool": lambda handler, **run: handler.on_tool_start({"name": "price"}, "rose", **run),
    "llm": lambda handler, **run: handler.on_llm_start({"name": "model"}, ["Hi"], **run),
    "retriever": lambda handler, **run: handler.on_retriever_start({"name": "shelf"}, "roses", **run),
}
NO_ERRORS = {
    "interrupt": (GraphInterrupt, "completed"),
    "command": (lambda: ParentCommand(Command(goto="other")), "completed"),
    "left": (GeneratorExit, "abandoned"),
}


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("what", NO_ERRORS)
def test_t084_no_error(telemetry: Telemetry, kind: str, what: str) -> None:
    """An interrupt, a command to the parent, and a reader that left, in a chain, a tool, a model and a retriever."""
    handler, run_id = CallspanHandler(), uuid.uuid4()
    make, outcome = NO_ERRORS[what]
    STARTS[kind](handler, run_id=run_id)
    getattr(handler, f"on_{kind}_error")(make(), run_id=run_id)
    assert telemetry.span.status.status_code.name == "UNSET"
    assert telemetry.attributes["callspan.outcome"] == outcome
    assert "error.type" not in telemetry.attributes


@pytest.mark.parametrize("kind", STARTS)
def test_t084_errors_stay_errors(telemetry: Telemetry, kind: str) -> None:
    """An exception of any other class fails the run."""
    handler, run_id = CallspanHandler(), uuid.uuid4()
    STARTS[kind](handler, run_id=run_id)
    getattr(handler, f"on_{kind}_error")(ValueError("mine"), run_id=run_id)
    assert telemetry.span.status.status_code.name == "ERROR"
    assert telemetry.attributes["error.type"] == "ValueError"
