"""Instructor: a package in its shape stands for it; the real one is run by `python -m tests.frameworks`."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pydantic
import pytest

import callspan
from program import CHAT
from telemetry import Telemetry

RETRY = """
class FailedAttempt:
    def __init__(self, attempt_number, exception):
        self.attempt_number, self.exception = attempt_number, exception

def _budget_error(*, failed_attempts, attempt_number):
    return None

def _finalize_parsed_response(parsed, response):
    return parsed

def _attempt(func, response_model, kwargs, failed):
    try:
        return _finalize_parsed_response(response_model(func(**kwargs)), None)
    except ValueError as error:
        failed.append(FailedAttempt(len(failed) + 1, error))
        _budget_error(failed_attempts=failed, attempt_number=len(failed))
        raise

def retry_sync_v2(func, response_model, provider, mode, context, max_retries, args, kwargs):
    if response_model is None:
        return func(**kwargs)
    failed = []
    while True:
        try:
            return _attempt(func, response_model, kwargs, failed)
        except ValueError:
            if len(failed) > max_retries:
                raise

async def retry_async_v2(**arguments):
    return retry_sync_v2(**arguments)
"""
PATCH = "from instructor.v2.core.retry import retry_async_v2, retry_sync_v2\n"


class Order:
    """Valid from the answer with the number `valid_from` on."""

    valid_from = 1
    answers = 0
    error = ValueError("no flower named secret")

    def __init__(self, _response: object) -> None:
        kind = type(self)
        kind.answers += 1
        if kind.answers < kind.valid_from:
            raise kind.error


@pytest.fixture
def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: openai.OpenAI
) -> Iterator[Callable[..., Any]]:
    """Ask for an answer of a model of it, twice again at the most."""
    folder = tmp_path / "instructor" / "v2" / "core"
    folder.mkdir(parents=True)
    (folder / "retry.py").write_text(RETRY)
    (folder / "patch.py").write_text(PATCH)
    monkeypatch.syspath_prepend(str(tmp_path))

    def call(model: Any, function: str = "retry_sync_v2") -> Any:
        loops = importlib.import_module("instructor.v2.core.patch")
        rest: Any = {"provider": None, "mode": None, "context": None, "max_retries": 2, "args": ()}
        return getattr(loops, function)(
            func=client.chat.completions.create, response_model=model, kwargs=dict(CHAT), **rest
        )

    yield call
    callspan.uninstrument()
    for name in list(sys.modules):
        if name.partition(".")[0] == "instructor":
            del sys.modules[name]


def model(valid_from: int) -> type[Order]:
    return type("Order", (Order,), {"valid_from": valid_from})


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_all_attempts_are_one_operation(
    telemetry: Telemetry, ask: Callable[..., Any], attempts: int, asynchronous: bool
) -> None:
    telemetry.instrument()
    if asynchronous:
        asyncio.run(ask(model(attempts), "retry_async_v2"))
    else:
        ask(model(attempts))
    *calls, answer = telemetry.spans
    assert [span.name for span in calls] == ["chat gpt-4.1-mini"] * attempts
    assert all(span.parent == answer.context for span in calls)
    values = answer.attributes or {}
    assert (answer.name, values["callspan.outcome"]) == ("invoke_workflow Order", "completed")
    assert values.get("callspan.request.attempts", 1) == attempts
    causes = [(event.attributes or {})["callspan.retry.cause"] for event in answer.events]
    assert causes == ["ValueError"] * (attempts - 1)
    assert "secret" not in telemetry.everything()


def test_the_answer_is_content(telemetry: Telemetry, ask: Callable[..., Any]) -> None:
    """It is an object of the app's class, which holds data only."""
    telemetry.instrument(capture="span")

    class Price(pydantic.BaseModel):
        euros: int

    ask(lambda _response: Price(euros=3))
    answer = telemetry.spans[-1].attributes or {}
    assert '\\"euros\\":3' in str(answer["gen_ai.output.messages"])


def test_the_app_gets_the_very_error_of_the_last_attempt(
    telemetry: Telemetry, ask: Callable[..., Any]
) -> None:
    telemetry.instrument()
    with pytest.raises(ValueError, match="secret") as caught:
        ask(model(9))
    assert caught.value is Order.error
    values = telemetry.spans[-1].attributes or {}
    assert values["error.type"] == "ValueError"
    assert values["callspan.request.attempts"] == 3


def test_an_iterable_that_is_awaited_lasts_until_it_is_read(
    telemetry: Telemetry, ask: Callable[..., Any]
) -> None:
    telemetry.instrument()

    async def orders(_response: object) -> Any:
        yield "tulip"
        yield "rose"

    async def read() -> list[Any]:
        stream = await ask(orders, "retry_async_v2")
        assert "invoke_workflow orders" not in [span.name for span in telemetry.spans]
        return [order async for order in stream]

    assert asyncio.run(read()) == ["tulip", "rose"]
    assert telemetry.spans[-1].name == "invoke_workflow orders"


def test_a_plain_answer_is_its_call_alone(telemetry: Telemetry, ask: Callable[..., Any]) -> None:
    telemetry.instrument()
    ask(None)
    assert telemetry.span.name == "chat gpt-4.1-mini"


def test_nothing_is_noted_where_nobody_observes(
    telemetry: Telemetry, ask: Callable[..., Any]
) -> None:
    """An answer of another program's framework is around, and none of Instructor's."""
    telemetry.instrument()
    with callspan.workflow("shop"):
        callspan.uninstrument()
        ask(model(2))
    assert [span.name for span in telemetry.spans] == ["invoke_workflow shop"]
