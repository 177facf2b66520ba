"""Does callspan hold out? `python -m tests.soak [--minutes 10]`: a line for each tenth of the time, and a verdict.

A program under load (`load.py`) exports to a collector here, and calls a model server here, so that its memory is its
own. Nothing that it holds may grow, and what it exported has to equal the calls that it made and the server's book.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.receiver import Receiver
from tests.soak.scripts import ANSWERS, ENDS, WITHOUT_TOKENS

from callspan.testing.modelserver import ModelServer, Reply

ROOT = Path(__file__).parents[2]
MEMORY = 0.05
"""The part by which memory may differ between a third of the time and the end: allocators breathe."""


class _Server(ModelServer):
    """Answers by the model, always the same."""

    def _take_reply(self, model: Any) -> Reply:
        self.requests.clear()
        return ANSWERS.get(model, Reply())


def main() -> int:
    """Run, report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    seconds = parser.parse_args().minutes * 60
    with Receiver() as receiver, _Server() as server:
        samples = list(_progress(_load(server.url, receiver.url, seconds), seconds))
    made = samples[-1]["made"]
    wrong = [*_grown(samples), *_inexact(made, receiver, server)]
    tokens = server.ledger.total_told
    print(f"{sum(made.values()):,} calls, {sum(receiver.ends.values()):,} spans; {_ends(receiver)}")
    print(
        f"tokens told by the server: {tokens.input:,} in, {tokens.output:,} out, of {len(made)} models"
    )
    print("\n".join(wrong) or "flat, and exact")
    return 1 if wrong else 0


def _load(url: str, endpoint: str, seconds: float) -> Iterator[dict[str, Any]]:
    """The program's lines; raises if it fails."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "CALLSPAN_"))
    }
    env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    env |= {"OTEL_BSP_MAX_QUEUE_SIZE": "100000", "NO_PROXY": "127.0.0.1"}
    words = [sys.executable, "-m", "tests.soak.load", url, str(seconds)]
    with subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        yield from map(json.loads, program.stdout)
    if program.returncode:
        raise SystemExit(f"the program failed: {program.returncode}")


def _progress(samples: Iterator[dict[str, Any]], seconds: float) -> Iterator[dict[str, Any]]:
    told = 0
    for sample in samples:
        if sample["seconds"] >= told * seconds / 10 or "made" in sample:
            told += 1
            print(
                f"{sample['seconds']:5.0f} s  {sample['calls']:9,} calls  {sample['memory'] / 1e6:7.1f} MB"
                f"  {sample['threads']:3} threads  {sample['files']:4} files  {sample['open']:3} open",
                flush=True,
            )
        yield sample


def _grown(samples: list[dict[str, Any]]) -> Iterator[str]:
    """What has grown from the second third of the time to the last; the first warms up."""
    *running, end = samples
    third = len(running) // 3
    for name in ("memory", "threads", "files", "open"):
        before, after = (
            sorted(sample[name] for sample in part)
            for part in (running[third : 2 * third], running[2 * third :])
        )
        allowed = (
            before[len(before) // 2] * MEMORY if name == "memory" else before[-1] - before[0] + 2
        )
        if after[len(after) // 2] - before[len(before) // 2] > allowed:
            yield f"GROWN: {name}, from {before[len(before) // 2]:,} to {after[len(after) // 2]:,}"
    if end["open"]:
        yield f"OPEN at the end: {end['open']} calls"


def _inexact(made: dict[str, int], receiver: Receiver, server: ModelServer) -> Iterator[str]:
    """Where what was exported differs from what was done."""
    expected = {(model, ENDS[model]): count for model, count in made.items()}
    for key in sorted(expected.keys() | receiver.ends.keys()):
        if expected.get(key, 0) != receiver.ends[key]:
            yield f"SPANS: {key} {receiver.ends[key]:,}, not {expected.get(key, 0):,}"
    told = {
        (model, kind): count
        for model, counts in server.ledger.told.items()
        if model not in WITHOUT_TOKENS
        for kind, count in (("input", counts.input), ("output", counts.output))
        if count
    }
    for name, found in (("spans", dict(receiver.span_tokens)), ("metrics", receiver.metric_tokens)):
        if found != told:
            yield f"TOKENS of {name}: {found}, not {told}"


def _ends(receiver: Receiver) -> str:
    ends = sorted({end for _, end in receiver.ends})
    return ", ".join(
        f"{sum(n for (_, e), n in receiver.ends.items() if e == end):,} {end}" for end in ends
    )


if __name__ == "__main__":
    sys.exit(main())
