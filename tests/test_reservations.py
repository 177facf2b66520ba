"""What a call reserves in budgets before it is sent, and what is charged where the provider states less than all."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import callspan
from callspan.accounting import reservations
from callspan.accounting.reservations import input_size
from callspan.testing.modelserver import Counts, ModelServer, Reply
from program import CHAT, MODEL, Program
from telemetry import Telemetry


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    """No output of an earlier test is taken for the usual one."""
    reservations._mean_outputs.clear()
    yield
    reservations._mean_outputs.clear()


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (None, 0),
        (17, 0),
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("éé", 1),
        ("ééé", 2),
        ("\ud800", 1),
        (["abcd", ("abcd", {"text": "abcd"})], 3),
        ({"text": "abcd", "n": 4}, 1),
        ({"type": "image", "data": "abcd" * 100, "file_data": "abcd" * 100}, 2),
        ({"url": "data:image/png;base64," + "abcd" * 100}, 0),
        ({"url": "https://flowers.example/a.png"}, 8),
    ],
    ids=repr,
)
def test_the_input_is_a_quarter_of_the_bytes_of_its_texts(body: Any, tokens: int) -> None:
    """Rounded up, and without what stands for pictures, sound and files."""
    assert input_size(body) == tokens


SENT = input_size(CHAT)
"""The tokens that are reserved for the input of `CHAT`."""


def assert_reserves(program: Program, tokens: int, **options: Any) -> None:
    """A limit that just fits admits the call, and one token less does not.

    Whether the provider then takes the odd values of a request is its own affair.
    """
    with callspan.budget(tokens=tokens - 1) as budget, pytest.raises(callspan.BudgetExceeded):
        program.chat(**options)
    assert budget.spent["calls"] == 0
    with callspan.budget(tokens=tokens) as budget, contextlib.suppress(openai.BadRequestError):
        program.chat(**options)
    assert budget.spent["calls"] == 1


@pytest.mark.parametrize(("most", "tokens"), [(50, 50), (0, 0), (-1, 0), (50.0, 50)])
def test_the_most_that_a_model_may_say_is_reserved(
    telemetry: Telemetry, program: Program, most: Any, tokens: int
) -> None:
    """Beside the input; -1 stands for no limit."""
    assert_reserves(program, SENT + tokens, max_tokens=most)


def test_later_outputs_weigh_more(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """The usual output is the first one, moved by an eighth of the difference with each call."""
    model_server.enqueue(Reply(usage=Counts(10, 80)), Reply(usage=Counts(10, 160)))
    with callspan.budget(calls=2):
        program.chat()
        program.chat()
    assert_reserves(program, SENT + 90)
    another = {**CHAT, "model": "another"}
    assert_reserves(program, input_size(another), **another)


def test_no_more_models_are_known_than_a_number(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program that makes up names does not fill the memory; those that are known already stay."""
    monkeypatch.setattr(reservations, "_MOST_MODELS", 2)
    with callspan.budget(calls=9):
        for name in ("a", "b", "a"):
            program.chat(model=name)
        assert list(reservations._mean_outputs) == ["a", "b"]
        program.chat(model="c")
    assert list(reservations._mean_outputs) == ["c"]


def charged(
    program: Program, stream: bool = False, take: int | None = None, **options: Any
) -> float:
    """The tokens that one call is charged with."""
    with callspan.budget(tokens=10_000) as budget:
        program.stream(take, **options) if stream else program.chat(**options)
    return budget.spent["tokens"]


def test_what_nobody_states_is_charged_as_reserved(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A whole answer without counts: the input by its size and the output by what it might have said."""
    model_server.enqueue(Reply(usage=False))
    assert charged(program, max_tokens=50) == SENT + 50


def test_nothing_is_charged_for_nothing(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Neither where 0 is stated, nor where a budget of calls alone has sized nothing and nobody states anything."""
    model_server.enqueue(Reply(usage=Counts(0, 0)), Reply(usage=False))
    assert charged(program) == 0
    with callspan.budget(calls=1) as budget:
        program.chat()
    assert budget.spent["tokens"] == 0


def test_a_stream_without_counts_is_charged_by_its_chunks(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """As many as came, whatever was reserved."""
    model_server.enqueue(Reply(text="rose " * 60, usage=False))
    assert charged(program, stream=True, take=5, max_tokens=50) == SENT + 5


def test_a_half_of_the_counts_is_believed(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """And the other half guessed."""
    answer = {"id": "a", "object": "chat.completion", "model": MODEL, "choices": []}
    for usage, tokens in (
        ({"prompt_tokens": 7}, 57),
        ({"completion_tokens": 9}, SENT + 9),
        ({}, SENT + 50),
    ):
        model_server.enqueue(Reply(raw=json.dumps({**answer, "usage": usage})))
        with callspan.budget(tokens=1000) as budget:
            client.chat.completions.create(**CHAT, max_tokens=50)
        assert budget.spent["tokens"] == tokens


def test_a_call_that_was_refused_has_used_nothing(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """One whose stream broke has used what had come."""
    model_server.enqueue(Reply(status=400))
    with callspan.budget(tokens=1000, usd=1) as budget, pytest.raises(openai.BadRequestError):
        program.chat(max_tokens=50)
    assert (budget.spent["tokens"], budget.spent["usd"], budget.unknown_calls) == (0, 0, 0)
    model_server.enqueue(Reply(text="rose " * 60, error_after=4))
    with callspan.budget(tokens=1000) as budget, pytest.raises(openai.APIError):
        program.stream(max_tokens=50)
    assert budget.spent["tokens"] == SENT + 4


@pytest.mark.instrument(prices={"models": {MODEL: {"input": 1_000_000, "output": 2_000_000}}})
def test_dollars_of_guessed_tokens(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """The guess is priced as counts are: input and output each by their own price."""
    model_server.enqueue(Reply(usage=False))
    with callspan.budget(usd=10_000) as budget:
        program.chat(max_tokens=50)
    assert budget.spent["usd"] == pytest.approx(SENT + 100)
    with callspan.budget(usd=SENT + 99.5), pytest.raises(callspan.BudgetExceeded):
        program.chat(max_tokens=50)
    with callspan.budget(usd=SENT + 100):
        program.chat(max_tokens=50)


def test_a_stream_may_say_what_is_reserved(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """It is stopped at the first look behind that, when eight more chunks have come."""
    model_server.enqueue(Reply(text="rose " * 60))
    chunks: list[Any] = []
    with (
        callspan.budget(tokens=SENT + 16) as budget,
        pytest.raises(callspan.BudgetExceeded) as caught,
    ):
        chunks.extend(client.chat.completions.create(**CHAT, max_tokens=10, stream=True))
    assert len(chunks) == 23
    assert (caught.value.unit, caught.value.spent) == ("tokens", SENT + 24)
    assert budget.spent["tokens"] == SENT + 24
    assert budget._reserved == {"tokens": 0, "usd": 0}


@pytest.mark.instrument(prices={"models": {MODEL: {"input": 0, "output": 1_000_000}}})
def test_a_stream_is_stopped_by_dollars(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """By the price of what has come beyond the reservation."""
    model_server.enqueue(Reply(text="rose " * 60))
    with callspan.budget(usd=16) as budget, pytest.raises(callspan.BudgetExceeded) as caught:
        list(client.chat.completions.create(**CHAT, max_tokens=10, stream=True))
    assert (caught.value.unit, caught.value.spent) == ("usd", pytest.approx(24))
    assert budget._reserved == {"tokens": 0, "usd": pytest.approx(0)}
