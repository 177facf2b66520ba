"""The counts of an answer, by the names that the table of prices has for them."""

from __future__ import annotations

from typing import Any

import pytest

from callspan.accounting.prices.counts import counts
from callspan.accounting.prices.priced_call import minute, price_call
from callspan.events import Call, Outcome, Usage


@pytest.mark.parametrize(
    ("usage", "named"),
    [
        (Usage(), {}),
        (Usage(input=0, output=0), {"input_tokens": 0, "output_tokens": 0}),
        (Usage(input=9, reasoning=3), {"input_tokens": 9, "output_reasoning_tokens": 3}),
        (
            Usage(details={"web_searches": 2, "input_video": 5}),
            {"web_searches": 2, "input_video_tokens": 5},
        ),
        (
            Usage(output=4, details={"citations": 3}),
            {"output_tokens": 7, "output_citation_tokens": 3},
        ),
        (Usage(details={"citations": 3}), {"output_tokens": 3, "output_citation_tokens": 3}),
        (Usage(cache_write=9), {"cache_write_tokens": 9}),
        (
            Usage(cache_write=9, cache_write_1h=4),
            {"cache_write_tokens": 9, "cache_write_1h_tokens": 4, "cache_write_5m_tokens": 5},
        ),
        (
            Usage(cache_write=9, cache_write_1h=4, details={"cache_write_other": 2}),
            {
                "cache_write_tokens": 9,
                "cache_write_1h_tokens": 4,
                "cache_write_other": 2,
                "cache_write_5m_tokens": 3,
            },
        ),
        (
            Usage(cache_write=3, cache_write_1h=4),
            {"cache_write_tokens": 3, "cache_write_1h_tokens": 4, "cache_write_5m_tokens": 0},
        ),
    ],
    ids=str,
)
def test_each_count_by_its_name(usage: Usage, named: dict[str, int]) -> None:
    """Only those that are stated, and once where nothing is left to guess."""
    assert counts(usage) == [named]


def cached(usage: Usage) -> list[tuple[int | None, ...]]:
    """The least and the most of what was cached: text, sound and pictures."""
    kinds = ("text", "audio", "image")
    return [
        tuple(found.get(f"cache_{kind}_read_tokens") for kind in kinds) for found in counts(usage)
    ]


@pytest.mark.parametrize(
    ("stated", "guessed"),
    [
        # all that is no sound may have been cached before any sound was, and the other way round
        ({"input": 100, "input_audio": 30, "cache_read": 80}, [(None, 10, None), (None, 30, None)]),
        ({"input": 100, "input_audio": 30, "cache_read": 20}, [(None, 0, None), (None, 20, None)]),
        (
            {"input": 100, "input_audio": 30, "cache_read": 100},
            [(None, 30, None), (None, 30, None)],
        ),
        (
            {"input": 100, "input_text": 70, "input_audio": 30, "cache_read": 80},
            [(50, 30, None), (70, 10, None)],
        ),
        ({"input": 30, "input_audio": 30, "cache_read": 20}, [(None, 20, None), (None, 20, None)]),
        # how much of one kind was cached is stated
        (
            {
                "input": 100,
                "input_audio": 30,
                "cache_read": 80,
                "details": {"cache_read_audio": 25},
            },
            [(None, 25, None)],
        ),
        (
            {
                "input": 100,
                "input_text": 70,
                "input_image": 30,
                "cache_read": 80,
                "details": {"cache_read_text": 60},
            },
            [(60, None, 20), (60, None, 20)],
        ),
        (
            {"input": 9, "input_image": 5, "cache_read": 4, "details": {"cache_read_text": 6}},
            [(6, None, 0), (6, None, 0)],
        ),
        # the parts contradict the whole
        ({"input": 9, "input_audio": 5, "cache_read": 100}, [(None, 5, None), (None, 5, None)]),
        ({"input_audio": 5, "cache_read": 3}, [(None, 3, None), (None, 3, None)]),
        # nothing was cached, or nothing is known of kinds
        ({"input": 100, "input_audio": 30, "cache_read": 0}, [(None, None, None)]),
        ({"input": 100, "input_audio": 0, "cache_read": 9}, [(None, None, None)]),
        ({"input": 100, "cache_read": 9}, [(None, None, None)]),
    ],
    ids=str,
)
def test_the_least_and_the_most_that_was_cached(
    stated: dict[str, Any], guessed: list[tuple[int | None, ...]]
) -> None:
    """Of each kind of input, where the provider does not say."""
    assert cached(Usage(**stated)) == guessed


def ended(
    operation: str = "chat", outcome: Outcome = Outcome.COMPLETED, usage: Usage | None = None
) -> Call:
    """A call that has ended."""
    call = Call(operation, "openai", "asked")
    call.outcome, call.response.usage, call.response.model = outcome, usage, "answered"
    return call


@pytest.mark.parametrize("operation", ["chat", "text_completion", "generate_content", "embeddings"])
def test_calls_that_are_billed(operation: str) -> None:
    """The charge is made once, whoever asks for it."""
    call = ended(operation, usage=Usage(input=3, billed=Usage(input=5)))
    item = price_call(call)
    assert item is not None
    assert item is price_call(call)
    assert (item.provider, item.models, item.usage) == (
        "openai",
        ("asked", "answered"),
        Usage(input=5),
    )
    assert (item.minute, item.provider_usd, item.cost) == (
        call.start_ns // 60_000_000_000,
        None,
        None,
    )
    assert minute(call) == item.minute


@pytest.mark.parametrize(("nanoseconds", "minutes"), [(-1, 29_999_999), (0, 30_000_000)])
def test_the_minute_in_which_a_call_began(nanoseconds: int, minutes: int) -> None:
    """A price may change with a full minute, and not before."""
    call = ended()
    call.start_ns = 30_000_000 * 60_000_000_000 + nanoseconds
    assert minute(call) == minutes


@pytest.mark.parametrize(
    ("usage", "billed"),
    [
        (None, False),
        (Usage(input=3), False),
        (Usage(cost=0.0), True),
        (Usage(details={"web_searches": 1}), True),
        (Usage(details={}), False),
    ],
    ids=str,
)
def test_other_operations_are_billed_where_something_of_it_is_stated(
    usage: Usage | None, billed: bool
) -> None:
    """A search by itself costs nothing that is counted in tokens."""
    assert (price_call(ended("retrieval", usage=usage)) is not None) is billed


@pytest.mark.parametrize("outcome", list(Outcome))
def test_calls_that_failed_before_anything_came(outcome: Outcome) -> None:
    """They are not billed, unless tokens are stated or something had come."""
    failed = outcome in (Outcome.ERROR, Outcome.CANCELLED)
    assert (price_call(ended(outcome=outcome)) is None) is failed
    assert price_call(ended(outcome=outcome, usage=Usage(input=3))) is not None
    partly = ended(outcome=outcome)
    partly.response.chunks = 1
    assert price_call(partly) is not None


@pytest.mark.parametrize(
    ("in_usage", "in_details", "stated"),
    [(None, None, None), (None, 0.5, 0.5), (0.0, 0.5, 0.0), (0.2, None, 0.2)],
)
def test_the_cost_that_is_stated(
    in_usage: float | None, in_details: float | None, stated: float | None
) -> None:
    """Beside the tokens before anywhere else, also where it is nothing."""
    call = ended(usage=Usage(cost=in_usage))
    if in_details is not None:
        call.response.details["cost_usd"] = in_details
    item = price_call(call)
    assert item is not None
    assert item.provider_usd == stated
