"""The rules for one finished span."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.trace import StatusCode

from .attribute import check_attributes
from .content import check_content
from .expectations import Expectations
from .finding import Finding
from .registry import Signal
from .rules import (
    EITHER_KIND,
    INFERENCE_OPERATIONS,
    LATEST_LEVELS,
    METHOD,
    NAMED_AFTER,
    NOT_EXPECTED,
    RELEASED_LEVELS,
    SCOPE,
    SUBSETS,
    broken,
)

_FAILED = ("cancelled", "error")


def describe(span: Any) -> str:
    """A span as messages name it."""
    return f"span {span.name!r}"


def check_span(expect: Expectations, span: Any) -> Iterator[Finding]:
    """Everything that can be said of a span by itself."""
    signal, attributes = describe(span), dict(span.attributes or {})
    kind = expect.span_type(attributes, span.kind.name.lower())
    provider = attributes.get("gen_ai.provider.name")
    levels = expect.registry.refined(kind, provider) if kind is not None else None
    if kind is not None and levels is not None and expect.chosen(("released",)):
        levels = {**levels, **RELEASED_LEVELS.get(kind.name, {})}
    if kind is not None and levels is not None and expect.chosen(("latest",)):
        levels = {**levels, **LATEST_LEVELS.get(kind.name, {})}
    if levels is not None and METHOD in attributes:
        # the run of a tool that stands for a request has the request's attributes too
        levels = {**expect.registry.spans["mcp.client"].attributes, **levels}
    yield from check_attributes(expect, signal, "span", levels, attributes)
    yield from check_content(expect, signal, attributes, on_span=True)
    yield from check_scope(expect, signal, span.instrumentation_scope)
    yield from _check_status(expect, signal, span, attributes)
    yield from _check_values(signal, attributes)
    yield from _check_finish(signal, span, attributes)
    yield from _check_events(expect, signal, span)
    if kind is None:
        yield broken(
            "operation.unknown",
            signal,
            "gen_ai.operation.name",
            attributes.get("gen_ai.operation.name"),
        )
        return
    yield from _check_shape(signal, span, attributes, kind)
    yield from _check_presence(signal, span, attributes, (kind.attributes, levels or {}))


def check_scope(expect: Expectations, signal: str, scope: Any) -> Iterator[Finding]:
    """The instrumentation scope of any signal."""
    if scope is None or scope.name != SCOPE:
        yield broken("scope.name", signal, "scope", scope and scope.name)
    elif (scope.schema_url or "") != expect.schema_url:
        yield broken("scope.schema", signal, "scope", scope.schema_url)


def _check_shape(
    signal: str, span: Any, attributes: Mapping[str, Any], kind: Signal
) -> Iterator[Finding]:
    operation = str(attributes.get("gen_ai.operation.name", kind.operation))
    target = attributes.get(NAMED_AFTER.get(operation, ""))
    if operation == "invoke_workflow":
        target = target or attributes.get("gen_ai.agent.name")
    if kind.name.startswith("mcp."):
        operation = attributes[METHOD]
        target = attributes.get("gen_ai.tool.name") or attributes.get("gen_ai.prompt.name")
    name = f"{operation} {target}" if target else operation
    if span.name != name:
        yield broken("span.name", signal, name, span.name)
    kinds = {kind.kind} | ({"internal"} if kind.name in EITHER_KIND else set())
    if span.kind.name.lower() not in kinds:
        yield broken("span.kind", signal, operation, span.kind.name)


def _check_presence(
    signal: str,
    span: Any,
    attributes: Mapping[str, Any],
    levels: tuple[Mapping[str, str], Mapping[str, str]],
) -> Iterator[Finding]:
    general, refined = levels
    for key, level in refined.items():
        if level == "required" and key not in attributes:
            yield broken("span.required", signal, key)
    complete = (
        span.status.status_code is StatusCode.UNSET
        and attributes.get("callspan.outcome") != "abandoned"
    )
    for key, level in general.items():
        if (
            complete
            and level == "recommended"
            and key not in NOT_EXPECTED
            and key not in attributes
        ):
            yield broken("span.expected", signal, key)
    if ("server.address" in attributes) != ("server.port" in attributes):
        yield broken("span.port", signal, "server.port", attributes.get("server.port"))


def _check_status(
    expect: Expectations, signal: str, span: Any, attributes: Mapping[str, Any]
) -> Iterator[Finding]:
    status, told = span.status, attributes.get("error.type")
    failed = status.status_code is StatusCode.ERROR
    if status.status_code is StatusCode.OK:
        yield broken("span.ok", signal, "status", status.status_code.name)
    if failed and not told:
        yield broken("span.error", signal, "error.type", status.description)
    if told is not None and not failed:
        yield broken("span.unfailed", signal, "error.type", told)
    outcome = attributes.get("callspan.outcome")
    if outcome is not None and (outcome in _FAILED) != failed:
        yield broken("span.outcome", signal, "callspan.outcome", (outcome, status.status_code.name))
    if status.description and not expect.captures("any"):
        yield broken("content.off", signal, "status description", status.description)
    if status.description and told and str(told) in status.description:
        yield broken("span.description", signal, "status description", status.description)


def _check_values(signal: str, attributes: Mapping[str, Any]) -> Iterator[Finding]:
    defaults = {
        "gen_ai.request.stream": False,
        "gen_ai.conversation.compacted": False,
        "gen_ai.request.choice.count": 1,
        "openai.request.service_tier": "auto",
    }
    for key, default in defaults.items():
        if key in attributes and attributes[key] == default:
            yield broken("span.default", signal, key, default)
    for key in attributes:
        if key.startswith("openai.") and attributes.get("gen_ai.provider.name") != "openai":
            yield broken("span.flavour", signal, key, attributes.get("gen_ai.provider.name"))
    if "gen_ai.response.time_to_first_chunk" in attributes and not attributes.get(
        "gen_ai.request.stream"
    ):
        yield broken("span.first_chunk", signal, "gen_ai.response.time_to_first_chunk")
    for part, whole in SUBSETS.items():
        if attributes.get(part, 0) > attributes.get(whole, attributes.get(part, 0)):
            yield broken("span.subset", signal, part, (attributes[part], attributes[whole]))


def _check_finish(signal: str, span: Any, attributes: Mapping[str, Any]) -> Iterator[Finding]:
    reasons, operation = (
        attributes.get("gen_ai.response.finish_reasons"),
        attributes.get("gen_ai.operation.name"),
    )
    if reasons is None or operation not in INFERENCE_OPERATIONS:
        return
    choices, key = (
        attributes.get("gen_ai.request.choice.count", 1),
        "gen_ai.response.finish_reasons",
    )
    # a text completion may be asked of several prompts at once, which the span does not tell
    fits = len(reasons) == choices if operation == "chat" else len(reasons) % choices == 0
    if not fits:
        yield broken("span.finish", signal, key, (choices, list(reasons)))
    failed = span.status.status_code is StatusCode.ERROR
    if "error" in reasons and not failed and not attributes.get("gen_ai.request.stream"):
        yield broken("span.finish_error", signal, key, list(reasons))


def _check_events(expect: Expectations, signal: str, span: Any) -> Iterator[Finding]:
    if span.end_time is not None and span.end_time < span.start_time:
        yield broken("span.time", signal, "end", span.end_time - span.start_time)
    for event in span.events:
        if event.name == "exception":
            yield broken("span.exception", signal, event.name)
            continue
        known = expect.registry.span_events.get(event.name)
        if known is None:
            yield broken("name.unknown", signal, event.name)
            continue
        yield from check_attributes(
            expect, f"{signal} event", event.name, known.attributes, dict(event.attributes or {})
        )
        for key, level in known.attributes.items():
            if level == "required" and key not in (event.attributes or {}):
                yield broken("event.required", signal, f"{event.name} {key}")
        if not span.start_time <= event.timestamp <= (span.end_time or event.timestamp):
            yield broken("span.time", signal, event.name, event.timestamp - span.start_time)
