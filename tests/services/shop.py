"""The demo's program under `callspan run`, and what the model server handed out to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callspan.testing.modelserver import Counts, ModelServer

from .otlp import Span, spans_of
from .programs import ROOT, SECONDS

COMMAND = (sys.executable, "-m", "callspan.cli", "run")
SHOP = ROOT / "examples" / "flower_shop.py"
ORDER = Path(__file__).with_name("order.py")


@dataclass(frozen=True)
class Visit:
    """One run of the flower shop: the service's name, what the server told, and the spans in the file beside."""

    service: str
    told: Mapping[str, Counts]
    spans: list[Span]
    stderr: str


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would steer callspan or the client."""
    ours = ("OTEL_", "CALLSPAN_", "OPENAI_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "PYTHONPATH": str(ROOT / "src"),
        "NO_PROXY": "127.0.0.1",
        "OPENAI_API_KEY": "test",
        **more,
    }


def visit(folder: Path, service: str, *options: str, **variables: str) -> Visit:
    """Run the flower shop to its end; it writes its spans to a file too, which is the other side of each comparison."""
    file = folder / f"{service}.jsonl"
    with ModelServer(first_call_busy=True) as server:
        done = subprocess.run(
            [*COMMAND, "--file", file, "--service-name", service, *options, SHOP],
            env=environment(OPENAI_BASE_URL=server.url, **variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Visit(service, dict(server.ledger.told), spans_of(file), done.stderr)


def to(url: str, protocol: str = "grpc") -> dict[str, str]:
    """The variables that send telemetry to a collector."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}


class Orders:
    """The program that takes orders, running; each order is two spans."""

    program = ORDER

    def __init__(self, server: ModelServer, service: str, *words: int, **variables: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, "--service-name", service, self.program, *map(str, words)],
            env=environment(OPENAI_BASE_URL=server.url, **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def take(self, number: int) -> list[float]:
        """Take so many orders, one after the other; the seconds that each call took."""
        return [self._take() for _ in range(number)]

    def _take(self) -> float:
        self.begin()
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())

    def begin(self) -> None:
        """Let the program begin an order, and do not wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End the program at once."""
        self._process.kill()
        self._process.communicate(timeout=SECONDS)

    def close(self) -> tuple[list[str], float]:
        """Let the program end; the lines on stderr, and the seconds that the end took."""
        began = time.monotonic()
        _, stderr = self._process.communicate(timeout=SECONDS)
        assert self._process.returncode == 0, stderr
        return stderr.splitlines(), time.monotonic() - began


class Traffic(Orders):
    """Calls of all kinds: each order is a plain answer, a stream, a busy server, embeddings and an error."""

    program = ORDER.with_name("traffic.py")


def run_order(
    server: ModelServer, service: str, number: int, *words: int, **variables: str
) -> list[str]:
    """Take so many orders, to the end; the lines on stderr."""
    orders = Orders(server, service, *words, **variables)
    orders.take(number)
    return orders.close()[0]
