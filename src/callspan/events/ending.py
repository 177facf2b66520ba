"""How a call ends, and the attempts before that."""

from __future__ import annotations

import enum
from dataclasses import dataclass


# a text as well, so that a handler may compare it with `"error"` or write it to JSON
class Outcome(str, enum.Enum):
    """How a call ended; exactly one of these, once.

    Attributes:
        COMPLETED: The answer was read to its end.
        ABANDONED: The app stopped reading a stream, or the process ended before.
        INTERRUPTED: The user or the app cut off the answer of a session, which goes on.
        CANCELLED: The app's task was cancelled or interrupted, or the provider cancelled the call.
        ERROR: The call failed.
    """

    COMPLETED = "completed"
    ABANDONED = "abandoned"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    ERROR = "error"


CANCELLED_BY_PROVIDER = "cancelled"
"""The `Failure.type` of a call whose provider answers that somebody has cancelled it."""


@dataclass(slots=True, frozen=True)
class Failure:
    """Why a call failed, without content.

    Attributes:
        type: The provider's error code, or the qualified name of the exception's class.
        message: The text of the error. It may quote the conversation, so it leaves the process
            only where content is captured.
        status: The HTTP status.
        request_id: The provider's id of the request.
        retry_after: The seconds to wait, or the date until which, as the provider asks.
        exception: The exception, until the end has been told: it refers to all variables of the
            frames that raised it.
    """

    type: str
    message: str = ""
    status: int | None = None
    request_id: str | None = None
    retry_after: str | None = None
    exception: BaseException | None = None


@dataclass(slots=True, frozen=True)
class Retry:
    """One attempt that the client gave up to try again.

    Attributes:
        attempt: The number of the attempt, from 1.
        cause: Why it failed.
        wait: The pause before the next attempt in seconds.
        time_ns: When it failed, in nanoseconds since 1970.
    """

    attempt: int
    cause: str
    wait: float
    time_ns: int
