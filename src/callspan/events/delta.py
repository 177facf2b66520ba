"""What arrives from a provider, piece by piece or whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callspan.events.ending import Failure
from callspan.events.usage import Usage

TEXT = "text"
REASONING = "reasoning"
TOOL_CALL = "tool_call"
"""The kinds of output that arrive piece by piece; every other kind arrives whole, as `Part.data`."""

SERVER_TOOL_CALL = "server_tool_call"
"""A call of a tool that the provider runs by itself; whole, or begun, with its arguments in fragments to follow."""


@dataclass(slots=True)
class Part:
    """One piece of output: a fragment of text, reasoning or tool arguments, or a whole part of another kind.

    Fragments with the same `choice`, `kind` and `index` belong together.
    """

    kind: str
    text: str = ""
    choice: int = 0
    index: Any = None
    id: str | None = None
    name: str | None = None
    data: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Delta:
    """What one chunk, or one whole answer, adds to a response.

    `finish_reasons` has every choice that the chunk speaks of, with `None` while it goes on. `last` closes the answer;
    `whole` says that it is all there, and replaces the pieces that came before. `result` is what a search found.
    `metered` are counts of the platform that a model runs on; they stand in for what the model itself does not state.
    """

    id: str | None = None
    model: str | None = None
    parts: Sequence[Part] = ()
    finish_reasons: Sequence[tuple[int, str | None]] = ()
    usage: Usage | None = None
    metered: Usage | None = None
    details: Mapping[str, Any] | None = None
    failure: Failure | None = None
    result: Any = None
    whole: bool = False
    last: bool = False


@dataclass(slots=True, frozen=True)
class Fetched:
    """How a response stands that was fetched by its id: its status, what it has used, and details such as its tier."""

    status: str | None
    usage: Usage | None
    details: Mapping[str, Any]


@dataclass(slots=True, frozen=True)
class Token:
    """One piece of a streamed answer, as a handler hears it; `time` is in seconds since the call began."""

    text: str
    kind: str
    index: int
    time: float
