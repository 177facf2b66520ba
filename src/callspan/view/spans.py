"""A span as the page keeps it, and what can be read off its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from callspan.events.operations import facts_of
from callspan.formats.fields import text_of
from callspan.semconv import names

Attributes = Mapping[str, Any]
NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened within a span.

    Attributes:
        name: Its name.
        time: When, in nanoseconds since 1970.
        attributes: Its facts, as plain values.
    """

    name: str
    time: int
    attributes: Attributes


@dataclass(slots=True)
class SpanRecord:
    """One ended span.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: The span around it; empty for a root.
        kind: OTLP's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
        start: When it began, in nanoseconds since 1970.
        end: When it ended.
        is_error: Whether its status is an error.
        message: The words of its status.
        service: The name of the service that it comes from.
        scope: The name of the instrumentation that made it.
        attributes: Plain values.
        events: In the order in which they happened.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start: int
    end: int
    is_error: bool = False
    message: str = ""
    service: str = ""
    scope: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[SpanEvent] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0, self.end - self.start) / NANOSECONDS

    @property
    def operation(self) -> str:
        """The operation by the conventions' name, such as `chat`; empty for other spans."""
        return text_of(self.attributes, names.OPERATION)

    @property
    def is_call(self) -> bool:
        """Whether it is a call of a model, so that its tokens and cost count."""
        return bool(self.operation) and facts_of(self.operation).uses_tokens

    @property
    def has_output(self) -> bool:
        """Whether it is a call whose answer has tokens, as those of embeddings have not."""
        return self.is_call and facts_of(self.operation).has_output_tokens

    @property
    def model(self) -> str:
        """The model that answered, else the one that was asked."""
        attributes = self.attributes
        # the answer has the exact version where the request has an alias
        response_model = text_of(attributes, names.RESPONSE_MODEL)
        return response_model or text_of(attributes, names.REQUEST_MODEL)

    @property
    def provider(self) -> str:
        """The provider by the conventions' name, such as `openai`; empty if there is none."""
        return text_of(self.attributes, names.PROVIDER)

    @property
    def session(self) -> str:
        """The session, or the conversation, that it belongs to."""
        attributes = self.attributes
        # what the app has called a session wins over the provider's conversation
        session = text_of(attributes, names.SESSION_ID)
        return session or text_of(attributes, names.CONVERSATION_ID)

    @property
    def user(self) -> str:
        """The id of the app's user; empty where the span has none."""
        return text_of(self.attributes, names.USER_ID)

    @property
    def outcome(self) -> str:
        """How it ended: `completed`, `abandoned`, `interrupted`, `cancelled` or `error`."""
        # an attribute of ours: spans of other instrumentations have only their status
        outcome = self.attributes.get(names.OUTCOME)
        if outcome:
            return str(outcome)
        return "error" if self.is_error else "completed"

    @property
    def error(self) -> str:
        """The kind of its error; empty where there is none."""
        # a call that the app has cancelled has the status of an error, and is none
        if not self.is_error or self.outcome == "cancelled":
            return ""
        return str(self.attributes.get(names.ERROR_TYPE) or "error")

    @property
    def input_tokens(self) -> int | None:
        """Tokens that were sent; None where nobody counted them."""
        return _count(self.attributes, names.INPUT_TOKENS)

    @property
    def output_tokens(self) -> int | None:
        """Tokens that came back; None where nobody counted them."""
        return _count(self.attributes, names.OUTPUT_TOKENS)

    @property
    def cost(self) -> float | None:
        """US dollars; None where the cost is not known."""
        cost = self.attributes.get(names.COST)
        return float(cost) if _is_number(cost) else None

    @property
    def first_token(self) -> float | None:
        """Seconds from the start to the first token of a stream."""
        seconds = self.attributes.get(names.TIME_TO_FIRST_CHUNK)
        return float(seconds) if _is_number(seconds) else None


def _count(attributes: Attributes, name: str) -> int | None:
    value = attributes.get(name)
    return int(value) if _is_number(value) else None


def _is_number(value: object) -> TypeGuard[float]:
    # a bool is an int to Python
    return isinstance(value, (int, float)) and not isinstance(value, bool)
