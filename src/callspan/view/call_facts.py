"""The facts of one call, as the strip above its conversation shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callspan.export.text.row import seconds
from callspan.formats.fields import text_of
from callspan.semconv import names
from callspan.view import wording
from callspan.view.spans import SpanRecord

_CONTENT = frozenset(
    {
        names.INPUT_MESSAGES,
        names.OUTPUT_MESSAGES,
        names.SYSTEM_INSTRUCTIONS,
        names.TOOL_DEFINITIONS,
        names.TOOL_ARGUMENTS,
        names.TOOL_RESULT,
        names.RETRIEVAL_QUERY,
        names.RETRIEVAL_DOCUMENTS,
        names.MEMORY_QUERY,
        names.MEMORY_RECORDS,
        names.STOP_SEQUENCES,
    }
)
"""Attributes that are shown as the conversation, and left out where a trace is saved without content."""
_VARIABLES = f"{names.PROMPT_VARIABLE}."
_KINDS = (
    (names.CACHE_READ_TOKENS, "read from cache"),
    (names.CACHE_WRITE_TOKENS, "written to cache"),
    (names.CACHE_CREATION_TOKENS, "written to cache"),
    (names.REASONING_TOKENS, "reasoning"),
)
_PARAMETERS = names.REQUEST_MODEL.removesuffix("model")
"""The beginning that the names of all parameters have in common."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: its name, its value, and whether a person may want to copy it."""

    name: str
    value: str
    can_copy: bool = False


def facts(span: SpanRecord) -> list[Fact]:
    """Return the facts of a span, those that people look for first at the beginning."""
    # `_facts` yields all of them, empty or not, so that the order stands in one place
    return [fact for fact in _facts(span) if fact.value]


def without_content(span: SpanRecord) -> dict[str, object]:
    """Return a span's attributes without content."""
    return {name: value for name, value in span.attributes.items() if not _is_content(name)}


def _is_content(name: str) -> bool:
    # the names of a prompt's variables are the app's own
    return name in _CONTENT or name.startswith(_VARIABLES)


def _facts(span: SpanRecord) -> Iterator[Fact]:
    attributes = span.attributes
    yield Fact("outcome", span.outcome)
    yield Fact("error", _error(span))
    yield from _models(span)
    yield Fact("provider", span.provider)
    yield Fact("server", _server(span))
    yield Fact("duration", seconds(span.seconds))
    if span.first_token is not None:
        yield Fact("first token", seconds(span.first_token))
    yield Fact("speed", _speed(span))
    if span.is_call:
        yield Fact("tokens", _tokens(span))
    yield Fact("counted by", text_of(attributes, names.USAGE_SOURCE))
    if span.cost is not None:
        yield Fact("cost", wording.cost(span.cost))
    yield Fact("cost unknown", text_of(attributes, names.COST_UNKNOWN))
    yield Fact("finish reason", _joined(attributes.get(names.FINISH_REASONS)))
    yield Fact("attempts", _joined(attributes.get(names.ATTEMPTS)))
    yield from _retries(span)
    yield from _parameters(span)
    yield Fact("response", text_of(attributes, names.RESPONSE_ID), can_copy=True)
    yield Fact("trace", span.trace_id, can_copy=True)
    yield Fact("span", span.span_id, can_copy=True)


def _models(span: SpanRecord) -> Iterator[Fact]:
    requested_model = text_of(span.attributes, names.REQUEST_MODEL)
    yield Fact("model", span.model)
    # providers answer with the exact version of an alias
    if requested_model != span.model:
        yield Fact("model asked for", requested_model)


def _error(span: SpanRecord) -> str:
    if not span.error:
        return ""
    status = span.attributes.get(names.HTTP_STATUS)
    kind = f"{span.error} ({status})" if status is not None else span.error
    return f"{kind}: {span.message}" if span.message else kind


def _server(span: SpanRecord) -> str:
    address = span.attributes.get(names.SERVER_ADDRESS)
    port = span.attributes.get(names.SERVER_PORT)
    if not address:
        return ""
    return f"{address}:{port}" if port else str(address)


def _speed(span: SpanRecord) -> str:
    """Return output tokens a second: from the first token on, where that is known."""
    # without it the time that the model reads the prompt would count as slow writing
    duration = span.seconds - (span.first_token or 0)
    if not span.output_tokens or duration <= 0:
        return ""
    return f"{span.output_tokens / duration:.0f} tokens/s"


def _tokens(span: SpanRecord) -> str:
    words = [wording.sent_and_received(span)]
    for name, kind in _KINDS:
        count = span.attributes.get(name)
        if count:
            words.append(f"{count} {kind}")
    return ", ".join(words)


def _retries(span: SpanRecord) -> Iterator[Fact]:
    for event in span.events:
        if event.name != names.RETRY_EVENT:
            continue
        cause = text_of(event.attributes, names.RETRY_CAUSE)
        wait = event.attributes.get(names.RETRY_WAIT)
        waited = f", waited {seconds(wait)}" if isinstance(wait, (int, float)) else ""
        yield Fact("retry", f"{cause}{waited}")


def _parameters(span: SpanRecord) -> Iterator[Fact]:
    for name, value in sorted(span.attributes.items()):
        # every setting of a request stands there, those of conventions to come too
        is_parameter = name.startswith(_PARAMETERS) and name != names.REQUEST_MODEL
        if is_parameter and not _is_content(name):
            yield Fact(name.removeprefix(_PARAMETERS).replace("_", " "), _joined(value))


def _joined(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)
