"""A call as span attributes, by one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from callspan.events import Call, Framework, Outcome, Response, Usage
from callspan.runtime.number import real, whole
from callspan.runtime.plain import valid
from callspan.semconv import names
from callspan.semconv.conventions import Convention

Attributes = dict[str, Any]
FETCH = "fetch_response"


def _string(value: Any) -> str | None:
    return valid(value) if isinstance(value, str) else None


def _strings(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [valid(value)]
    if not isinstance(value, (list, tuple)):
        return None
    return [valid(item) for item in value if isinstance(item, str)] or None


def _choices(value: Any) -> int | None:
    """One choice is what a request without the setting has, which the conventions leave out."""
    number = whole(value)
    return None if number == 1 else number


def _tier(value: Any) -> str | None:
    """The same is true of the automatic tier."""
    tier = _string(value)
    return None if tier == "auto" else tier


_REQUEST: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "temperature": ("gen_ai.request.temperature", real),
    "top_p": ("gen_ai.request.top_p", real),
    "top_k": ("gen_ai.request.top_k", whole),
    "max_tokens": ("gen_ai.request.max_tokens", whole),
    "seed": ("gen_ai.request.seed", whole),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", real),
    "presence_penalty": ("gen_ai.request.presence_penalty", real),
    "choices": ("gen_ai.request.choice.count", _choices),
    "reasoning_level": ("gen_ai.request.reasoning.level", _string),
    "previous_response_id": ("gen_ai.request.previous_response.id", _string),
    "conversation_id": (names.CONVERSATION_ID, _string),
    "output_type": ("gen_ai.output.type", _string),
    "encoding_formats": ("gen_ai.request.encoding_formats", _strings),
    "dimensions": ("gen_ai.embeddings.dimension.count", whole),
    "response_id": (names.RESPONSE_ID, _string),
    "stream_cursor": ("gen_ai.request.stream_cursor", _string),
    "agent_id": ("gen_ai.agent.id", _string),
    "agent_name": (names.AGENT_NAME, _string),
    "tool_name": (names.TOOL_NAME, _string),
    "tool_type": (names.TOOL_KIND, _string),
    "tool_call_id": ("gen_ai.tool.call.id", _string),
    "tool_description": ("gen_ai.tool.description", _string),
    "workflow_name": (names.WORKFLOW_NAME, _string),
    "node_name": (names.FRAMEWORK_NODE, _string),
    "data_source_id": ("gen_ai.data_source.id", _string),
    "retrieval_top_k": ("gen_ai.retrieval.top_k", whole),
}
_PROVIDERS_REQUEST: dict[str, dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "openai": {
        "api_type": ("openai.api.type", _string),
        "service_tier": ("openai.request.service_tier", _tier),
    },
    "aws.bedrock": {
        "guardrail_id": ("aws.bedrock.guardrail.id", _string),
        "knowledge_base_id": ("aws.bedrock.knowledge_base.id", _string),
    },
}
"""What the conventions know of one provider alone."""
_REQUESTS = {provider: {**_REQUEST, **own} for provider, own in _PROVIDERS_REQUEST.items()}
_RESPONSE = {
    "status": names.RESPONSE_STATUS,
    "dimensions": "gen_ai.embeddings.dimension.count",
    "conversation_id": names.CONVERSATION_ID,
}
_OPENAI_RESPONSE = {
    "service_tier": names.SERVICE_TIER,
    "system_fingerprint": names.FINGERPRINT,
}
_PARTS = {
    "cache_read": names.CACHE_READ_TOKENS,
    "reasoning": names.REASONING_TOKENS,
    "input_text": "gen_ai.usage.text.input_tokens",
    "input_audio": "gen_ai.usage.audio.input_tokens",
    "input_image": "gen_ai.usage.image.input_tokens",
    "output_text": "gen_ai.usage.text.output_tokens",
    "output_audio": "gen_ai.usage.audio.output_tokens",
    "output_image": "gen_ai.usage.image.output_tokens",
}
_parts_of = attrgetter(*_PARTS)
_FEES = {
    "web_searches": names.WEB_SEARCHES,
    "web_fetches": names.WEB_FETCHES,
    "social_searches": names.SOCIAL_SEARCHES,
    "storage_searches": names.STORAGE_SEARCHES,
    "search_sources": names.SEARCH_SOURCES,
    "code_executions": names.CODE_EXECUTIONS,
    "rerank_searches": names.RERANK_SEARCHES,
}
"""How often tools were used that run at the provider."""


def span_name(call: Call) -> str:
    """`{operation} {model}`, or what else the operation is done with, or the operation alone."""
    if call.operation == FETCH or not call.subject:
        return call.operation
    return f"{call.operation} {call.subject}"


def identity(call: Call) -> Attributes:
    """What calls to one model at one place have in common; known at the start, so that samplers see it."""
    found: Attributes = {names.OPERATION: call.operation}
    if call.provider:
        found[names.PROVIDER] = call.provider
    if call.model:
        found[names.REQUEST_MODEL] = call.model
    if call.server_address:
        found[names.SERVER_ADDRESS] = call.server_address
        if call.server_port:
            found[names.SERVER_PORT] = call.server_port
    return found


def client(call: Call) -> Attributes:
    """The client and its version, for spans and events; on metrics they would only split series."""
    return (
        {names.CLIENT_NAME: call.client_name, names.CLIENT_VERSION: call.client_version}
        if call.client_name
        else {}
    )


def framework(known: Framework, operation: str) -> Attributes:
    """What the framework knows that made the call."""
    found: Attributes = {names.FRAMEWORK_NAME: known.name, names.FRAMEWORK_RUN_ID: known.run_id}
    if known.version:
        found[names.FRAMEWORK_VERSION] = known.version
    if known.tags:
        found[names.FRAMEWORK_TAGS] = known.tags
    if known.node:
        found[names.FRAMEWORK_NODE] = known.node
    if known.step is not None:
        found[names.FRAMEWORK_STEP] = known.step
    if known.conversation_id and operation not in ("retrieval", "run_node"):
        found[names.CONVERSATION_ID] = known.conversation_id
    return found


def request(call: Call) -> Attributes:
    """The request's settings, only those that were sent."""
    found: Attributes = (
        {names.REQUEST_STREAM: True} if call.stream and call.operation != FETCH else {}
    )
    known = _REQUESTS.get(call.provider, _REQUEST)
    for key, value in call.parameters.items():
        row = known.get(key)
        if row is not None and (converted := row[1](value)) is not None:
            found[row[0]] = converted
    return found


def stop_sequences(call: Call) -> list[str] | None:
    """Return the texts that end an answer; they are the app's own words, so they are content."""
    return _strings(call.parameters.get("stop"))


def response(call: Call, answer: Response, conventions: Iterable[Convention]) -> Attributes:
    """What is known when the call has ended."""
    found: Attributes = {
        names.OUTCOME: (call.outcome or Outcome.COMPLETED)._value_
    }  # `value` takes ten times as long
    if answer.id:
        found[names.RESPONSE_ID] = answer.id
    if answer.model:
        found[names.RESPONSE_MODEL] = answer.model
    reasons = finish_reasons(call, answer)
    if reasons:
        found[names.FINISH_REASONS] = reasons
    if answer.first_chunk is not None and call.stream and call.operation != FETCH:
        found[names.TIME_TO_FIRST_CHUNK] = answer.first_chunk
    if call.stream:
        found[names.CHUNKS] = answer.chunks
    if call.retries:
        found[names.ATTEMPTS] = len(call.retries) + 1
    if answer.details:
        found.update(_details(call, answer))
    if answer.usage is not None and call.operation != FETCH:
        found.update(usage(answer.usage, conventions))
    return found


def _details(call: Call, answer: Response) -> Attributes:
    known = _RESPONSE | _OPENAI_RESPONSE if call.provider == "openai" else _RESPONSE
    return {known[key]: value for key, value in answer.details.items() if key in known}


def finish_reasons(call: Call, answer: Response) -> list[str]:
    """One reason a choice; `error` where the answer stopped without one, or before the choice began."""
    reasons = [reason or "error" for reason in answer.finish_reasons]
    if "stop" in call.parameters:  # some servers give the very stop sequence as the reason
        sequences = stop_sequences(call) or ()
        reasons = ["stop" if reason in sequences else reason for reason in reasons]
    if reasons and "choices" in call.parameters:
        reasons += ["error"] * (call.choices - len(reasons))
    return reasons


def usage(counts: Usage, conventions: Iterable[Convention]) -> Attributes:
    """The counts that somebody stated; a subset of 0 says nothing and is left out, a total of 0 is kept."""
    found: Attributes = {}
    if counts.input is not None:
        found[names.INPUT_TOKENS] = counts.input
    if counts.output is not None:
        found[names.OUTPUT_TOKENS] = counts.output
    parts = _parts_of(counts)
    if any(parts):
        found.update(
            {name: value for name, value in zip(_PARTS.values(), parts, strict=True) if value}
        )
    if counts.cache_write:
        for convention in conventions:
            found[convention.cache_write] = counts.cache_write
    if counts.source != "provider":
        found[names.USAGE_SOURCE] = counts.source
    if counts.details:
        found.update(
            {
                _FEES[name]: number
                for name, number in counts.details.items()
                if number and name in _FEES
            }
        )
    return found


def estimate(call: Call, conventions: Iterable[Convention]) -> Attributes:
    """The counts that were estimated, marked as such; they stand in for what the provider left out."""
    if call.estimate is None or call.estimate.usage is None:
        return {}
    found = usage(call.estimate.usage, conventions)
    if call.estimate.not_counted:
        found[names.USAGE_NOT_COUNTED] = call.estimate.not_counted
    return found


def cost(usd: float | None, source: str | None, unknown: str | None) -> Attributes:
    """Return what a call has cost and whose word that is, or why it is not known."""
    if usd is None:
        return {names.COST_UNKNOWN: unknown or ""}
    return {names.COST: usd, names.COST_SOURCE: source or ""}


RESERVED = ("gen_ai.", "openai.", "callspan.", "server.", "error.")
"""How names begin that no attribute of a user's may have."""


def label(name: str) -> str:
    """The attribute for one of the user's own: the core conventions have two of them, the others stay as they are."""
    return {"session_id": names.SESSION_ID, "user_id": names.USER_ID}.get(name, name)


def failure(call: Call) -> Attributes:
    """Why the call failed, nothing of which is content."""
    why = call.failure
    if why is None:
        return {}
    found: Attributes = {names.ERROR_TYPE: why.type}
    if why.status is not None:
        found[names.HTTP_STATUS] = why.status
    if why.request_id:
        found[names.HTTP_REQUEST_ID] = [why.request_id]
    if why.retry_after:
        found[names.HTTP_RETRY_AFTER] = [why.retry_after]
    return found
