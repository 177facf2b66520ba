"""The programs of these tests: where they stand, and one of them running."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")
ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / "examples" / "stack"
# Read here, because no test sees the variables of the machine.
CACHE = Path(
    os.environ.get("CALLSPAN_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "callspan-ci")
)
BIN = CACHE.expanduser() / "services" / "bin"
NAMES = ("otelcol", "jaeger", "prometheus", "promtool")
MISSING = [name for name in NAMES if not (BIN / name).exists()]
HOW_TO_GET = f"{', '.join(MISSING)} not in {BIN}: tests/services/build.sh builds them with Go, in 10 to 20 minutes"
WANTED = os.environ.get("CALLSPAN_SERVICES", "if there")
"""`required` fails where a program is missing; `skip` leaves these tests out."""
SECONDS = 60
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
OUTGOING = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
"""The lowest port of outgoing connections."""


def until(what: str, look: Callable[[], Found], seconds: float = SECONDS) -> Found:
    """The first answer that is not empty; another program's state can only be asked for again and again."""
    give_up = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < give_up, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found


def free_ports(number: int) -> list[int]:
    """Ports of loopback on which nobody listens, each another one.

    Below those that the system gives to outgoing connections: while a program is down, one of them could take its port.
    """
    with contextlib.ExitStack() as stack:
        return [_taken(stack) for _ in range(number)]


def _taken(stack: contextlib.ExitStack) -> int:
    while True:
        one = stack.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            one.bind(("127.0.0.1", random.randrange(12_000, OUTGOING)))
            return one.getsockname()[1]


def answers(url: str) -> bool:
    """Whether a URL is answered with success."""
    with (
        contextlib.suppress(urllib.error.URLError, OSError),
        urllib.request.urlopen(url, timeout=5) as response,
    ):
        return response.status == 200
    return False


class Running:
    """A program that can be stopped, killed and started again on the same ports."""

    def __init__(
        self, name: str, words: Sequence[str | Path], folder: Path, health: str, **environment: str
    ) -> None:
        self.name, self.health = name, health
        self.log = folder / f"{name}.log"
        self._words = [BIN / name, *words]
        self.environment = {**os.environ, **environment}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, wait: bool = True) -> None:
        """Start it, and wait until it says that it is well."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, env=self.environment, cwd=self._folder, stdout=log, stderr=log
            )
        if wait:
            until(f"{self.name} is up", self._up)

    def _up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended:\n{self.log.read_text()[-2000:]}"
        return answers(self.health)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal, and wait until it has ended."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(SECONDS)
            self._process = None

    def wait_for(self, text: str) -> None:
        """Wait until its log says something."""
        until(f"{self.name} says {text!r}", lambda: text in self.log.read_text())

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.stop(signal.SIGKILL)

    def pause(self, paused: bool) -> None:
        """Let it stand still with its connections open, or go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)
