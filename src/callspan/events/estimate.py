"""Token counts that callspan estimates after a call whose provider stated none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from callspan.events.usage import Usage


class Estimate:
    """The probable token counts of one call, beyond those that the provider stated.

    Attributes:
        model: The model whose encoding is used.
        sent: The messages to count, until the work is done.
        tools: The tools to count with them.
        received: The texts of the answer to count.
        usage: The estimated counts; `None` until they are there.
        rough: Counts by the rule of thumb, there at the call's end; `None` if nobody shows them.
        is_requested: Whether callspan has asked the provider for its own counts, which did not come.
        not_counted: Kinds of input, such as images, for which there is no rule.
    """

    __slots__ = (
        "_jobs",
        "is_requested",
        "model",
        "not_counted",
        "received",
        "rough",
        "sent",
        "tools",
        "usage",
    )

    def __init__(self, model: str | None) -> None:
        self.model = model
        self.sent: Sequence[Mapping[str, Any]] | None = None
        self.tools: Sequence[Mapping[str, Any]] = []
        self.received: list[str] | None = None
        self.usage: Usage | None = None
        self.rough: Usage | None = None
        self.is_requested = False
        self.not_counted: tuple[str, ...] = ()
        self._jobs: list[Callable[[], object]] = []

    def then(self, job: Callable[[], object]) -> None:
        """Run a job in the background once the estimate is there.

        It has to be called before the end of the call has been told to all handlers.
        """
        # no lock: the thread that closes an estimate gets it when all handlers have been called
        self._jobs.append(job)

    def close(self) -> list[Callable[[], object]]:
        """Let go of the messages, and return the jobs that wait for the estimate."""
        # the call may be kept by a handler for long; its messages must not be kept with it
        self.sent, self.tools, self.received = None, [], None
        jobs, self._jobs = self._jobs, []
        return jobs
