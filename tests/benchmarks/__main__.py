"""Times callspan against the least that the same telemetry can cost. Exits with 1 when a limit is passed.

python -m tests.benchmarks [--short]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

from tests.benchmarks import floor, work
from tests.benchmarks.floor import Sdk, by_hand

import callspan

LIMITS = {
    "call, sampled: x floor": 2.8,
    "call, not sampled: x floor": 4.0,
    "chunk, default: share of the client's own": 0.18,
    "chunk, default, async: share of the client's own": 0.18,
    "chunk, with a token handler: share of the client's own": 0.45,
    "budget, a check: share of a histogram record": 1.0,
    "import: x importing the OpenTelemetry API": 6.0,
}
"""The most that is let through: a wide margin over what was measured, for machines are noisy."""


class Hears:
    """A handler that does nothing with what it hears."""

    def on_token(self, call: callspan.Call, token: callspan.Token) -> None:
        """Nothing."""


def fastest(actions: list[Callable[[], None]], rounds: int, times: int) -> list[float]:
    """The least CPU seconds of each action, in rounds that take turns."""
    best = [float("inf")] * len(actions)
    for _ in range(rounds):
        for place, action in enumerate(actions):
            began = time.process_time()
            for _ in range(times):
                action()
            best[place] = min(best[place], (time.process_time() - began) / times)
    return best


def call_over_floor(sampled: bool, rounds: int) -> float:
    """What a call costs in door and observation, as a multiple of the floor."""
    sdk = Sdk(sampled)
    callspan.instrument(**sdk.providers())
    floor, ours = fastest([by_hand(sdk), work.door()], rounds, 500)
    callspan.uninstrument()
    return ours / floor


def chunk_share(make: Callable[[], Callable[[], None]], rounds: int, **options: object) -> float:
    """What a chunk costs more with callspan, as a share of what it costs without."""
    sdk, action = Sdk(True), make()

    def watched() -> None:
        callspan.instrument(**sdk.providers(), **options)  # type: ignore[arg-type]
        action()

    def bare() -> None:
        callspan.uninstrument()
        action()

    without, with_us = fastest([bare, watched], rounds, 1)
    callspan.uninstrument()
    return with_us / without - 1


def budget_share(rounds: int) -> float:
    """What it costs to admit a call to a budget with all limits, as a share of one record of the SDK's."""
    record, check = fastest([floor.record(Sdk(True)), work.budget_check()], rounds, 2000)
    return check / record


def import_ratio(rounds: int) -> float:
    """The time to import callspan as a multiple of that for the OpenTelemetry API which it needs."""
    code = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"

    def seconds(names: str) -> float:
        command = [sys.executable, "-c", code.format(names)]
        runs = [subprocess.run(command, capture_output=True, check=True) for _ in range(rounds)]
        return min(float(run.stdout) for run in runs)

    return seconds("callspan") / seconds("opentelemetry.trace, opentelemetry.metrics")


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds, for the landing check")
    rounds = 8 if parser.parse_args().short else 40
    measured = {
        "call, sampled: x floor": call_over_floor(True, rounds),
        "call, not sampled: x floor": call_over_floor(False, rounds),
        "chunk, default: share of the client's own": chunk_share(work.stream, rounds),
        "chunk, default, async: share of the client's own": chunk_share(work.async_stream, rounds),
        "chunk, with a token handler: share of the client's own": chunk_share(work.stream, rounds, handlers=[Hears()]),
        "budget, a check: share of a histogram record": budget_share(rounds),
        "import: x importing the OpenTelemetry API": import_ratio(min(rounds, 10)),
    }
    for name, value in measured.items():
        print(f"{name:58} {value:6.2f}   at most {LIMITS[name]:.2f}{'' if value <= LIMITS[name] else '   TOO MUCH'}")
    return int(any(value > LIMITS[name] for name, value in measured.items()))


if __name__ == "__main__":
    sys.exit(main())
