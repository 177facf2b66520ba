"""The facts of a span that people look at, as data, for the console and any other view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from callspan.events.operations import facts_of
from callspan.export.quotes import Quote, error_quote, quotes_of
from callspan.semconv import names

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from opentelemetry.util.types import AttributeValue

    Attributes = Mapping[str, AttributeValue]

# values of the attribute `names.USAGE_SOURCE`: callspan has counted by one of these
_ESTIMATES = ("tiktoken", "heuristic")
_AGENTS = ("invoke_agent", "invoke_workflow")


@dataclass(frozen=True, slots=True)
class SpanError:
    """How a span failed. The error's message is left out, because it may quote the conversation.

    Attributes:
        type: The kind of error, such as `APIError`; empty where the span does not have it.
        http_status: The status of the response, if there was one.
    """

    type: str
    http_status: int | float | None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """The facts of a call to a model; `None` and empty texts stand for facts that the span lacks.

    Attributes:
        operation: The conventions' name, such as `chat`.
        provider: The provider's name in the conventions, such as `openai`.
        input_tokens: Tokens of the request, with those that were read from a cache.
        output_tokens: Tokens of the answer, with reasoning.
        cache_read_tokens: The part of the input that was read from a cache.
        reasoning_tokens: The part of the output that is reasoning.
        usage_source: Who counted the tokens, if not the provider by itself; see `events.Usage`.
        time_to_first_chunk: Seconds from the request to the first chunk of a stream.
        attempts: How many requests were sent for the call.
        cost: US dollars.
        server_address: The host that was called.
        server_port: Its port.
    """

    operation: str
    provider: str
    input_tokens: int | float | None
    output_tokens: int | float | None
    cache_read_tokens: int | float | None
    reasoning_tokens: int | float | None
    usage_source: str
    time_to_first_chunk: float | None
    attempts: int | float | None
    cost: float | None
    server_address: str
    server_port: int | float | None

    @property
    def has_usage(self) -> bool:
        """Whether tokens were counted at all."""
        return self.input_tokens is not None or self.output_tokens is not None

    @property
    def is_estimated(self) -> bool:
        """Whether callspan has counted the tokens, because the provider did not."""
        return self.usage_source in _ESTIMATES


@dataclass(frozen=True, slots=True)
class SpanSummary:
    """A span without its content, but for short quotes, so that it can be kept when the span is let go.

    Attributes:
        trace_id: The id of the trace.
        span_id: The id of the span.
        parent_id: The id of the span above it; `None` for the root of a trace.
        name: The name of the span.
        start: When it started, in nanoseconds since 1970.
        end: When it ended, likewise; `None` while it is open.
        outcome: How a call ended; empty for a span that is not of a call.
        error: How it failed, or `None`.
        model_call: Tokens, cost and the like, or `None` where no model was called.
        ended_after_root: Whether the tree to which it belongs was complete without it.
        is_agent: Whether it is of an agent or a workflow.
        is_request: Whether it is of a request that a server has got.
        quotes: Its messages, where they are asked for.
    """

    trace_id: int
    span_id: int
    parent_id: int | None
    name: str
    start: int
    end: int | None
    outcome: str = ""
    error: SpanError | None = None
    model_call: ModelCall | None = None
    ended_after_root: bool = False
    is_agent: bool = False
    is_request: bool = False
    quotes: tuple[Quote, ...] = ()

    @property
    def is_of_model(self) -> bool:
        """Whether it tells of a call to a model, or of an agent, a tool or a search around one."""
        return bool(self.outcome) or self.is_agent or self.model_call is not None


def summary_of(span: ReadableSpan, has_quotes: bool = False) -> SpanSummary:
    """Return the summary of a span that has ended, with its messages if `has_quotes` asks for them."""
    context = span.context
    assert context is not None  # only spans that nobody has started have none
    attributes: Attributes = span.attributes or {}
    start = span.start_time or 0
    return SpanSummary(
        context.trace_id,
        context.span_id,
        _parent_id(span),
        span.name,
        start,
        span.end_time or start,
        _text(attributes, names.OUTCOME),
        _error(span, attributes),
        _model_call(attributes),
        is_agent=attributes.get(names.OPERATION) in _AGENTS,
        is_request=span.kind is SpanKind.SERVER,
        quotes=_quotes(span, attributes) if has_quotes else (),
    )


def summary_of_open(span: Span) -> SpanSummary:
    """Return the summary of an open span, without its attributes: they may still change."""
    context = span.get_span_context()
    start = span.start_time or 0
    return SpanSummary(
        context.trace_id, context.span_id, _parent_id(span), span.name, start, end=None
    )


def _quotes(span: ReadableSpan, attributes: Attributes) -> tuple[Quote, ...]:
    # only the SDK's own spans have the words of an exception without being asked
    is_ours = names.OUTCOME in attributes
    message = span.status.description if is_ours else None
    return quotes_of(attributes) + error_quote(message or "")


def _parent_id(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent is not None else None


def _error(span: ReadableSpan, attributes: Attributes) -> SpanError | None:
    is_error = span.status.status_code.name == "ERROR"
    # a call that the app has cancelled has that status too, and is no failure
    if not is_error or attributes.get(names.OUTCOME) == "cancelled":
        return None
    error_type = _text(attributes, names.ERROR_TYPE) or _exception_type(span)
    return SpanError(error_type, _number(attributes, names.HTTP_STATUS))


def _exception_type(span: ReadableSpan) -> str:
    """Return the type of the first recorded exception: spans of the app have no other."""
    for event in span.events:
        attributes = event.attributes or {}
        if names.EXCEPTION_TYPE in attributes:
            return _text(attributes, names.EXCEPTION_TYPE)
    return ""


def _model_call(attributes: Attributes) -> ModelCall | None:
    operation = attributes.get(names.OPERATION)
    if operation is None or not _calls_model(operation, attributes):
        return None
    return ModelCall(
        str(operation),
        _text(attributes, names.PROVIDER),
        _number(attributes, names.INPUT_TOKENS),
        _number(attributes, names.OUTPUT_TOKENS),
        _number(attributes, names.CACHE_READ_TOKENS),
        _number(attributes, names.REASONING_TOKENS),
        _text(attributes, names.USAGE_SOURCE),
        _number(attributes, names.TIME_TO_FIRST_CHUNK),
        _number(attributes, names.ATTEMPTS),
        _number(attributes, names.COST),
        _text(attributes, names.SERVER_ADDRESS),
        _number(attributes, names.SERVER_PORT),
    )


def _calls_model(operation: AttributeValue, attributes: Attributes) -> bool:
    """Whether tokens belong to a span. Those of an agent have them in other instrumentations."""
    if names.INPUT_TOKENS in attributes:
        return True
    return names.REQUEST_MODEL in attributes and facts_of(operation).uses_tokens


def _text(attributes: Attributes, name: str) -> str:
    value = attributes.get(name)
    return "" if value is None else str(value)


def _number(attributes: Attributes, name: str) -> int | float | None:
    """Return a number, or `None` for anything else that another instrumentation put there."""
    value = attributes.get(name)
    return value if isinstance(value, (int, float)) else None
