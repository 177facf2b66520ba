"""How a call ends, and what went before."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Outcome(str, enum.Enum):
    """How a call ended; exactly one of these, once."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    ERROR = "error"


CANCELLED_BY_PROVIDER = "cancelled"
"""The type of the failure of a call whose provider answers that somebody has cancelled it."""


@dataclass(slots=True, frozen=True)
class Failure:
    """Why a call failed, without content: `type` is the provider's code, else the qualified class name.

    `message` and `exception` may quote the conversation; they leave the process only when content is captured. The
    `exception` is there until the end has been told, as it refers to all that was in force where it was raised.
    """

    type: str
    message: str = ""
    status: int | None = None
    request_id: str | None = None
    retry_after: str | None = None
    exception: BaseException | None = None


@dataclass(slots=True, frozen=True)
class Retry:
    """One attempt that the client gave up to try again: its number, its cause, the wait in seconds before the next."""

    attempt: int
    cause: str
    wait: float
    time_ns: int
