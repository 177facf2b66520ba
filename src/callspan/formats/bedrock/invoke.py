"""Bedrock's InvokeModel: each vendor's own format, told by the shape of the request, with the platform's own counts.

The model's name is no guide: an application's profile, a provisioned or an imported model is named by a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from callspan.events import Delta, Usage
from callspan.formats.anthropic.messages import MESSAGES
from callspan.formats.bedrock.converse import CONVERSE
from callspan.formats.bedrock.embeddings import EMBEDDINGS
from callspan.formats.bedrock.images import IMAGES
from callspan.formats.bedrock.prompt import PROMPT
from callspan.formats.cohere.chat_v1 import CHAT_V1
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, count, get, items, parse_json, text
from callspan.formats.format import Format
from callspan.formats.openai.chat import CHAT
from callspan.runtime.number import token_count_in_header

_METRICS = "amazon-bedrock-invocationMetrics"
_BESIDE = ("guardrailIdentifier", "performanceConfigLatency", "serviceTier")
_CONDITIONS = {
    "service_tier": ("serviceTier", "x-amzn-bedrock-service-tier"),
    "latency": ("performanceConfigLatency", "x-amzn-bedrock-performanceconfig-latency"),
}
"""What the price depends on beside the model: by the name in a request, and in the headers of its answer."""
_HEADERS = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")


def request(params: Mapping[str, Any]) -> dict[str, Any]:
    """What InvokeModel is asked for: the vendor's own request and what stands beside it."""
    body = params.get("body")
    body = body.getvalue() if isinstance(body, BytesIO) else body
    told = parse_json(body) if isinstance(body, (str, bytes, bytearray)) else None
    beside = {"model": params.get("modelId"), **{name: params.get(name) for name in _BESIDE}}
    return {**(told if isinstance(told, dict) else {}), **beside}


def form(body: Body) -> str:
    """The name of the format that a request is written in."""
    return next(form.name for form in FORMS if form.fits(body))


@dataclass(frozen=True, slots=True)
class Form:
    """One vendor's format: its name, what requests in it look like, and how it reads."""

    name: str
    fits: Callable[[Body], bool]
    wire_format: Format


def _on_bedrock(wire_format: Format) -> Format:
    """A vendor's format where its answers come through Bedrock."""

    def parameters(body: Body) -> dict[str, Any]:
        guardrail = text(body.get("guardrailIdentifier"))
        asked = {
            name: value
            for name, (field, _) in _CONDITIONS.items()
            if (value := text(body.get(field)))
        }
        return {
            **wire_format.parameters(body),
            **asked,
            **({"guardrail_id": guardrail} if guardrail else {}),
        }

    read_vendor = with_failures(wire_format.read)

    def read(item: Any, needs_text: bool) -> Delta | None:
        chunk = get(item, "chunk")
        answer = item if chunk is None else parse_json(get(chunk, "bytes") or b"")
        delta = read_vendor(answer, needs_text)
        if (
            delta is not None and delta.details
        ):  # the vendor's own tier is not the one that Bedrock bills
            delta.details = {
                name: value for name, value in delta.details.items() if name not in _CONDITIONS
            }
        counts = get(answer, _METRICS)
        if counts is not None:
            delta = delta or Delta()
            delta.metered = Usage(
                input=count(counts, "inputTokenCount"), output=count(counts, "outputTokenCount")
            )
        return delta

    return replace(wire_format, parameters=parameters, read=read)


def read_headers(headers: Mapping[str, Any]) -> Delta:
    """Return what the headers of an answer say."""
    details = {
        name: value
        for name, (_, header) in _CONDITIONS.items()
        if (value := text(headers.get(header)))
    }
    return Delta(metered=read_header_usage(headers), details=details)


def read_header_usage(headers: Mapping[str, Any]) -> Usage | None:
    """What Bedrock counts for every model, in the headers of an answer."""
    found = [token_count_in_header(headers.get(name)) for name in _HEADERS]
    return None if found == [None, None] else Usage(input=found[0], output=found[1])


def _has(*names: str) -> Callable[[Body], bool]:
    return lambda body: any(name in body for name in names)


def _is_converse(body: Body) -> bool:
    """Nova's messages: blocks of content that have no type."""
    first = next(iter(items(body.get("messages"))), None)
    blocks = items(get(first, "content"))
    return bool(blocks) and get(blocks[0], "type") is None


def _is_embedding(body: Body) -> bool:
    if (
        "inputText" in body
    ):  # Titan's texts hardly ever go without a configuration, and its embeddings have none
        return "textGenerationConfig" not in body and "titan-text" not in str(body.get("model"))
    return any(
        name in body for name in ("inputImage", "texts", "input_type", "singleEmbeddingParams")
    )


FORMS = (
    Form(
        "anthropic",
        lambda body: "anthropic_version" in body and "messages" in body,
        _on_bedrock(MESSAGES),
    ),
    Form("converse", _is_converse, _on_bedrock(CONVERSE)),
    Form("openai", _has("messages"), _on_bedrock(CHAT)),
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
