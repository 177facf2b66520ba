"""Whether memory stays flat: `python -m tests.benchmarks.memory [COUNT]`, by hand, as it takes minutes.

Counts calls under a budget, makes calls and streams of the client's that are never read, or fail, and runs LangChain
programs that end in every way, and compares the memory of the process after a tenth of them with that at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from tests.benchmarks import stubs, work

import callspan
from callspan.lifecycle.observation import open_observations

COUNT = 100_000


def resident() -> int:
    """Bytes of the process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(name: str, step: Callable[[], object], count: int) -> None:
    """Do something often, and tell what the memory has grown by since a tenth of it."""
    for _ in range(count // 10):
        step()
    before = resident()
    for _ in range(count - count // 10):
        step()
    print(
        f"{name:42} {count:9,} times, {(resident() - before) / 1e6:+7.1f} MB of {before / 1e6:.0f}"
    )


_CHUNK = b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "Tulips"}}]}\n\n'
_BODIES = {
    "unread": _CHUNK * 50 + b"data: [DONE]\n\n",
    "failing": _CHUNK + b'data: {"error": {"message": "no"}}\n\n',
}


def streams(kind: str) -> Callable[[], None]:
    """A stream of the client's that nobody reads, or one that fails while it is read."""
    client = work.client(_BODIES[kind])

    def step() -> None:
        stream = client.chat.completions.create(**work.REQUEST, stream=True)
        if kind == "failing":
            with contextlib.suppress(openai.APIError):
                list(stream)

    return step


def runs() -> Callable[[], None]:
    """LangChain programs: good, failed, streams left early, cancelled."""
    from langchain_core.language_models import FakeListChatModel
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda

    def fail(_said: Any) -> None:
        raise ValueError("as some programs do")

    ask = ChatPromptTemplate.from_template("{x}") | FakeListChatModel(responses=["Roses, lilies"])
    failing, loop, turns = (
        ask | RunnableLambda(fail),
        asyncio.new_event_loop(),
        itertools.cycle(range(4)),
    )

    async def cancelled() -> None:
        task = asyncio.ensure_future(ask.ainvoke({"x": "Hi"}))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    def step() -> None:
        match next(turns):
            case 0:
                ask.invoke({"x": "Hi"})
            case 1:
                next(iter(ask.stream({"x": "Hi"})))
            case 2:
                loop.run_until_complete(cancelled())
            case _:
                try:
                    failing.invoke({"x": "Hi"})
                except ValueError:
                    return

    return step


def main(count: int) -> None:
    """All of it, with spans and metrics recorded."""
    callspan.instrument(tracer_provider=TracerProvider(), meter_provider=MeterProvider())
    with callspan.budget(tokens=10**15), callspan.count_tokens() as counted:
        grown("calls, counted, under a budget", stubs.call(), count)
    assert counted.calls == count, counted.calls
    grown("calls of the client", work.call(), count // 5)
    for kind in _BODIES:
        grown(f"streams of the client, {kind}", streams(kind), count // 10)
    assert not open_observations, len(open_observations)
    grown("LangChain's runs", runs(), count // 10)
    from callspan.frameworks.langchain.tree import tree

    assert not len(tree.runs), len(tree.runs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
