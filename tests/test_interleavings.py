"""Whatever runs at once, and however blocks nest, the sums are those of one call after the other."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import callspan
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import async_openai_client, openai_client
from program import HELLO
from telemetry import Telemetry


@dataclass
class Block:
    """What happens in a block: so many calls, and blocks within, one after the other, as tasks or in threads."""

    calls: int
    way: str
    limit: int
    inner: list[Block] = field(default_factory=list)


def _blocks(inner: Any) -> Any:
    ways = some.sampled_from(["serial", "tasks", "threads"])
    return some.builds(
        Block, some.integers(0, 2), ways, some.integers(0, 6), some.lists(inner, max_size=3)
    )


BLOCKS = some.recursive(
    some.builds(Block, some.integers(0, 2), some.just("serial"), some.integers(0, 6)), _blocks
)


@dataclass
class Seen:
    """What a block's counter and budget say in the end, and what went through by the tally of the program itself."""

    count: Any
    budget: Any
    limit: int
    done: int = 0


class Run:
    """Plays a block with clients of both kinds, and notes what came of each."""

    def __init__(self, url: str) -> None:
        self.sync, self.asynchronous = openai_client(url), async_openai_client(url)
        self.seen: list[Seen] = []

    async def play(self, block: Block, around: tuple[Seen, ...] = ()) -> None:
        """In a counter and a budget of its own."""
        with callspan.count_tokens() as count, callspan.budget(calls=block.limit) as budget:
            seen = Seen(count, budget, block.limit)
            self.seen.append(seen)
            await self._inside(block, (*around, seen))

    async def _inside(self, block: Block, around: tuple[Seen, ...]) -> None:
        for _ in range(block.calls):
            with contextlib.suppress(callspan.BudgetExceeded):
                await self.asynchronous.chat.completions.create(model="m", messages=HELLO)
                self._tally(around)
        if block.way == "threads":
            with ThreadPoolExecutor(3) as pool:
                run = callspan.carry(lambda inner: self._play_in_thread(inner, around))
                list(pool.map(run, block.inner))
        elif block.way == "tasks":
            await asyncio.gather(*[self.play(inner, around) for inner in block.inner])
        else:
            for inner in block.inner:
                await self.play(inner, around)

    def _play_in_thread(self, block: Block, around: tuple[Seen, ...]) -> None:
        with callspan.count_tokens() as count, callspan.budget(calls=block.limit) as budget:
            seen = Seen(count, budget, block.limit)
            self.seen.append(seen)
            for _ in range(block.calls):
                with contextlib.suppress(callspan.BudgetExceeded):
                    self.sync.chat.completions.create(model="m", messages=HELLO)
                    self._tally((*around, seen))
            for inner in block.inner:
                self._play_in_thread(inner, (*around, seen))

    @staticmethod
    def _tally(around: tuple[Seen, ...]) -> None:
        for seen in around:
            seen.done += 1


@given(block=BLOCKS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_sums_are_those_of_a_serial_program(
    telemetry: Telemetry, model_server: ModelServer, block: Block
) -> None:
    """Each counter and each budget has exactly the calls that went through inside it, and no limit is passed."""
    model_server.enqueue(*[Reply(usage=Counts(input=3, output=2))] * 100)

    async def main() -> Run:
        run = Run(model_server.url)
        await run.play(block)
        await run.asynchronous.close()
        run.sync.close()
        return run

    for seen in asyncio.run(main()).seen:
        assert (seen.count.calls, seen.count.input, seen.count.output) == (
            seen.done,
            3 * seen.done,
            2 * seen.done,
        )
        assert seen.budget.spent == {"usd": 0, "tokens": 5 * seen.done, "calls": seen.done}
        assert seen.done <= seen.limit
        assert seen.budget._reserved == pytest.approx({"usd": 0, "tokens": 0})
