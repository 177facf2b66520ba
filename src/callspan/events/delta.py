"""The pieces of an answer, as formats read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from callspan.events.details import Details
from callspan.events.ending import Failure
from callspan.events.messages import PartFields
from callspan.events.sound import Sound
from callspan.events.usage import Usage

TEXT: Final = "text"
REASONING: Final = "reasoning"
TOOL_CALL: Final = "tool_call"
"""The kinds of output that arrive in fragments; every other kind arrives whole, as `Part.data`."""

SERVER_TOOL_CALL: Final = "server_tool_call"
"""A call of a tool that the provider runs: whole, or its start, with arguments in fragments to follow."""


# not frozen, as one is made for each piece of a stream, and a frozen one takes longer to make
@dataclass(slots=True)
class Part:
    """One piece of output: a fragment of text, reasoning or tool arguments, or a whole part.

    Fragments with the same `choice`, `kind` and `index` belong together.

    Attributes:
        kind: `TEXT`, `REASONING`, `TOOL_CALL`, or the type of a whole part such as `image`.
        text: The fragment.
        choice: The number of the answer, from 0.
        index: The place of the part in its message, as the provider counts it.
        id: The id of a tool call.
        name: The name of a tool.
        data: The fields of a whole part.
    """

    kind: str
    text: str = ""
    choice: int = 0
    index: Any = None
    id: str | None = None
    name: str | None = None
    data: PartFields | None = None


@dataclass(slots=True)
class Delta:
    """The additions of one chunk, or of one whole answer, to a response.

    Attributes:
        id: The id of the response.
        model: The model that answers.
        parts: The pieces of output.
        finish_reasons: The choices in this chunk with their finish reasons; `None` while one
            goes on.
        usage: Token counts of the model's vendor.
        metered: Token counts of the platform that the model runs on. They stand in for counts
            that the vendor leaves out.
        details: Further facts of the answer, such as its service tier.
        failure: The error that the provider reports in the answer.
        sound: The sound of this chunk.
        interrupted: Whether the user or the app has cut off the answer.
        result: The result of a search or a tool.
        whole: Whether this is the whole answer; it replaces the pieces that came before.
        last: Whether this closes the answer.
        batch: The facts of a batch of requests that were handed over before.
    """

    id: str | None = None
    model: str | None = None
    # empty tuples, so that the many deltas without parts or reasons create no lists
    parts: Sequence[Part] = ()
    finish_reasons: Sequence[tuple[int, str | None]] = ()
    usage: Usage | None = None
    metered: Usage | None = None
    details: Details | None = None
    failure: Failure | None = None
    sound: Sound | None = None
    interrupted: bool = False
    result: Any = None
    whole: bool = False
    last: bool = False
    batch: Batch | None = None


@dataclass(slots=True, frozen=True)
class BatchResult:
    """The answer to one request of a batch, or why there is none.

    Attributes:
        id: A name that no other result at the same address has; `None` where its position names it.
        operation: The operation of the request, in the conventions' words.
        answer: The answer.
        failure: Why there is no answer.
    """

    id: str | None
    operation: str
    answer: Delta | None = None
    failure: Failure | None = None


@dataclass(slots=True, frozen=True)
class Batch:
    """The facts that an answer of the provider's states of a batch.

    Attributes:
        results: The results in it.
        id: The provider's id of the batch, where the answer states it.
        files: The ids of the files with its results.
        model: The model of all its requests, where the answer states it.
    """

    results: Sequence[BatchResult] = ()
    id: str | None = None
    files: tuple[str, ...] = ()
    model: str | None = None


@dataclass(slots=True, frozen=True)
class Token:
    """One piece of a streamed answer, for handlers.

    Attributes:
        text: The piece.
        kind: `text`, `reasoning` or `tool_call`.
        index: The number of the answer, from 0.
        time: Seconds since the call began.
    """

    text: str
    kind: str
    index: int
    time: float
