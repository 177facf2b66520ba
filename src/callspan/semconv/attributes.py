"""The attributes of a call: on spans, and those of them that metrics and events share.

Those of its token counts stand in `counts.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from callspan.events import Call, DetailName, Outcome, Response
from callspan.semconv import names
from callspan.semconv.conventions import Convention
from callspan.semconv.counts import Attributes as Attributes
from callspan.semconv.counts import usage
from callspan.semconv.parameters import RELEASED_TABLES, Tables, strings

UNKNOWN_PROVIDER = "unknown"
"""The provider of an operation that has none, in versions of the conventions that demand one."""
FETCH = "fetch_response"
"""The operation that fetches a response: the tokens and times are those of another call."""
# Details of a response, by the names that formats give them, with their attributes.
_RESPONSE: dict[DetailName, str] = {
    "status": names.RESPONSE_STATUS,
    "dimensions": "gen_ai.embeddings.dimension.count",
    "conversation_id": names.CONVERSATION_ID,
    "memory_record_count": names.MEMORY_RECORD_COUNT,
    "sum_cost_usd": names.SUM_COST,
    "sum_cost_source": names.SUM_COST_SOURCE,
}
_OPENAI_RESPONSE: dict[DetailName, str] = {
    **_RESPONSE,
    "service_tier": names.SERVICE_TIER,
    "system_fingerprint": names.FINGERPRINT,
}


def span_name(call: Call) -> str:
    """Return the name of a span: the operation and its subject, which is mostly the model."""
    if call.operation == FETCH or not call.subject:
        return call.operation
    if call.facts.is_protocol:
        return call.subject
    return f"{call.operation} {call.subject}"


def identity(call: Call) -> Attributes:
    """Return the attributes that calls to one model at one server share.

    They are complete at the start, so that samplers see them.
    """
    attributes: Attributes = {}
    # a protocol names its methods itself; the conventions' operation comes with the parameters
    if call.facts.is_stated:
        attributes[names.OPERATION] = call.operation
    if call.provider:
        attributes[names.PROVIDER] = call.provider
    if call.model:
        attributes[names.REQUEST_MODEL] = call.model
    if call.server_address:
        attributes[names.SERVER_ADDRESS] = call.server_address
        if call.server_port:
            attributes[names.SERVER_PORT] = call.server_port
    return attributes


def own_provider(call: Call, needs_provider: Collection[str]) -> str | None:
    """Return the name that stands for the provider of an operation that has none, but must name one.

    It is the framework, as the conventions want what the instrumentation knows best; for code of
    the app's own there is none.

    Args:
        call: The operation.
        needs_provider: The operations that must name a provider.
    """
    if call.provider or call.operation not in needs_provider:
        return None
    return UNKNOWN_PROVIDER if call.framework is None else call.framework.name


def client(call: Call) -> Attributes:
    """Return the client and its version, for spans and events; they would only split metrics."""
    if not call.client_name:
        return {}
    return {names.CLIENT_NAME: call.client_name, names.CLIENT_VERSION: call.client_version}


_FRAMEWORK = (
    (names.FRAMEWORK_RUN_ID, "run_id"),
    (names.FRAMEWORK_VERSION, "version"),
    (names.FRAMEWORK_TAGS, "tags"),
    (names.FRAMEWORK_NODE, "node"),
    (names.FRAMEWORK_STEP, "step"),
)
"""Attributes of a framework's run, with its fields."""


def framework(call: Call) -> Attributes:
    """Return the attributes of the framework that made the call; none where there is none."""
    details = call.framework
    if details is None:
        return {}
    attributes: Attributes = {names.FRAMEWORK_NAME: details.name}
    for name, field in _FRAMEWORK:
        value = getattr(details, field)
        # the first step is 0
        if value or value == 0:
            attributes[name] = value
    # the conventions have no conversation for a retrieval, nor for a node
    if details.conversation_id and call.facts.has_conversation:
        attributes[names.CONVERSATION_ID] = details.conversation_id
    return attributes


def request(call: Call, tables: Tables = RELEASED_TABLES) -> Attributes:
    """Return the request's settings, only those that were sent."""
    attributes: Attributes = {}
    if call.stream and call.facts.has_stream:
        attributes[names.REQUEST_STREAM] = True
    rows = tables.of_providers.get(call.provider, tables.general)
    for key, value in call.parameters.items():
        # a type checker takes the keys of a `TypedDict` for any texts
        row = rows.get(key)  # pyright: ignore[reportArgumentType]
        if row is None:
            continue
        name, convert = row
        converted = convert(value)
        if converted is not None:
            attributes[name] = converted
    for name, second_name in tables.copies:
        if name in attributes:
            attributes[second_name] = attributes[name]
    return attributes


def stop_sequences(call: Call) -> list[str] | None:
    """Return the texts that end an answer; they are the app's own words, so they are content."""
    return strings(call.parameters.get("stop"))


def response(call: Call, answer: Response, conventions: Iterable[Convention]) -> Attributes:
    """Return the attributes that a call has when it has ended."""
    outcome = call.outcome or Outcome.COMPLETED
    # `_value_`, as the property `value` takes ten times as long
    attributes: Attributes = {names.OUTCOME: outcome._value_}
    _add_answer(attributes, call, answer)
    if call.stream:
        _add_stream(attributes, call, answer)
    # left out where there was one attempt, as there is in nearly all calls
    if call.retries:
        attributes[names.ATTEMPTS] = len(call.retries) + 1
    if answer.details:
        _add_details(attributes, call, answer)
    if answer.usage is not None and call.operation != FETCH:
        attributes.update(usage(answer.usage, conventions))
    return attributes


def _add_answer(attributes: Attributes, call: Call, answer: Response) -> None:
    """Add which model answered, under which id, and why it ended."""
    if answer.id:
        attributes[names.RESPONSE_ID] = answer.id
    if answer.model:
        attributes[names.RESPONSE_MODEL] = answer.model
    reasons = finish_reasons(call, answer)
    if reasons:
        attributes[names.FINISH_REASONS] = reasons


def _add_stream(attributes: Attributes, call: Call, answer: Response) -> None:
    """Add the times to the first chunk, sound and text in seconds, and the number of chunks."""
    if answer.first_chunk is not None and call.facts.has_stream:
        attributes[names.TIME_TO_FIRST_CHUNK] = answer.first_chunk
    attributes[names.CHUNKS] = answer.chunks
    if answer.first_sound is None:
        return
    # of text alone, the first chunk says the same
    attributes[names.TIME_TO_FIRST_SOUND] = answer.first_sound
    if answer.first_token is not None:
        attributes[names.TIME_TO_FIRST_TEXT] = answer.first_token


def _add_details(attributes: Attributes, call: Call, answer: Response) -> None:
    """Add the details of a response that the conventions have an attribute for."""
    # others must have no name with `openai.` (tests/test_providers_by_address.py)
    rows = _OPENAI_RESPONSE if call.provider == "openai" else _RESPONSE
    for key, value in answer.details.items():
        # a type checker takes the keys of a `TypedDict` for any texts
        name = rows.get(key)  # pyright: ignore[reportArgumentType]
        # what the app itself says, such as the conversation, counts before what a provider says
        if name is not None and name not in call.attributes:
            attributes[name] = value


def finish_reasons(call: Call, answer: Response) -> list[str]:
    """Return one reason for each choice; `error` where it has none, or never began."""
    reasons = [reason or "error" for reason in answer.finish_reasons]
    if "stop" in call.parameters:
        reasons = _without_sequences(reasons, stop_sequences(call))
    if reasons and "choices" in call.parameters:
        # the conventions want one for each choice; without any, the API itself has no reasons
        reasons += ["error"] * (call.choices - len(reasons))
    return reasons


def _without_sequences(reasons: list[str], sequences: list[str] | None) -> list[str]:
    """Return the reasons with `stop` in place of a stop sequence.

    Some servers state the sequence itself as the reason, and it is content.
    """
    if sequences is None:
        return reasons
    return ["stop" if reason in sequences else reason for reason in reasons]


_USER_NAMES = {
    "conversation_id": names.CONVERSATION_ID,
    "session_id": names.SESSION_ID,
    "user_id": names.USER_ID,
}
RESERVED = ("gen_ai.", "openai.", "callspan.", "server.", "error.")
"""The beginnings of names that no attribute of a user's may have."""


def attribute_name(name: str) -> str:
    """Return the attribute's name for one of the user's own: the conventions have some of them."""
    return _USER_NAMES.get(name, name)


def failure(call: Call) -> Attributes:
    """Return why the call failed, without anything that may be content."""
    reason = call.failure
    if reason is None:
        return {}
    attributes: Attributes = {names.ERROR_TYPE: reason.type}
    if reason.status is not None:
        attributes[names.HTTP_STATUS] = reason.status
    if reason.request_id:
        # lists, since the conventions have any header as one: it may be sent more than once
        attributes[names.HTTP_REQUEST_ID] = [reason.request_id]
    if reason.retry_after:
        attributes[names.HTTP_RETRY_AFTER] = [reason.retry_after]
    return attributes
