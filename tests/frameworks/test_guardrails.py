"""Guardrails: a package in its shape stands for it; the real one is run by `python -m tests.frameworks`."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest

import callspan
from program import CHAT
from telemetry import Telemetry

RUNNER = """
class Runner:
    num_reasks = 1
    def do_loop(self, attempt_number, reasks):
        return bool(reasks) and attempt_number < self.num_reasks
"""
GUARD = """
from guardrails.run.runner import Runner

class Guard:
    def __init__(self, work, name=None):
        self.id, self.name, self.work = "7", name or "gr-7", work
    def _execute(self, *, llm_api=None, llm_output=None, messages=None):
        return self.work(Runner(), llm_api)
"""
ASYNC_GUARD = """
from guardrails.guard import Guard

class AsyncGuard(Guard):
    async def _execute(self, **arguments):
        return super()._execute(**arguments)
"""
MODULES = {"run/runner.py": RUNNER, "guard.py": GUARD, "async_guard.py": ASYNC_GUARD}


class ReAsk:
    fail_results = (SimpleNamespace(error_message="too secret"),)


def outcome(text: object, *, is_valid: bool = True, reask: object = None) -> Any:
    return SimpleNamespace(validated_output=text, validation_passed=is_valid, reask=reask)


@pytest.fixture
def guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of asynchronous guards, which has the plain ones as well."""
    for name, text in MODULES.items():
        file = tmp_path / "guardrails" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("guardrails.async_guard")
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] == "guardrails":
            del sys.modules[name]


def ask_twice(client: openai.OpenAI, last: Any) -> Any:
    """Return a guard's work: two answers of the model, of which the last is `last`."""

    def work(runner: Any, _api: object) -> Any:
        client.chat.completions.create(**CHAT)
        assert runner.do_loop(0, [ReAsk()]) is True
        client.chat.completions.create(**CHAT)
        assert runner.do_loop(1, [ReAsk()]) is False
        return last

    return work


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("is_valid", [True, False], ids=["valid", "refused"])
def test_all_attempts_are_one_operation(
    telemetry: Telemetry, guards: Any, client: openai.OpenAI, is_valid: bool, asynchronous: bool
) -> None:
    """A text that a validator could mend is valid in the end, though it was asked for again."""
    telemetry.instrument()
    last = outcome("a tulip", is_valid=is_valid, reask=ReAsk())
    work = ask_twice(client, last)
    if asynchronous:
        assert asyncio.run(guards.AsyncGuard(work, "short")._execute()) is last
    else:
        assert guards.Guard(work, "short")._execute() is last
    *calls, answer = telemetry.spans
    assert [span.parent for span in calls] == [answer.context] * 2
    values = answer.attributes or {}
    assert answer.name == "invoke_workflow short"
    assert values["callspan.outcome"] == ("completed" if is_valid else "error")
    assert values["callspan.request.attempts"] == 2
    (event,) = answer.events
    assert str((event.attributes or {})["callspan.retry.cause"]).endswith("ReAsk")
    assert "secret" not in telemetry.everything()


def test_a_check_of_a_text_is_a_run_without_a_call(telemetry: Telemetry, guards: Any) -> None:
    """A guard to which the app gives no name has none."""
    telemetry.instrument(capture="span")
    guards.Guard(lambda *_: outcome("a tul"))._execute(llm_output="a tulip")
    values = telemetry.span.attributes or {}
    assert telemetry.span.name == "invoke_workflow"
    assert "a tulip" in str(values["gen_ai.input.messages"])
    assert "a tul" in str(values["gen_ai.output.messages"])


def test_a_streamed_answer_lasts_until_it_is_read(telemetry: Telemetry, guards: Any) -> None:
    telemetry.instrument(capture="span")

    def work(*_: object) -> Any:
        return (outcome(piece) for piece in ("a ", "tulip"))

    whole = guards.Guard(work, "short")._execute()
    assert not telemetry.spans
    assert [piece.validated_output for piece in whole] == ["a ", "tulip"]
    part = guards.Guard(work, "short")._execute()
    next(part)
    part.close()
    first, second = telemetry.spans
    assert "a tulip" in str((first.attributes or {})["gen_ai.output.messages"])
    assert (second.attributes or {})["callspan.outcome"] == "abandoned"
