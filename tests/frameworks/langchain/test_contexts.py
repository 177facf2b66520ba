"""What is current while LangChain tells its handlers, on whatever thread it does so; T079 of the list."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListLLM
from opentelemetry import context, trace

from callspan.langchain import CallspanHandler
from frameworks.langchain.conftest import run
from frameworks.langchain.shape import tree_of
from telemetry import Telemetry


class Looking(BaseCallbackHandler):
    """A synchronous handler: on which threads it hears, and the context that it finds there."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.found: list[Any] = []

    def _look(self, *_args: Any, **_told: Any) -> None:
        self.threads.add(threading.get_ident())
        self.found.append(trace.get_current_span())

    on_llm_start = on_llm_end = _look


@pytest.mark.parametrize("given", [False, True], ids=["everywhere", "given"])
def test_contexts_stay_clean(telemetry: Telemetry, given: bool) -> None:
    """In asynchronous code synchronous handlers hear on other threads; no context is left behind there or here."""
    looking = Looking()
    handlers: list[Any] = [looking, CallspanHandler()] if given else [looking]

    async def work() -> None:
        with telemetry.tracer.start_as_current_span("request") as request:
            before = context.get_current()
            for _ in range(3):
                await FakeListLLM(responses=["Roses"]).ainvoke("Hi", config={"callbacks": handlers})
                assert context.get_current() is before
            assert trace.get_current_span() is request
            pooled = asyncio.get_running_loop().run_in_executor(None, trace.get_current_span)
            assert await pooled is trace.INVALID_SPAN

    before = context.get_current()
    run(work())
    assert context.get_current() is before
    assert threading.get_ident() not in looking.threads
    assert len(looking.found) == 6
    assert not [span for span in looking.found if getattr(span, "name", "request") != "request"]
    assert tree_of(telemetry) == [["request", *["text_completion"] * 3]]
