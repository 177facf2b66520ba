"""One operation as its caller sees it."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from callspan.events.ending import Failure, Outcome, Retry
from callspan.events.estimate import Estimate
from callspan.events.framework import Framework
from callspan.events.response import Response
from callspan.runtime.number import whole
from callspan.runtime.plain import valid

_numbers = itertools.count(1)
_SUBJECTS = {
    "invoke_agent": "agent_name",
    "execute_tool": "tool_name",
    "invoke_workflow": "workflow_name",
    "run_node": "node_name",
    "retrieval": "data_source_id",
}
"""What is done with something else than a model, and the parameter that names it."""
_OWN = frozenset({"invoke_agent", "execute_tool", "invoke_workflow", "run_node"})
"""What a program does itself, unless it asks a server to."""
_WITHOUT_MODEL = frozenset({*_SUBJECTS, "fetch_response"})
"""Operations that call no model. What is fetched was made by a call before."""
MOST_CHOICES = 128
"""The most answers that a provider gives to one request."""


def _name(value: Any) -> str | None:
    """Return the name of a tool, an agent and so on; what is no text is none, and could not be looked up by."""
    return valid(value) if isinstance(value, str) else None


@dataclass(slots=True)
class Content:
    """What was sent to the model, as messages of `{"role", "parts"}`; to a tool, or to a search."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    system: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    arguments: Any = None
    query: str | None = None


class Call:
    """One operation as the caller sees it, from start to end; the client's retries stay inside it.

    `parameters` has the request's settings under plain names (`temperature`, `max_tokens`, ...), only those sent.
    `attributes` are those that `callspan.attributes()` has put in force, by their names on spans.
    `identity` is what calls of one kind have in common: operation, provider, model, server, client and subject.
    `subject` is what is called: the model, or the name of a tool, agent, workflow or node.
    `context` is the OpenTelemetry context in which the provider is called, once a handler has made one for it.
    `local` is an operation of the program itself, such as a tool, and no request to a provider.
    `duration` is in seconds, `None` while the call runs. `response` fills as the answer arrives. `capture` says what of
    the content is captured, `None` for nothing of it, and `shown` is what is exported of it.
    `estimate` is there once a call has ended whose provider left counts out, where somebody wants to know them, and
    `charge` once somebody wanted to know what it cost.
    """

    __slots__ = (
        "_content",
        "_number",
        "_read_content",
        "asynchronous",
        "attributes",
        "capture",
        "charge",
        "client_name",
        "client_version",
        "context",
        "duration",
        "estimate",
        "failure",
        "framework",
        "identity",
        "local",
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
        "shown",
        "span",
        "start_ns",
        "started",
        "stream",
        "subject",
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
        self._number = next(_numbers)
        self.operation = operation
        self.local = operation in _OWN and server[0] is None
        self.provider = provider
        self.model = model
        self.parameters: Mapping[str, Any] = parameters or {}
        self.stream = stream
        self.asynchronous = asynchronous
        self.server_address, self.server_port = server
        self.client_name, self.client_version = client
        key = _SUBJECTS.get(operation)
        self.subject: str | None = model if key is None else _name(self.parameters.get(key))
        self.identity = (operation, provider, model, server, self.client_name, self.subject)
        self.attributes: Mapping[str, Any] = {}
        self.parent: Call | None = None
        self.framework: Framework | None = None
        self.response = Response()
        self.retries: list[Retry] = []
        self.outcome: Outcome | None = None
        self.failure: Failure | None = None
        self.duration: float | None = None
        self.capture: Any = None
        self.shown: Any = None
        self.estimate: Estimate | None = None
        self.charge: Any = None
        self.span: Any = None
        self.context: Any = None
        self.values: dict[str, Any] = {}
        self.start_ns = time.time_ns()
        self.started = time.perf_counter()
        self._read_content = content
        self._content: Content | None = None

    @property
    def id(self) -> str:
        """A name for this call, unique in the process."""
        return f"call-{self._number}"

    @property
    def content(self) -> Content:
        """What was sent: messages, system instructions and tools; read from the request when first asked for."""
        if self._content is None:
            self._content = self._read_content()
        return self._content

    @property
    def counts(self) -> bool:
        """Whether a model was called, so that there are tokens to count."""
        return self.operation not in _WITHOUT_MODEL

    @property
    def choices(self) -> int:
        """How many answers were asked for, as far as a provider gives so many."""
        wanted = whole(self.parameters.get("choices"))
        return wanted if wanted is not None and 0 < wanted <= MOST_CHOICES else 1

    def without_content(self) -> Call:
        """Return a copy that may be kept for long: without messages, answer, span and all that these refer to."""
        kept = copy.copy(self)
        kept._read_content, kept._content = Content, None
        kept.shown = kept.span = kept.context = kept.parent = kept.framework = None
        kept.failure, kept.estimate, kept.charge, kept.retries, kept.values = (
            None,
            None,
            None,
            [],
            {},
        )
        kept.response = Response()
        kept.response.id, kept.response.model = self.response.id, self.response.model
        kept.response.details = dict(self.response.details)
        return kept

    @property
    def end_ns(self) -> int:
        """The end as nanoseconds since 1970, on the same clock as `start_ns`; now, while the call runs."""
        elapsed = self.duration if self.duration is not None else time.perf_counter() - self.started
        return self.start_ns + int(elapsed * 1e9)
