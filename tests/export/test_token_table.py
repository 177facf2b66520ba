"""The table of tokens by model."""

from __future__ import annotations

import threading

import pytest

from callspan.events import Call, Failure, Outcome, Usage
from callspan.export.text.token_table import render
from callspan.export.token_sums import TokenSums
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import openai_client
from program import CHAT
from telemetry import Telemetry


def ended(
    sums: TokenSums,
    model: str,
    usage: Usage | None,
    outcome: Outcome = Outcome.COMPLETED,
    operation: str = "chat",
) -> None:
    call = Call(operation, "openai", model)
    call.outcome = outcome
    call.response.usage = usage
    if outcome in (Outcome.ERROR, Outcome.CANCELLED):
        call.failure = Failure("x")
        sums.on_error(call, ValueError())
    else:
        sums.on_end(call, call.response)


def test_without_calls_there_is_no_table() -> None:
    assert render(TokenSums().by_model()) == ""


def test_each_model_has_a_row_and_what_nobody_stated_is_not_counted_as_zero() -> None:
    sums = TokenSums()
    ended(sums, "gpt-4.1-mini", Usage(1200, 9, cache_read=1024))
    ended(sums, "gpt-4.1-mini", Usage(31, 4))
    ended(sums, "gpt-4.1-mini", None, Outcome.ABANDONED)
    ended(sums, "gpt-4.1-mini", Usage(input=5), Outcome.CANCELLED)
    ended(sums, "o4-mini", Usage(7, 300, reasoning=256))
    ended(sums, "通义千问", None)
    ended(sums, "no-such-model", None, Outcome.ERROR)
    ended(sums, "text-embedding-3", Usage(input=8), operation="embeddings")
    ended(sums, "a tool", None, operation="execute_tool")
    assert render(sums.by_model()) == (
        "model             calls  input  cached  output  reasoning  total  unknown  errors\n"
        "gpt-4.1-mini          4  1,236   1,024      13          ?  1,249        2\n"
        "o4-mini               1      7       ?     300        256    307\n"
        "通义千问              1      ?       ?       ?          ?      ?        1\n"
        "no-such-model         1      ?       ?       ?          ?      ?                1\n"
        "text-embedding-3      1      8       ?       ?          ?      8\n"
        "total                 8  1,251   1,024     313        256  1,564        3       1\n"
    )


@pytest.mark.parametrize("operation", ["embeddings", "rerank", "moderation"])
def test_operations_without_output_miss_none(operation: str) -> None:
    """The output of an operation that has none is not missing, so no call of it is unknown."""
    sums = TokenSums()
    ended(sums, "m", Usage(input=8), operation=operation)
    [(_model, row)] = list(sums.by_model().items())
    assert row.unknown == 0


def test_calls_of_many_threads_are_all_counted() -> None:
    sums = TokenSums()
    threads = [
        threading.Thread(target=lambda: [ended(sums, "m", Usage(1, 1)) for _ in range(200)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert render(sums.by_model()).splitlines()[1].split() == [
        "m",
        "1600",
        "1,600",
        "1,600",
        "3,200",
    ]


@pytest.mark.guard_acts("the price of a model is not known")
def test_costs_have_a_column_and_a_total(telemetry: Telemetry, model_server: ModelServer) -> None:
    """With `cost=True` only; a call without a price is counted beside the sum, never as nothing."""
    sums = TokenSums()
    rates = {"models": {"gpt-4.1-mini": {"input": 2, "output": 8}}}
    telemetry.instrument(handlers=[sums], cost=True, prices=rates)
    model_server.enqueue(*[Reply(usage=Counts(1000, 100))] * 3)
    with openai_client(model_server.url) as client:
        for model in ("gpt-4.1-mini", "gpt-4.1-mini", "at-home"):
            client.chat.completions.create(**{**CHAT, "model": model})
    costs = [line.rpartition("  ")[2] for line in render(sums.by_model()).splitlines()]
    assert costs == ["cost", "$0.0056", "?", "$0.0056 (1 unknown)"]


def test_without_the_setting_there_is_no_cost(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    sums = TokenSums()
    telemetry.instrument(handlers=[sums])
    with openai_client(model_server.url) as client:
        client.chat.completions.create(**CHAT)
    assert "cost" not in render(sums.by_model())
