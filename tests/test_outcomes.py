"""One table: every client, sync and async, in every way it can be asked, with every way a call can end.

Each line is played twice, without and with callspan: the program must see the same, and there must be exactly one
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
from table.stage import Seen, Stage
from telemetry import Telemetry

THE_CLASS = "the exception's own class"
SOME = Reply(text="Roses, lilies and carnations.")


@dataclass(frozen=True)
class Scene:
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
STREAM_SCENES = (
    Scene("read_to_the_end", "to_the_end", "completed"),
    Scene("read_by_next", "by_next", "completed"),
    Scene("read_in_with", "in_with", "completed"),
    Scene("break_held", "break_held", "abandoned"),
    Scene("break_in_with", "break_in_with", "abandoned"),
    Scene("closed_early", "close_early", "abandoned"),
    Scene("closed_before_the_first_chunk", "close_first", "abandoned", chunks=False),
    Scene("closed_twice", "close_twice", "abandoned"),
    Scene("never_read", "never_read", "abandoned", chunks=False),
    Scene("dropped_half_read", "dropped_half", "abandoned"),
    Scene("reader_raises", "raising", "abandoned"),
    Scene(
        "network_cut", "to_the_end", "error", Reply(text=SOME.text, cut_after=2), error=THE_CLASS
    ),
    Scene(
        "error_event",
        "to_the_end",
        "error",
        Reply(text=SOME.text, error_after=2),
        error="server_error",
    ),
    Scene(
        "cancelled_in_create",
        "cancelled_in_create",
        "cancelled",
        HELD_BACK,
        0,
        CANCELLED,
        chunks=False,
    ),
    Scene("cancelled_between_chunks", "cancelled_between_chunks", "cancelled", SOME, 2, CANCELLED),
    Scene("cancelled_in_the_loop_body", "cancelled_in_body", "cancelled", SOME, 2, CANCELLED),
    Scene(
        "timed_out_in_create",
        "timed_out_in_create",
        "cancelled",
        HELD_BACK,
        0,
        CANCELLED,
        chunks=False,
    ),
    Scene("timed_out_between_chunks", "timed_out", "cancelled", SOME, 2, CANCELLED),
    *(
        Scene(
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
PLAIN_SCENES = (
    Scene("answered", "the_answer", "completed"),
    Scene("network_cut", "the_answer", "error", Reply(cut_after=0), error=THE_CLASS, chunks=False),
    Scene("cancelled", "answer_cancelled", "cancelled", SOME, 0, CANCELLED, chunks=False),
    Scene("timed_out", "answer_timed_out", "cancelled", SOME, 0, CANCELLED, chunks=False),
    *(
        Scene(
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
    modes: tuple[Mode, ...], scenes: tuple[Scene, ...], readers: dict[str, Any]
) -> Iterator[Any]:
    """All lines of the table; what has no sync form is only played async."""
    for kind in KINDS:
        for mode in modes:
            if (mode.raw and not kind.thorough) or not has(f"{kind.path}.{mode.needs}", kind.make):
                continue
            for scene in scenes:
                if scene.reader in (IN_WITH if kind.generators else () if CLOSABLE else CLOSING):
                    continue
                for asynchronous in (False, True):
                    if scene.reader == "dropped_half" and kind.keeps and not asynchronous:
                        continue
                    if asynchronous or readers[scene.reader].sync:
                        way = "async" if asynchronous else "sync"
                        yield pytest.param(
                            kind, mode, scene, asynchronous, id=f"{kind}-{way}-{mode}-{scene}"
                        )


def play(stage: Stage, scene: Scene, readers: dict[str, Any], asynchronous: bool) -> Seen:
    """One performance."""
    stage.server.requests.clear()  # ids are numbered by it
    if not (
        stage.kind.generators and scene.reader in UNREAD
    ):  # who asks for nothing takes no reply
        stage.server.enqueue(scene.scripted(stage.gate))
    reader = readers[scene.reader]
    seen = stage.aplay(reader.asynchronous) if asynchronous else stage.play(reader.sync)
    if open_observations:
        gc.collect()
        callspan.flush()
    return seen


def expected(kind: Kind, scene: Scene, seen: Seen, told: tuple[int, int]) -> dict[str, Any]:
    """What the one span is to say; `told` are the tokens that the server has told the client."""
    whole = scene.outcome == "completed"
    outcome, error = scene.outcome, seen.error_class if scene.error is THE_CLASS else scene.error
    if scene.name == "error_event" and kind.loses_codes:
        error = seen.error_class
    error = kind.codes.get(error or "", error)
    unfinished = kind.unfinished
    if scene.reply.error_after is not None:
        error, unfinished = kind.codes.get(IN_STREAM, error), kind.failed or unfinished
    if scene.reader == "cancelled_in_body" and sys.version_info < (3, 11):
        outcome, error = (
            "abandoned",
            None,
        )  # whether a task is being cancelled cannot be known there
    return {
        "name": f"{kind.operation} {kind.request['model']}",
        "outcome": outcome,
        "status": "ERROR" if error else "UNSET",
        "error.type": error,
        "usage": told if whole else (None, None),
        "finish": kind.finish if whole else unfinished if scene.chunks else None,
        "recorded": 1,
    }


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    """One server for the whole table: starting one takes longer than a line does."""
    with ModelServer() as server:
        yield server


def told_by(server: ModelServer) -> tuple[int, int]:
    """The tokens that the server has told of so far."""
    return server.ledger.total_told.input, server.ledger.total_told.output


def told_since(before: tuple[int, int], server: ModelServer) -> tuple[int, int]:
    """The tokens told since then."""
    now = told_by(server)
    return now[0] - before[0], now[1] - before[1]


def actual(telemetry: Telemetry, kind: Kind) -> dict[str, Any]:
    """What it says. What is told of the tokens before the end is not compared."""
    span, found = telemetry.span, telemetry.attributes
    usage = found.get("gen_ai.usage.input_tokens"), found.get("gen_ai.usage.output_tokens")
    return {
        "name": span.name,
        "outcome": found["callspan.outcome"],
        "status": span.status.status_code.name,
        "error.type": found.get("error.type"),
        "usage": (None, None)
        if kind.tells_early and found["callspan.outcome"] != "completed"
        else usage,
        "finish": found.get("gen_ai.response.finish_reasons"),
        "recorded": sum(
            point["count"] for point in telemetry.points("gen_ai.client.operation.duration")
        ),
    }


@pytest.mark.parametrize(
    ("kind", "mode", "scene", "asynchronous"), list(lines(STREAMED, STREAM_SCENES, STREAM_READERS))
)
def test_stream(
    kind: Kind,
    mode: Mode,
    scene: Scene,
    asynchronous: bool,
    telemetry: Telemetry,
    model_server: ModelServer,
) -> None:
    """A stream ends as its reader saw it end, in one span, and the reader sees what it would have seen without us."""
    callspan.uninstrument()
    without = play(Stage(kind, mode, model_server), scene, STREAM_READERS, asynchronous)
    telemetry.instrument()
    before = told_by(model_server)
    stage = Stage(kind, mode, model_server, look=lambda: len(telemetry.spans))
    seen = play(stage, scene, STREAM_READERS, asynchronous)
    assert seen.error == without.error
    if scene.gate_after is None:
        assert seen.items == without.items
    assert bool(seen.items) == (scene.chunks and scene.reader != "close_first")
    if kind.generators and not model_server.requests:
        assert not telemetry.spans, "there was no call"
        return
    if scene.reader == "break_held" and mode.ends_at_break and not kind.generators:
        assert seen.held == 1, "the span was not ended by break"
    assert actual(telemetry, kind) == expected(kind, scene, seen, told_since(before, model_server))


@pytest.mark.parametrize(
    ("kind", "mode", "scene", "asynchronous"), list(lines(PLAIN, PLAIN_SCENES, ANSWER_READERS))
)
def test_answer(
    kind: Kind,
    mode: Mode,
    scene: Scene,
    asynchronous: bool,
    telemetry: Telemetry,
    model_server: ModelServer,
) -> None:
    """A whole answer, or the lack of one, is told in one span, and the program sees what it would have seen."""
    callspan.uninstrument()
    without = play(Stage(kind, mode, model_server), scene, ANSWER_READERS, asynchronous)
    telemetry.instrument()
    before = told_by(model_server)
    seen = play(Stage(kind, mode, model_server), scene, ANSWER_READERS, asynchronous)
    assert (seen.items, seen.error) == (without.items, without.error)
    assert actual(telemetry, kind) == expected(kind, scene, seen, told_since(before, model_server))
