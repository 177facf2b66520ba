"""Calls at the end by a signal: those on their way may still be answered, and no new ones begin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from callspan.lifecycle.observation import open_observations
from callspan.runtime.background import running_loop

SECONDS = 1.0
"""How long an answer that is on its way is waited for, at most: it is paid for, and its tokens are not known yet."""
_POLL_SECONDS = 0.01


class LastCalls:
    """What becomes of calls when the signal has come that ends the process.

    Without us the program would be dead by now, so a call that it still begins would be paid for and never read: the
    thread waits instead for the end, which is near. An event loop waits too, but not before the answers that it is
    still to read are there.
    """

    def __init__(self) -> None:
        self._answered = threading.Event()
        self._lives_on = threading.Event()

    def settle(self, seconds: float) -> None:
        """Wait for the answers of the calls that are on their way. Streams are not waited for: they tell as they go."""
        deadline = time.monotonic() + seconds
        waiting = [
            each
            for each in list(open_observations)
            if each.call.uses_tokens and not each.call.stream
        ]
        while time.monotonic() < deadline and any(each in open_observations for each in waiting):
            time.sleep(_POLL_SECONDS)
        self._answered.set()

    def hold(self) -> Callable[[], None]:
        """Let no call begin from now on; return what lets them begin again."""
        from callspan.setup.instrument import before_calls

        self._lives_on.clear()
        before = before_calls(self._wait)

        def release() -> None:
            before_calls(before)
            self._lives_on.set()

        return release

    def _wait(self) -> None:
        if running_loop() is None or self._answered.is_set():
            self._lives_on.wait()
