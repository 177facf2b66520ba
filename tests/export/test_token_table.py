"""The table of tokens by model."""

from __future__ import annotations

import threading

import pytest

from callspan.events import Call, Failure, Outcome, Usage
from callspan.export.text.token_table import render
from callspan.export.token_sums import TokenSums


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
