"""The public API as a program with strict types uses it; read by pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from typing_extensions import assert_type

import callspan
from callspan import Call, Outcome, Response, Token, TokenCount, Usage
from callspan.langchain import OpenAICount, get_openai_callback


class Complete:
    """A handler with all methods, one of them asynchronous."""

    def on_start(self, call: Call) -> None:
        assert_type(call.model, str | None)
        assert_type(call.retries, list[callspan.Retry])

    def on_token(self, call: Call, token: Token) -> None:
        assert_type(token.text, str)
        assert_type(token.time, float)

    async def on_end(self, call: Call, response: Response) -> None:
        assert_type(response.usage, Usage | None)
        assert_type(call.outcome, Outcome | None)

    def on_error(self, call: Call, error: BaseException) -> None:
        assert_type(call.failure, callspan.Failure | None)


class Partial:
    """A handler with one method."""

    def on_end(self, call: Call, response: Response) -> None: ...


def set_up() -> None:
    """Everything that is set up by a call."""
    handler: callspan.Handler = Complete()
    callspan.instrument(
        handlers=[handler, Partial()], capture="span", semconv="both", clients=["openai"]
    )
    callspan.configure(
        console=True, file="traces.jsonl", otlp="http://localhost:4318", prometheus=":9464"
    )
    callspan.attach(object(), Partial())
    with callspan.use_handlers(Partial()):
        pass
    assert_type(callspan.flush(1.0), bool)
    callspan.uninstrument()


def count() -> int:
    """A block whose tokens are counted."""
    with callspan.count_tokens() as usage:
        assert_type(usage, TokenCount)
    return usage.total


def count_as_langchain() -> int:
    """The same by LangChain's names."""
    with get_openai_callback() as cb:
        assert_type(cb, OpenAICount)
        assert_type(cb.total_cost, float)
    return cb.total_tokens


def look() -> str:
    """What is patched."""
    return ", ".join(
        target.state for client in callspan.status().clients for target in client.targets
    )


def limit() -> float:
    """A block that may cost so much, for somebody."""
    with (
        callspan.attributes(session_id="s", team="garden"),
        callspan.budget(usd=1.0, calls=3) as budget,
    ):
        assert_type(budget, callspan.Budget)
    callspan.attach(object(), budget)
    callspan.instrument(
        budget=budget,
        cost=True,
        prices={"models": {}},
        estimate="missing",
        metric_dimensions=["team"],
    )
    with callspan.count_tokens() as usage:
        assert_type(usage.cost, float | None)
        assert_type(usage.estimated_output, int)
    try:
        return budget.spent["usd"]
    except callspan.BudgetExceeded as stop:
        return stop.limit


@callspan.tool
def price(flower: str, *, stems: int = 1) -> float:
    """A function keeps its type."""
    return 1.2 * stems


@callspan.agent("florist")
async def ask(question: str) -> str:
    """So does a coroutine function."""
    return question


@callspan.workflow(name="numbers")
def count_up(to: int) -> Iterator[int]:
    """A generator."""
    yield from range(to)


@callspan.workflow
async def count_slowly(to: int) -> AsyncIterator[int]:
    """An asynchronous generator."""
    yield to


class Shop:
    """Methods of every kind."""

    @callspan.tool(description="Sells.")
    def sell(self, stems: int) -> str:
        return str(stems)

    @callspan.tool
    @classmethod
    def opened(cls, name: str) -> Shop:
        return cls()

    @classmethod
    @callspan.tool
    def closed(cls, name: str) -> Shop:
        return cls()

    @callspan.tool
    @staticmethod
    def cost(stems: int) -> float:
        return 1.2 * stems

    @staticmethod
    @callspan.tool
    def weight(stems: int) -> int:
        return stems


async def mark() -> None:
    """What is marked is what it was."""
    assert_type(price("rose", stems=3), float)
    assert_type(await ask("Which?"), str)
    assert_type(list(count_up(3)), list[int])
    assert_type([number async for number in count_slowly(3)], list[int])
    assert_type(Shop().sell(3), str)
    assert_type(Shop.opened("Bo"), Shop)
    assert_type(Shop.closed("Bo"), Shop)
    assert_type(Shop.cost(3), float)
    assert_type(Shop.weight(3), int)
    with callspan.tool("price", call_id="call_1", arguments={"flower": "rose"}) as run:
        run.result = 1.2
    async with callspan.agent("florist") as run:
        run.result = "Roses."


def misspell() -> None:
    """A name that is none of ours is an error for a type checker."""
    callspan.cofnigure()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def choose() -> None:
    """So is a word that is none of a setting's."""
    callspan.instrument(capture="spans")  # pyright: ignore[reportArgumentType]
    with callspan.capture("both", fields=["input"]):
        pass


def register(*handlers: callspan.AnyHandler) -> None:
    """A handler that has some of the methods is one for a type checker, and a number is not."""
    callspan.instrument(handlers=handlers)
    callspan.instrument(handlers=[1])  # pyright: ignore[reportArgumentType]


register(Complete(), Partial())
