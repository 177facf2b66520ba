"""Calls at the end of a process by a signal: open ones may be answered, and no new ones begin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from callspan.lifecycle.observation import Observation, open_observations
from callspan.runtime.background import running_loop

SECONDS = 1.0
"""The longest wait for an answer: it is paid for, and its tokens are not known yet."""
_POLL_SECONDS = 0.01


class LastCalls:
    """Waits for open calls, and holds new ones back, once a signal has come that ends the process.

    Without callspan the program would be dead by now, so a call that it still begins would be paid
    for and never read: its thread waits instead for the end, which is near. An event loop waits
    too, but only after it has read the answers to its open calls.
    """

    def __init__(self) -> None:
        self._answered = threading.Event()
        self._lives_on = threading.Event()

    def settle(self, seconds: float) -> None:
        """Wait for the answers of the calls that are open, `seconds` at most."""
        deadline = time.monotonic() + seconds
        pending: list[Observation] = []
        for observation in list(open_observations):  # other threads change it meanwhile
            # A stream is not waited for: the part of its answer that has come is recorded already.
            if observation.call.uses_tokens and not observation.call.stream:
                pending.append(observation)
        while time.monotonic() < deadline:
            if not any(observation in open_observations for observation in pending):
                break
            time.sleep(_POLL_SECONDS)
        self._answered.set()

    def hold(self) -> Callable[[], None]:
        """Let no call begin from now on; return a function that lets them begin again."""
        from callspan.setup.instrument import before_calls

        self._lives_on.clear()
        previous = before_calls(self._wait)

        def release() -> None:
            before_calls(previous)
            self._lives_on.set()

        return release

    def _wait(self) -> None:
        """Hold up the thread that is about to begin a call."""
        # An event loop that stood still would never read the answers for which `settle` waits.
        if running_loop() is None or self._answered.is_set():
            self._lives_on.wait()
