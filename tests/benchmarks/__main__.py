"""What callspan costs, as ratios within one run. Exits with 1 where a row passes twice its aim.

python -m tests.benchmarks [--short] [--peers [NAME ...]]
python -m tests.benchmarks --instructions [--short] [--keep]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks import floor, instructions, peers, stubs, work
from tests.benchmarks.floor import RECORDS, Sdk, by_hand
from tests.benchmarks.timing import fastest

import callspan


@dataclass
class Row:
    """One measurement; without an aim it is told and not judged."""

    name: str
    value: float
    unit: str
    aim: float | None = None

    @property
    def passes(self) -> bool:
        """Whether it is within twice its aim, which leaves room for noisy machines."""
        return self.aim is None or self.value <= 2 * self.aim

    def __str__(self) -> str:
        aim = "" if self.aim is None else f"aim {self.aim:g}{'' if self.passes else '   TOO MUCH'}"
        return f"{self.name:58} {self.value:8.3f} {self.unit:26} {aim}"


class Hears:
    """A handler that does nothing with what it hears."""

    def on_token(self, call: callspan.Call, token: callspan.Token) -> None:
        """Nothing."""


def calls(rounds: int) -> Iterator[Row]:
    """A plain call round a stub: with a sampled span, with one that is not, and in each dialect."""
    sdk = Sdk(True)
    for semconv, records in RECORDS.items():
        callspan.instrument(**sdk.providers(), semconv=semconv)
        by_us, least = fastest([stubs.call(), by_hand(sdk, records)], rounds, 50)
        yield Row(
            f"call, {semconv}", by_us / least, "x floor", 1.4 if semconv == "released" else 1.25
        )
        if semconv == "released":
            yield from _parts(sdk, by_us, least, rounds)
    callspan.instrument(**Sdk(False).providers())
    by_us, least = fastest([stubs.call(), by_hand(sdk)], rounds, 50)
    callspan.uninstrument()
    yield Row("call, not sampled, metrics recorded", by_us / least, "x floor of a sampled one", 0.9)


def _parts(sdk: Sdk, by_us: float, least: float, rounds: int) -> Iterator[Row]:
    (span,) = fastest([floor.span_alone(sdk)], rounds, 50)
    yield Row("   of it the SDK's span", span / least, "of the floor")
    yield Row("   of it the SDK's three records", (least - span) / least, "of the floor")
    yield Row("   of it ours", (by_us - least) / least, "of the floor")


def chunks(rounds: int) -> Iterator[Row]:
    """A chunk round a stub, as a share of what a chunk costs the bare client."""
    callspan.uninstrument()
    (whole,) = fastest([work.stream()], max(4, rounds // 10), 1)
    sdk = Sdk(True)
    for name, make, options, aim in (
        ("chunk, default", stubs.stream, {}, 0.02),
        ("chunk, default, async", stubs.async_stream, {}, 0.02),
        ("chunk, with a token handler", stubs.stream, {"handlers": [Hears()]}, 0.08),
    ):
        callspan.instrument(**sdk.providers(), **options)
        with_us, without = fastest([make(True), make(False)], rounds, 1)
        yield Row(name, (with_us - without) / whole, "of the bare client's chunk", aim)
    callspan.uninstrument()


def beside(
    name: str,
    make: Callable[[], work.Action],
    rounds: int,
    aim: float | None = None,
    **options: str,
) -> Row:
    """What the same work of the real client costs more, as a share of what it costs without."""
    sdk, action = Sdk(True), make()

    def watched() -> None:
        callspan.instrument(**sdk.providers(), **options)  # type: ignore[arg-type]
        action()

    def bare() -> None:
        callspan.uninstrument()
        action()

    def only_switching() -> None:
        callspan.instrument(**sdk.providers(), **options)  # type: ignore[arg-type]

    with_us, without, switching = fastest([watched, bare, only_switching], rounds, 1)
    callspan.uninstrument()
    return Row(name, (with_us - switching) / without - 1, "more than the bare client", aim)


def content(rounds: int) -> Iterator[Row]:
    """Messages captured: 200 KB of them, and an image of 5 MB beside the cost of writing it as JSON once."""
    sdk, action, picture = Sdk(True), work.call(work.LONG), work.picture()
    callspan.uninstrument()
    bare, bare_picture, dumped = fastest(
        [action, picture, lambda: json.dumps(work.IMAGE)], rounds, 1
    )
    callspan.instrument(**sdk.providers(), capture="span")
    with_us, with_picture = fastest([action, picture], rounds, 1)
    callspan.uninstrument()
    yield Row(
        "call, 200 KB of messages captured", with_us / bare - 1, "more than the bare client", 0.1
    )
    yield Row(
        "call, an image of 5 MB, captured",
        max(0.0, with_picture - bare_picture) / dumped,
        "of one json.dumps",
        1.0,
    )


def budget(rounds: int) -> Row:
    """What it costs to admit a call to a budget with all limits, as a share of one record of the SDK's."""
    record, check = fastest([floor.record(Sdk(True)), stubs.budget_check()], rounds, 500)
    return Row("budget, a check", check / record, "of a histogram record", 0.5)


def importing(rounds: int) -> Row:
    """The time to import callspan as a multiple of that for the OpenTelemetry API which it needs."""
    code = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"

    def seconds(names: str) -> float:
        command = [sys.executable, "-c", code.format(names)]
        runs = [subprocess.run(command, capture_output=True, check=True) for _ in range(rounds)]
        return min(float(run.stdout) for run in runs)

    ratio = seconds("callspan") / seconds("opentelemetry.trace, opentelemetry.metrics")
    return Row("import", ratio, "x the OpenTelemetry API", 3.0)


def rows(short: bool) -> Iterator[Row]:
    """All of them, as they are measured."""
    rounds = 40 if short else 400
    yield from calls(rounds)
    yield from chunks(rounds)
    yield from content(10 if short else 60)
    yield budget(rounds)
    yield importing(3 if short else 10)
    if not short:
        yield beside("call of 1 KB", work.call, 300)
        yield beside("call of 100 messages of 2 KB", lambda: work.call(work.LONG), 100)
        yield beside("call of Anthropic's client", work.message, 300)
        yield beside("embeddings of 100 texts", work.embeddings, 100)
        yield beside("stream of 1,000 chunks", work.stream, 40)
        yield beside("100 streams of 20 chunks at once, async", work.many_streams, 20)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="fewer rounds and rows, for the landing check"
    )
    parser.add_argument(
        "--peers", nargs="*", metavar="NAME", help=f"measure these too: {', '.join(peers.PEERS)}"
    )
    parser.add_argument(
        "--instructions", action="store_true", help="count instructions, by valgrind's callgrind"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep these counts, by which later ones are judged"
    )
    chosen = parser.parse_args()
    if chosen.instructions:
        return instructions.main(chosen.short, chosen.keep)
    if chosen.peers is not None:
        return peers.main(chosen.peers or list(peers.PEERS))
    failed = False
    for row in rows(chosen.short):
        print(row, flush=True)
        failed = failed or not row.passes
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
