"""Bedrock's InvokeModel: each vendor's own format, with the counts of the platform.

Which format it is shows in the shape of the request. The model's name is no guide: an
application's profile, a provisioned or an imported model is named by a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from callspan.events import ConditionName, Conditions, Delta, Details, Parameters, Usage
from callspan.formats.anthropic.messages import MESSAGES
from callspan.formats.bedrock.converse import CONVERSE
from callspan.formats.bedrock.embeddings import EMBEDDINGS
from callspan.formats.bedrock.images import IMAGES
from callspan.formats.bedrock.prompt import PROMPT
from callspan.formats.bodies import parse_json
from callspan.formats.cohere.chat_v1 import CHAT_V1
from callspan.formats.errors import with_failures
from callspan.formats.fields import (
    Body,
    Item,
    count,
    first_item,
    get,
    items,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai.chat import CHAT
from callspan.runtime.number import token_count_in_header

_METRICS = "amazon-bedrock-invocationMetrics"
_REQUEST_FIELDS = ("guardrailIdentifier", "performanceConfigLatency", "serviceTier")
"""What stands beside the vendor's own request."""
_CONDITION_FIELDS: dict[ConditionName, str] = {
    "service_tier": "serviceTier",
    "latency": "performanceConfigLatency",
}
"""What the price depends on beside the model, by its name in a request."""
_CONDITION_HEADERS: dict[ConditionName, str] = {
    "service_tier": "x-amzn-bedrock-service-tier",
    "latency": "x-amzn-bedrock-performanceconfig-latency",
}
"""What the price depends on beside the model, by its name in the headers of an answer."""
_INPUT_HEADER = "x-amzn-bedrock-input-token-count"
_OUTPUT_HEADER = "x-amzn-bedrock-output-token-count"


def request(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the vendor's own request, with the fields of InvokeModel that stand beside it."""
    body = params.get("body")
    # a copy of the bytes: reading would leave nothing for the client. A file is left alone
    if isinstance(body, BytesIO):
        body = body.getvalue()
    vendor_request = None
    if isinstance(body, (str, bytes, bytearray)):
        vendor_request = parse_json(body)
    result = dict(vendor_request) if isinstance(vendor_request, dict) else {}
    # InvokeModel has the model in its path, vendors have it in the body or nowhere
    result["model"] = params.get("modelId")
    for name in _REQUEST_FIELDS:
        result[name] = params.get(name)
    return result


def form(body: Body) -> str:
    """Return the name of the format in which a request is written."""
    for candidate in FORMS:
        if candidate.matches(body):
            return candidate.name
    return FORMS[-1].name


@dataclass(frozen=True, slots=True)
class Form:
    """One vendor's format: its name, whether a request is in it, and how it is read."""

    name: str
    matches: Callable[[Body], bool]
    wire_format: Format


def _on_bedrock(wire_format: Format) -> Format:
    """Wrap a vendor's format for requests and answers that pass through Bedrock."""

    def parameters(body: Body) -> Parameters:
        conditions = _conditions(body, _CONDITION_FIELDS)
        settings: Parameters = {**wire_format.parameters(body), **conditions}
        guardrail = text(body.get("guardrailIdentifier"))
        if guardrail:
            settings["guardrail_id"] = guardrail
        return settings

    read_vendor = with_failures(wire_format.read)

    def read(item: Item, needs_text: bool) -> Delta | None:
        chunk = get(item, "chunk")
        # A piece of a stream is JSON in bytes; a whole body has been parsed before.
        answer = item if chunk is None else parse_json(get(chunk, "bytes") or b"")
        delta = read_vendor(answer, needs_text)
        if delta is not None and delta.details:
            delta.details = _without_conditions(delta.details)
        metrics = get(answer, _METRICS)
        if metrics is not None:
            if delta is None:
                delta = Delta()
            # apart from the vendor's counts, which they only fill (docs/decisions/0004)
            delta.metered = Usage(
                input=count(metrics, "inputTokenCount"), output=count(metrics, "outputTokenCount")
            )
        return delta

    return replace(wire_format, parameters=parameters, read=read)


def _without_conditions(details: Details) -> Details:
    """Return a copy without the vendor's own tier, which is not the one that Bedrock bills."""
    result = details.copy()
    for name in _CONDITION_FIELDS:
        result.pop(name, None)
    return result


def _conditions(source: Mapping[str, Any], names: Mapping[ConditionName, str]) -> Conditions:
    """Return the conditions of the price, each from the field that `names` has for it."""
    result: Conditions = {}
    for name, field in names.items():
        value = text(source.get(field))
        if value:
            result[name] = value
    return result


def read_headers(headers: Mapping[str, Any]) -> Delta:
    """Read the headers of an answer: the platform's counts, and the conditions of the price."""
    return Delta(
        metered=_header_usage(headers), details={**_conditions(headers, _CONDITION_HEADERS)}
    )


def _header_usage(headers: Mapping[str, Any]) -> Usage | None:
    usage = Usage(
        input=token_count_in_header(headers.get(_INPUT_HEADER)),
        output=token_count_in_header(headers.get(_OUTPUT_HEADER)),
    )
    return None if usage.total is None else usage


def _has(*names: str) -> Callable[[Body], bool]:
    """Return a function that looks for one of these fields in a request."""
    return lambda body: any(name in body for name in names)


def _is_anthropic(body: Body) -> bool:
    return "anthropic_version" in body and "messages" in body


def _is_converse(body: Body) -> bool:
    """Whether the messages are Nova's, whose blocks of content have no type."""
    message = first_item(body.get("messages"))
    # OpenAI's format has a text here, or blocks that all have a type
    blocks = items(get(message, "content"))
    return bool(blocks) and get(blocks[0], "type") is None


_has_embedding_field = _has("inputImage", "texts", "input_type", "singleEmbeddingParams")


def _is_embedding(body: Body) -> bool:
    if "inputText" in body:
        # A text that Titan is to write hardly ever goes without a configuration, which its
        # embeddings have not.
        return "textGenerationConfig" not in body and "titan-text" not in str(body.get("model"))
    return _has_embedding_field(body)


def _read_chat(answer: Item, needs_text: bool) -> Delta | None:
    """Read one chunk, or one whole completion, of OpenAI's format.

    Models of Mistral's end with a `stop_reason` alone. Other clients have no such chunks, and are
    spared the look.
    """
    choice = first_item(get(answer, "choices"))
    has_ended = get(choice, "stop_reason") is not None
    return CHAT.read(answer, needs_text or has_ended)


# `messages` alone is the least that says OpenAI's format, so the two with more come before it
FORMS = (
    Form("anthropic", _is_anthropic, _on_bedrock(MESSAGES)),
    Form("converse", _is_converse, _on_bedrock(CONVERSE)),
    Form("openai", _has("messages"), _on_bedrock(replace(CHAT, read=_read_chat))),
    Form("cohere", _has("message"), _on_bedrock(CHAT_V1)),
    Form("embeddings", _is_embedding, _on_bedrock(EMBEDDINGS)),
    Form(
        "images",
        _has("taskType", "text_prompts", "aspect_ratio", "output_format"),
        _on_bedrock(IMAGES),
    ),
    Form("prompt", _has("prompt", "inputText"), _on_bedrock(PROMPT)),
    Form("other", lambda _body: True, _on_bedrock(replace(PROMPT, operation="generate_content"))),
)
"""The formats in the order in which they are tried; a later one may match more requests."""
