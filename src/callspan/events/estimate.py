"""Token counts that callspan works out by itself when a call has ended and nobody stated them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from callspan.events.usage import Usage


class Estimate:
    """What was probably used beyond what the provider stated; `usage` is `None` until it has been worked out.

    `not_counted` names the kinds of input, such as images, for which there is no rule. `sent` and `received` are the
    messages to count; they are let go when the work is done.
    """

    __slots__ = ("_then", "model", "not_counted", "received", "sent", "tools", "usage")

    def __init__(self, model: str | None) -> None:
        self.model = model
        self.sent: Sequence[Mapping[str, Any]] | None = None
        self.tools: Sequence[Mapping[str, Any]] = []
        self.received: list[str] | None = None
        self.usage: Usage | None = None
        self.not_counted: tuple[str, ...] = ()
        self._then: list[Callable[[], object]] = []

    def then(self, job: Callable[[], object]) -> None:
        """Run a job in the background once the estimate is there; to be said before the end of the call is told."""
        self._then.append(job)

    def done(self) -> list[Callable[[], object]]:
        """The jobs that wait; the messages are let go."""
        self.sent, self.tools, self.received = None, [], None
        jobs, self._then = self._then, []
        return jobs
