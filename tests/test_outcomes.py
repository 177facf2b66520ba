"""One table: every client, sync and async, in every way it can be asked, with every way a call can end.

Each line is run twice, without and with callspan: the program must see the same, and there must be exactly one
span that says how the call ended. A further client is one row in `table/kinds.py`.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import callspan
from callspan.lifecycle.observation import open_observations
from callspan.testing.modelserver import ModelServer, Reply
from clients import CLOSABLE, has
from table.kinds import IN_STREAM, KINDS, Kind
from table.modes import PLAIN, STREAMED, Mode
from table.readers import ANSWER_READERS, STREAM_READERS
from table.runner import Runner, Seen
from telemetry import Telemetry

THE_CLASS = "the exception's own class"
SOME = Reply(text="Roses, lilies and carnations.")


@dataclass(frozen=True)
class Case:
    """A reader, what the server is to answer, and how the call is to end.

    `chunks` tells whether anything arrived before the end; `gated` whether the server waits half way, so that how
    much the program saw is a matter of chance.
    """

    name: str
    reader: str
    outcome: str
    reply: Reply = SOME
    gate_after: int | None = None
    error: str | None = None
    chunks: bool = True

    def __str__(self) -> str:
        return self.name

    def scripted(self, gate: threading.Event) -> Reply:
        """The reply, waiting where it should."""
        if self.gate_after is None:
            return self.reply
        return Reply(
            text=SOME.text, status=self.reply.status, gate=gate, gate_after=self.gate_after
        )


CANCELLED = "asyncio.exceptions.CancelledError"
HELD_BACK = Reply(status=500)  # the headers of an error wait for the gate, those of a stream do not
REFUSALS = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    404: "model_not_found",
    429: "rate_limit_exceeded",
    500: "server_error",
}
STREAM_CASES = (
    Case("read_to_the_end", "to_the_end", "completed"),
    Case("read_by_next", "by_next", "completed"),
    Case("read_in_with", "in_with", "completed"),
    Case("break_held", "break_held", "abandoned"),
    Case("break_in_with", "break_in_with", "abandoned"),
    Case("closed_early", "close_early", "abandoned"),
    Case("closed_before_the_first_chunk", "close_first", "abandoned", chunks=False),
    Case("closed_twice", "close_twice", "abandoned"),
    Case("never_read", "never_read", "abandoned", chunks=False),
    Case("dropped_half_read", "dropped_half", "abandoned"),
    Case("reader_raises", "raising", "abandoned"),
    Case("network_cut", "to_the_end", "error", Reply(text=SOME.text, cut_after=2), error=THE_CLASS),
    Case(
        "error_event",
        "to_the_end",
        "error",
        Reply(text=SOME.text, error_after=2),
        error="server_error",
    ),
    Case(
        "cancelled_in_create",
        "cancelled_in_create",
        "cancelled",
        HELD_BACK,
        0,
        CANCELLED,
        chunks=False,
    ),
    Case("cancelled_between_chunks", "cancelled_between_chunks", "cancelled", SOME, 2, CANCELLED),
    Case("cancelled_in_the_loop_body", "cancelled_in_body", "cancelled", SOME, 2, CANCELLED),
    Case(
        "timed_out_in_create",
        "timed_out_in_create",
        "cancelled",
        HELD_BACK,
        0,
        CANCELLED,
        chunks=False,
    ),
    Case("timed_out_between_chunks", "timed_out", "cancelled", SOME, 2, CANCELLED),
    *(
        Case(
            f"refused_{status}",
            "to_the_end",
            "error",
            Reply(status=status),
            error=code,
            chunks=False,
        )
        for status, code in REFUSALS.items()
    ),
)
PLAIN_CASES = (
    Case("answered", "the_answer", "completed"),
    Case("network_cut", "the_answer", "error", Reply(cut_after=0), error=THE_CLASS, chunks=False),
    Case("cancelled", "answer_cancelled", "cancelled", SOME, 0, CANCELLED, chunks=False),
    Case("timed_out", "answer_timed_out", "cancelled", SOME, 0, CANCELLED, chunks=False),
    *(
        Case(
            f"refused_{status}",
            "the_answer",
            "error",
            Reply(status=status),
            error=code,
            chunks=False,
        )
        for status, code in REFUSALS.items()
    ),
)


UNREAD = ("never_read", "close_first")
IN_WITH = ("in_with", "break_in_with")
CLOSING = ("close_early", "close_first", "close_twice", *IN_WITH)


def lines(
    modes: tuple[Mode, ...], cases: tuple[Case, ...], readers: dict[str, Any]
) -> Iterator[Any]:
    """All lines of the table; what has no sync form is only played async."""
    for kind in KINDS:
        for mode in modes:
            if (mode.raw and not kind.thorough) or not has(f"{kind.path}.{mode.needs}", kind.make):
                continue
            for case in cases:
                if case.reader in (IN_WITH if kind.generators else () if CLOSABLE else CLOSING):
                    continue
                for asynchronous in (False, True):
                    if case.reader == "dropped_half" and kind.keeps and not asynchronous:
                        continue
                    if asynchronous or readers[case.reader].sync:
                        way = "async" if asynchronous else "sync"
                        yield pytest.param(
                            kind, mode, case, asynchronous, id=f"{kind}-{way}-{mode}-{case}"
                        )


def run(runner: Runner, case: Case, readers: dict[str, Any], asynchronous: bool) -> Seen:
    """Run one case once."""
    runner.server.requests.clear()  # ids are numbered by it
    makes_no_request = runner.kind.generators and case.reader in UNREAD
    if not makes_no_request:
        runner.server.enqueue(case.scripted(runner.gate))
    reader = readers[case.reader]
    seen = runner.arun(reader.asynchronous) if asynchronous else runner.run(reader.sync)
    # LiteLLM's streams are in cycles, and its client objects serve all calls: a stream that is
    # collected within a request takes the lock of httpcore's pool a second time, for ever
    if open_observations or str(runner.kind).startswith("litellm"):
        gc.collect()
        callspan.flush()
    return seen


def expected(kind: Kind, case: Case, seen: Seen, tokens: tuple[int, int]) -> dict[str, Any]:
    """Return what the one span must have; `tokens` are those that the server has sent to the client."""
    whole = case.outcome == "completed"
    outcome, error = case.outcome, seen.error_class if case.error is THE_CLASS else case.error
    if case.name == "error_event" and kind.loses_codes:
        error = seen.error_class
    if kind.lost and seen.error is not None and kind.lost in seen.error[1]:
        error = seen.error_class
    error = kind.codes.get(error or "", error)
    unfinished = kind.unfinished
    if case.reply.error_after is not None:
        error, unfinished = kind.codes.get(IN_STREAM, error), kind.failed or unfinished
    if case.reader == "cancelled_in_body" and sys.version_info < (3, 11):
        outcome, error = (
            "abandoned",
            None,
        )  # whether a task is being cancelled cannot be known there
    return {
        "name": f"{kind.operation} {kind.request['model']}",
        "outcome": outcome,
        "status": "ERROR" if error else "UNSET",
        "error.type": error,
        "usage": tokens if whole else (None, None),
        "finish": kind.finish if whole else unfinished if case.chunks else None,
        "recorded": 1,
    }


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    """One server for the whole table: starting one takes longer than a line does."""
    with ModelServer() as server:
        yield server


def tokens_sent(server: ModelServer) -> tuple[int, int]:
    """Return the tokens that the server has sent so far."""
    return server.ledger.total_told.input, server.ledger.total_told.output


def tokens_sent_since(before: tuple[int, int], server: ModelServer) -> tuple[int, int]:
    """Return the tokens that the server has sent since then."""
    now = tokens_sent(server)
    return now[0] - before[0], now[1] - before[1]


def actual(telemetry: Telemetry, kind: Kind) -> dict[str, Any]:
    """What it says. What is told of the tokens before the end is not compared."""
    span, attributes = telemetry.span, telemetry.attributes
    usage = (
        attributes.get("gen_ai.usage.input_tokens"),
        attributes.get("gen_ai.usage.output_tokens"),
    )
    return {
        "name": span.name,
        "outcome": attributes["callspan.outcome"],
        "status": span.status.status_code.name,
        "error.type": attributes.get("error.type"),
        "usage": (None, None)
        if kind.tells_early and attributes["callspan.outcome"] != "completed"
        else usage,
        "finish": attributes.get("gen_ai.response.finish_reasons"),
        "recorded": sum(
            point["count"] for point in telemetry.points("gen_ai.client.operation.duration")
        ),
    }


@pytest.mark.parametrize(
    ("kind", "mode", "case", "asynchronous"), list(lines(STREAMED, STREAM_CASES, STREAM_READERS))
)
def test_stream(
    kind: Kind,
    mode: Mode,
    case: Case,
    asynchronous: bool,
    telemetry: Telemetry,
    model_server: ModelServer,
) -> None:
    """A stream ends as its reader saw it end, in one span, and the reader sees what it would have seen without us."""
    callspan.uninstrument()
    without = run(Runner(kind, mode, model_server), case, STREAM_READERS, asynchronous)
    telemetry.instrument()
    before = tokens_sent(model_server)
    runner = Runner(kind, mode, model_server, look=lambda: len(telemetry.spans))
    seen = run(runner, case, STREAM_READERS, asynchronous)
    assert seen.error == without.error
    if case.gate_after is None:
        assert seen.items == without.items
    assert bool(seen.items) == (case.chunks and case.reader != "close_first")
    if kind.generators and not model_server.requests:
        assert not telemetry.spans, "there was no call"
        return
    if case.reader == "break_held" and mode.ends_at_break and not kind.generators:
        assert seen.held == 1, "the span was not ended by break"
    assert actual(telemetry, kind) == expected(
        kind, case, seen, tokens_sent_since(before, model_server)
    )


@pytest.mark.parametrize(
    ("kind", "mode", "case", "asynchronous"), list(lines(PLAIN, PLAIN_CASES, ANSWER_READERS))
)
def test_answer(
    kind: Kind,
    mode: Mode,
    case: Case,
    asynchronous: bool,
    telemetry: Telemetry,
    model_server: ModelServer,
) -> None:
    """A whole answer, or the lack of one, is told in one span, and the program sees what it would have seen."""
    callspan.uninstrument()
    without = run(Runner(kind, mode, model_server), case, ANSWER_READERS, asynchronous)
    telemetry.instrument()
    before = tokens_sent(model_server)
    seen = run(Runner(kind, mode, model_server), case, ANSWER_READERS, asynchronous)
    assert (seen.items, seen.error) == (without.items, without.error)
    assert actual(telemetry, kind) == expected(
        kind, case, seen, tokens_sent_since(before, model_server)
    )
