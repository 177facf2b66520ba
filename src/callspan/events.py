"""The words that clients and handlers share: a call, what it is answered, and how it ends."""

from __future__ import annotations

import enum
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, runtime_checkable

_numbers = itertools.count(1)

TEXT = "text"
REASONING = "reasoning"
TOOL_CALL = "tool_call"
"""The kinds of output that arrive piece by piece; every other kind arrives whole, as `Part.data`."""


class Outcome(str, enum.Enum):
    """How a call ended; exactly one of these, once."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(slots=True)
class Usage:
    """Token counts of one answer; `None` where nobody said, never 0 for unknown.

    `input` includes what was read from or written to a cache, `output` includes reasoning, for every provider.
    `source` names who counted: `provider`, or `requested` when the provider counted because callspan asked it to.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    input_text: int | None = None
    input_audio: int | None = None
    input_image: int | None = None
    output_text: int | None = None
    output_audio: int | None = None
    output_image: int | None = None
    source: str = "provider"

    @property
    def total(self) -> int | None:
        """Input and output tokens together; `None` when neither is known."""
        if self.input is None and self.output is None:
            return None
        return (self.input or 0) + (self.output or 0)

    def update(self, newer: Usage) -> None:
        """Take over what a newer count states: providers repeat running totals, so the last word wins."""
        for name in _COUNTS:
            value = getattr(newer, name)
            if value is not None:
                setattr(self, name, value)


_COUNTS = tuple(f.name for f in fields(Usage) if f.name != "source")


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
    `whole` says that it is all there, and replaces the pieces that came before.
    """

    id: str | None = None
    model: str | None = None
    parts: Sequence[Part] = ()
    finish_reasons: Sequence[tuple[int, str | None]] = ()
    usage: Usage | None = None
    details: Mapping[str, Any] | None = None
    failure: Failure | None = None
    whole: bool = False
    last: bool = False


@dataclass(slots=True, frozen=True)
class Token:
    """One piece of a streamed answer, as a handler hears it; `time` is in seconds since the call began."""

    text: str
    kind: str
    index: int
    time: float


@dataclass(slots=True, frozen=True)
class Failure:
    """Why a call failed, without content: `type` is the provider's code, else the qualified class name.

    `message` and `exception` may quote the conversation; they leave the process only when content is captured.
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


class _Choice:
    """The parts of one choice, in the order in which they began."""

    __slots__ = ("finish_reason", "parts", "tool")

    def __init__(self) -> None:
        self.parts: dict[Any, tuple[Part, list[str]]] = {}
        self.finish_reason: str | None = None
        self.tool: Any = None

    def add(self, part: Part) -> None:
        key = self._tool_key(part) if part.kind == TOOL_CALL else (part.kind, part.index)
        if part.data is not None and (key in self.parts):
            key = (part.kind, part.index, len(self.parts))
        if key not in self.parts:
            self.parts[key] = (part, [])
        first, fragments = self.parts[key]
        first.id = first.id or part.id
        first.name = first.name or part.name
        if part.text:
            fragments.append(part.text)

    def _tool_key(self, part: Part) -> Any:
        """Keep two tool calls apart when servers leave the index out or give every call the same one."""
        key = (TOOL_CALL, part.index)
        if part.index is None:
            key = (TOOL_CALL, part.id) if part.id else self.tool or key
        elif part.id and key in self.parts and self.parts[key][0].id not in (None, part.id):
            key = (TOOL_CALL, part.index, part.id)
        elif not part.id and self.tool and self.tool[:2] == key:
            key = self.tool
        self.tool = key
        return key

    def message(self) -> dict[str, Any]:
        return {
            "role": "assistant",
            "parts": [_shown(part, "".join(bits)) for part, bits in self.parts.values()],
        }


def _shown(part: Part, text: str) -> dict[str, Any]:
    if part.data is not None:
        return {"type": part.kind, **part.data}
    if part.kind == TOOL_CALL:
        return {"type": TOOL_CALL, "id": part.id, "name": part.name or "", "arguments": parsed(text)}
    return {"type": part.kind, "content": text}


def parsed(arguments: Any) -> Any:
    """Tool arguments as an object where they are the text of one, else as they came."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments) if arguments.strip() else {}
    except ValueError:
        return arguments


class Response:
    """What is known of the answer so far; a streamed and a plain answer end in the same object."""

    __slots__ = (
        "_choices",
        "chunk_times",
        "chunks",
        "details",
        "failure",
        "first_chunk",
        "first_token",
        "id",
        "last",
        "model",
        "usage",
    )

    def __init__(self) -> None:
        self.id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None
        self.details: dict[str, Any] = {}
        self.failure: Failure | None = None
        self.last = False
        self.chunks = 0
        self.first_chunk: float | None = None
        self.chunk_times: list[float] | None = None
        self.first_token: float | None = None
        self._choices: dict[int, _Choice] = {}

    def add(self, delta: Delta, keep_text: bool = True) -> None:
        """Take in one chunk or one whole answer; without `keep_text` all but what it says."""
        self.id = delta.id or self.id
        self.model = delta.model or self.model
        self.last = self.last or delta.last
        self.failure = delta.failure or self.failure
        if delta.details:
            self.details.update(delta.details)
        if delta.usage is not None:
            if self.usage is None:
                self.usage = delta.usage
            else:
                self.usage.update(delta.usage)
        if delta.whole:
            self._choices.clear()
        for part in delta.parts if keep_text else ():
            self._choice(part.choice).add(part)
        for index, reason in delta.finish_reasons:
            choice = self._choice(index)
            choice.finish_reason = reason or choice.finish_reason

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    @property
    def finish_reasons(self) -> list[str | None]:
        """Why each choice ended, in the provider's own words; `None` where it did not say."""
        return [choice.finish_reason for choice in self._ordered()]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """One message a choice, as `{"role", "parts"}`; empty of parts when nobody asked for content."""
        return [choice.message() for choice in self._ordered()]

    def _ordered(self) -> list[_Choice]:
        if len(self._choices) < 2:
            return list(self._choices.values())
        return [choice for _, choice in sorted(self._choices.items())]

    @property
    def text(self) -> str:
        """The answer's text, of the first choice."""
        first = self.messages[:1]
        return "".join(part["content"] for message in first for part in message["parts"] if part["type"] == TEXT)

    def finished(self, choices: int) -> bool:
        """Whether the model had said all it would: a closing event, or a finish reason for each of the choices."""
        return self.last or (len(self._choices) >= choices and all(self.finish_reasons))


@dataclass(slots=True)
class Content:
    """What was sent to the model, as messages of `{"role", "parts"}`."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    system: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)


class Call:
    """One operation as the caller sees it, from start to end; the client's retries stay inside it.

    `parameters` has the request's settings under plain names (`temperature`, `max_tokens`, ...), only those sent.
    `duration` is in seconds, `None` while the call runs. `response` fills as the answer arrives.
    """

    __slots__ = (
        "_content",
        "_read_content",
        "asynchronous",
        "client_name",
        "client_version",
        "context",
        "duration",
        "failure",
        "id",
        "model",
        "operation",
        "outcome",
        "parameters",
        "parent",
        "provider",
        "response",
        "retries",
        "server_address",
        "server_port",
        "span",
        "start_ns",
        "started",
        "stream",
        "values",
    )

    def __init__(
        self,
        operation: str,
        provider: str,
        model: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        *,
        stream: bool = False,
        asynchronous: bool = False,
        server: tuple[str | None, int | None] = (None, None),
        client: tuple[str, str] = ("", ""),
        content: Callable[[], Content] = Content,
    ) -> None:
        self.id = f"call-{next(_numbers)}"
        self.operation = operation
        self.provider = provider
        self.model = model
        self.parameters: Mapping[str, Any] = parameters or {}
        self.stream = stream
        self.asynchronous = asynchronous
        self.server_address, self.server_port = server
        self.client_name, self.client_version = client
        self.parent: Call | None = None
        self.response = Response()
        self.retries: list[Retry] = []
        self.outcome: Outcome | None = None
        self.failure: Failure | None = None
        self.duration: float | None = None
        self.span: Any = None
        self.context: Any = None
        self.values: dict[str, Any] = {}
        self.start_ns = time.time_ns()
        self.started = time.perf_counter()
        self._read_content = content
        self._content: Content | None = None

    @property
    def content(self) -> Content:
        """What was sent: messages, system instructions and tools; read from the request when first asked for."""
        if self._content is None:
            self._content = self._read_content()
        return self._content

    @property
    def end_ns(self) -> int:
        """The end as nanoseconds since 1970, on the same clock as `start_ns`; now, while the call runs."""
        elapsed = self.duration if self.duration is not None else time.perf_counter() - self.started
        return self.start_ns + int(elapsed * 1e9)


@runtime_checkable
class Handler(Protocol):
    """What is told of calls. Any of the four methods may be missing, and any may be `async def`.

    `on_start` may return a context manager, which is entered around the provider call. A handler must not block.
    """

    def on_start(self, call: Call) -> Any: ...

    def on_token(self, call: Call, token: Token) -> Any: ...

    def on_end(self, call: Call, response: Response) -> Any: ...

    def on_error(self, call: Call, error: BaseException) -> Any: ...
