"""The pause that a collector asks for when it takes no more for now."""

from __future__ import annotations

import threading
import time

LONGEST_SECONDS = 300.0
"""The longest pause that is kept: a wrong header must not stop telemetry for a day."""


class Throttle:
    """Keeps the requests for one signal back until the time that the collector has named.

    OTLP names it in the header `Retry-After`, or in gRPC's `RetryInfo`. Exporters follow it within
    one export at most; those for HTTP up to version 1.41 not at all.
    """

    def __init__(self) -> None:
        # a number is read and written in one step, so there is no lock
        self._until = 0.0
        self._is_closing = threading.Event()

    def postpone(self, seconds: float) -> None:
        """Let no request go out for so many seconds."""
        # the newest word holds, also where it is shorter than the one before
        self._until = time.monotonic() + min(max(seconds, 0.0), LONGEST_SECONDS)

    @property
    def seconds(self) -> float:
        """How long no request may go out yet."""
        return max(0.0, self._until - time.monotonic())

    @property
    def is_closing(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._is_closing.is_set()

    def wait(self, seconds: float = 0.0) -> bool:
        """Wait for so long at least, and until a request may go out; false if it may not go out.

        That is so when the exporter is closed meanwhile.
        """
        pause = max(self.seconds, seconds)
        # an event and no sleep, so that the end of the process does not wait for the collector
        return pause == 0.0 or not self._is_closing.wait(pause)

    def close(self) -> None:
        """End the waiting."""
        self._is_closing.set()
