"""One operation as its caller sees it."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from callspan.events.content import Content
from callspan.events.ending import Failure, Outcome, Retry
from callspan.events.estimate import Estimate
from callspan.events.framework import Framework
from callspan.events.operations import OperationFacts, facts_of
from callspan.events.parameters import Parameters
from callspan.events.response import Response
from callspan.events.usage import Usage
from callspan.runtime.number import whole
from callspan.runtime.plain import valid

# one step of C code, so threads take their numbers without a lock
_numbers = itertools.count(1)
MOST_CHOICES = 128
"""The most answers that a provider gives to one request."""


def _name(value: object) -> str | None:
    """Return the name of a tool, an agent and so on, or `None` if it is not text.

    A value that is not text may not be hashable, and could not be a key of a table.
    """
    if isinstance(value, str):
        return valid(value)
    return None


class Call:
    """One operation as the caller sees it, from start to end; the client's retries stay inside it.

    Attributes:
        operation: The conventions' name of the operation, such as `chat` or `execute_tool`.
        facts: What is true of every call of this operation.
        provider: The conventions' name of the provider, such as `openai`.
        model: The model in the request.
        subject: The model, or the name of the tool, agent, workflow or node that is called.
        identity: Values that calls of one kind share (operation, provider, model, server, client,
            `in_process`, subject); the key under which handlers keep attributes ready.
        parameters: Settings of the request under plain names (`temperature`, `max_tokens`, ...),
            only those that were sent.
        has_late_parameters: Whether parameters were added after the start.
        has_late_content: Whether the input became available after the start.
        content: Messages, system instructions and tools of the request.
        stream: Whether the answer is streamed.
        asynchronous: Whether the app awaits the call.
        local: Whether it is an operation of the program's own between its calls to models, such
            as a tool.
        in_process: Whether the program performs it by itself, such as a tool or a model that runs
            in the program; else it is a request to a server.
        attributes: Attributes from `callspan.attributes()`, by their names on spans.
        parent: The operation in which this one was called.
        links: Links of the span to other spans than its parent, as OpenTelemetry's objects.
        framework: The framework's run that made the call.
        response: The answer; it fills as it arrives.
        retries: Attempts that the client gave up before it tried again.
        outcome: How the call ended; `None` while it runs.
        failure: Why it failed.
        duration: Seconds from start to end; `None` while it runs.
        started: The start by `time.perf_counter()`, in seconds; durations come from it, as the
            date may be set back while the call runs.
        start_ns: The start in nanoseconds since 1970.
        span: The OpenTelemetry span, once a handler has started one.
        context: The OpenTelemetry context in which the provider is called.
        capture: Which content is captured; `None` for none.
        captured_content: The content as it is exported.
        estimate: Token counts that the provider left out, if a handler needs them.
        priced_call: The facts of the call's price, once a handler has asked for its cost.
        handler_state: Values that handlers keep from the start of the call to its end.
    """

    __slots__ = (
        "_content",
        "_number",
        "_read_content",
        "asynchronous",
        "attributes",
        "capture",
        "captured_content",
        "client_name",
        "client_version",
        "context",
        "duration",
        "estimate",
        "facts",
        "failure",
        "framework",
        "handler_state",
        "has_late_content",
        "has_late_parameters",
        "identity",
        "in_process",
        "links",
        "local",
        "model",
        "operation",
        "outcome",
        "parameters",
        "parent",
        "priced_call",
        "provider",
        "response",
        "retries",
        "server_address",
        "server_port",
        "span",
        "start_ns",
        "started",
        "stream",
        "subject",
    )

    # Looked up once, as handlers ask several times in the life of a call.
    facts: OperationFacts
    # An agent is part of the program, but Bedrock's are called at a server (clients/boto3.py).
    local: bool
    # Those that are `None` at first, and what they are later.
    parent: Call | None
    framework: Framework | None
    outcome: Outcome | None
    failure: Failure | None
    duration: float | None
    estimate: Estimate | None
    _content: Content | None
    # These are empty at first.
    attributes: Mapping[str, Any]
    links: Sequence[Any]
    # The types of these five belong to rooms above this one, which it must not import.
    capture: Any
    captured_content: Any
    priced_call: Any
    span: Any
    context: Any

    def __init__(
        self,
        operation: str,
        provider: str,
        model: str | None = None,
        parameters: Parameters | None = None,
        *,
        stream: bool = False,
        asynchronous: bool = False,
        in_process: bool = False,
        server: tuple[str | None, int | None] = (None, None),
        client: tuple[str, str] = ("", ""),
        content: Callable[[], Content] = Content,
    ) -> None:
        self._number = next(_numbers)
        self.operation = operation
        facts = self.facts = facts_of(operation)
        self.local = facts.is_local and server[0] is None
        self.in_process = in_process or self.local
        self.provider = provider
        self.model = model
        self.parameters: Parameters = parameters or {}
        self.has_late_parameters = self.has_late_content = False
        self.stream = stream
        self.asynchronous = asynchronous
        self.server_address, self.server_port = server
        self.client_name, self.client_version = client
        subject = facts.subject
        self.subject = model if subject is None else _name(self.parameters.get(subject))
        place = (server, self.client_name, self.in_process)
        # the subject is the last, as it may change
        self.identity = (operation, provider, model, *place, self.subject)
        self.attributes = {}
        self.links = ()
        self.response = Response()
        self.retries: list[Retry] = []
        self.parent = self.framework = self._content = None
        self.outcome = self.failure = self.duration = self.estimate = None
        self.capture = self.captured_content = self.priced_call = self.span = self.context = None
        self.handler_state: dict[str, Any] = {}
        self.start_ns = time.time_ns()
        self.started = time.perf_counter()
        self._read_content = content

    @property
    def id(self) -> str:
        """A name for this call, unique in the process."""
        return f"call-{self._number}"

    def __repr__(self) -> str:
        """Return one short line, without content."""
        name = self.operation if self.subject is None else f"{self.operation} {self.subject}"
        state = "running" if self.outcome is None else self.outcome.value
        return f"<Call: {name}, {state}>"

    @property
    def content(self) -> Content:
        """The input, read from the request when it is first used.

        Reading a long conversation takes time, and most are never captured.
        """
        if self._content is None:
            self._content = self._read_content()
        return self._content

    @property
    def uses_tokens(self) -> bool:
        """Whether the operation calls a model, so that there are tokens to count."""
        return self.facts.uses_tokens

    def lacks_count(self, usage: Usage | None) -> bool:
        """Whether counts lack one that every answer to such a call has."""
        if usage is None or usage.input is None:
            return True
        return usage.output is None and self.facts.has_output_tokens

    def update(self, parameters: Parameters) -> None:
        """Add parameters that became available after the start, such as the id of a tool call.

        Those that are `None` are left out. The span has them, and its name, when it ends.
        """
        values = {name: value for name, value in parameters.items() if value is not None}
        if not values:
            return
        later = cast("Parameters", values)
        # another dict, as an asynchronous handler may be reading the present one in its thread
        self.parameters = {**self.parameters, **later}
        self.has_late_parameters = True
        key = self.facts.subject
        if key is not None and key in later:
            self.subject = _name(later.get(key))
            # with the former subject, handlers would find the attributes of another tool
            self.identity = (*self.identity[:-1], self.subject)

    def update_content(self, content: Callable[[], Content]) -> None:
        """Replace the input by one that became available after the start; the span has it then."""
        self._read_content = content
        self._content = None
        self.has_late_content = True

    @property
    def choices(self) -> int:
        """The number of answers that were requested; 1 where the request names no possible one."""
        number = whole(self.parameters.get("choices"))
        if number is None or not 0 < number <= MOST_CHOICES:
            return 1
        return number

    def without_content(self) -> Call:
        """Return a copy to keep for long: without messages, answer, span and their references."""
        # whatever refers to content, to a span or to another call has to be replaced below, or it
        # stays in memory as long as the copy (tests/test_calls.py)
        light = copy.copy(self)
        light._read_content, light._content = Content, None
        light.captured_content = light.span = light.context = None
        light.parent = light.framework = light.failure = light.estimate = light.priced_call = None
        light.retries = []
        light.handler_state = {}
        light.response = Response()
        # by these the response is found and named when it is fetched (lifecycle/pending_calls.py)
        light.response.id = self.response.id
        light.response.model = self.response.model
        light.response.details = self.response.details.copy()
        return light

    @property
    def end_ns(self) -> int:
        """The end in nanoseconds since 1970, by the clock of `start_ns`; now, while it runs."""
        elapsed = self.duration
        if elapsed is None:
            elapsed = time.perf_counter() - self.started
        return self.start_ns + int(elapsed * 1e9)

    # Former names, for handlers that were written for them.
    @property
    def counts(self) -> bool:
        """The former name of `uses_tokens`."""
        return self.uses_tokens

    @property
    def shown(self) -> Any:
        """The former name of `captured_content`."""
        return self.captured_content

    @property
    def values(self) -> dict[str, Any]:
        """The former name of `handler_state`."""
        return self.handler_state

    @property
    def charge(self) -> Any:
        """The former name of `priced_call`."""
        return self.priced_call
