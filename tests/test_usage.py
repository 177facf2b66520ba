"""Token counts: what follows from what, and which word wins where a provider says several."""

from __future__ import annotations

from typing import Any

import pytest

from callspan.events import Usage
from callspan.events.usage import Share


@pytest.mark.parametrize(
    ("stated", "input_tokens", "output_tokens"),
    [
        ({"uncached": 5}, 5, None),
        ({"uncached": 5, "cache_read": 3, "cache_write": 3}, 11, None),
        ({"uncached": 0, "cache_read": 3}, 3, None),
        ({"uncached": 5, "prompt": 100}, 5, None),
        ({"prompt": 7}, 7, None),
        ({"tool_input": 4}, 4, None),
        ({"prompt": 7, "tool_input": 4}, 11, None),
        ({"answer": 6}, None, 6),
        ({"answer": 0, "reasoning": 9}, None, 9),
        ({"answer": 6, "reasoning": 10}, None, 16),
        ({"input": 3, "cache_read": 2, "output": 4, "reasoning": 1}, 3, 4),
    ],
    ids=str,
)
def test_totals_follow_from_their_parts(
    stated: dict[str, int], input_tokens: int | None, output_tokens: int | None
) -> None:
    """Where a provider states the parts; what it states as a total stays."""
    usage = Usage(**stated)
    assert (usage.input, usage.output) == (input_tokens, output_tokens)


@pytest.mark.parametrize(
    ("stated", "total"),
    [
        ({}, None),
        ({"input": 3}, 3),
        ({"output": 5}, 5),
        ({"input": 3, "output": 5}, 8),
        ({"input": 0}, 0),
    ],
    ids=str,
)
def test_the_total_is_known_where_one_of_the_two_is(
    stated: dict[str, int], total: int | None
) -> None:
    """It is never 0 for unknown."""
    assert Usage(**stated).total == total


@pytest.mark.parametrize(
    ("stated", "nothing"),
    [
        ({}, True),
        ({"source": "requested", "billed": Usage()}, True),
        ({"input": 0}, False),
        ({"output_image": 1}, False),
        ({"cost": 0.0}, False),
        ({"details": {"web_searches": 1}}, False),
        ({"details": {}}, True),
    ],
    ids=str,
)
def test_stating_nothing(stated: dict[str, Any], nothing: bool) -> None:
    """A count of anything, also 0, is something."""
    assert Usage(**stated).states_nothing is nothing


def test_the_last_word_wins_and_zeros_take_nothing_back() -> None:
    """As providers repeat running totals, and some write 0 for what they do not repeat."""
    usage = Usage(input=10, output=1, cost=0.5)
    usage.update(Usage(input=0, output=4, reasoning=0))
    assert (usage.input, usage.output, usage.reasoning, usage.cost) == (10, 4, 0, 0.5)
    usage.update(Usage(cost=0.0))
    assert usage.cost == 0.0


def test_a_newer_part_changes_the_total() -> None:
    """Which follows from all the parts that are known by then."""
    usage = Usage(uncached=5, answer=1)
    usage.update(Usage(cache_read=7, reasoning=2))
    assert (usage.input, usage.output) == (12, 3)


def test_details_are_merged() -> None:
    """A zero is told where nothing was, and takes nothing back."""
    usage = Usage()
    usage.update(Usage(details={"web_searches": 2, "citations": 0}))
    assert usage.details == {"web_searches": 2, "citations": 0}
    usage.update(Usage(details={"web_searches": 0, "citations": 3, "input_video": 0}))
    assert usage.details == {"web_searches": 2, "citations": 3, "input_video": 0}
    usage.update(Usage(input=1))
    assert usage.details == {"web_searches": 2, "citations": 3, "input_video": 0}


def test_what_is_billed_is_updated_as_the_rest_is() -> None:
    """Whichever of the two came first."""
    usage = Usage(input=5)
    assert usage.charged is usage
    usage.update(Usage(billed=Usage(input=8)))
    usage.update(Usage(input=6))
    usage.update(Usage(billed=Usage(output=2)))
    assert usage.charged == Usage(input=8, output=2)


def test_shares_are_those_that_came_last() -> None:
    """And stay where none come."""
    first, second = (Share("m", Usage(input=number)) for number in (1, 2))
    usage = Usage(shares=(first,))
    usage.update(Usage(input=1))
    assert usage.shares == (first,)
    usage.update(Usage(shares=(second,)))
    assert usage.shares == (second,)


def test_filling_changes_nothing_that_is_known() -> None:
    """Not even a 0."""
    usage = Usage(input=0, cost=0.0)
    usage.fill(Usage(input=9, output=4, cost=1.0))
    assert (usage.input, usage.output, usage.cost) == (0, 4, 0.0)
    other = Usage()
    other.fill(Usage(cost=1.0))
    assert (other.cost, other.input) == (1.0, None)
