"""The rows of the table: one kind of call of one client, on the scripted server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from operator import attrgetter
from typing import Any

from aws import GUARDED, async_converse_at, async_invoke_at, converse_at, invoke_at
from clients import (
    MISTRAL_ERROR,
    MISTRAL_GENERATORS,
    anthropic_at,
    async_anthropic_at,
    async_gemini_at,
    async_huggingface_at,
    async_mistral_at,
    async_openai_client,
    gemini_at,
    huggingface_at,
    litellm_at,
    mistral_at,
    openai_client,
    stainless_at,
)
from creating import (
    ONCE,
    ai21_at,
    async_ai21_at,
    async_azure_at,
    async_cohere_at,
    async_ollama_at,
    async_writer_at,
    azure_at,
    cohere_at,
    ollama_at,
    writer_at,
)

IN_STREAM = "server_error in a stream"
"""The key of an error inside a stream, where that has another code."""
WITH_USAGE = {"extra_body": {"stream_options": {"include_usage": True}}}
"""Old clients do not know the option by name."""
OPENAI_CODES = (
    "invalid_request_error",
    "invalid_api_key",
    "model_not_found",
    "rate_limit_exceeded",
    "server_error",
)


@dataclass(frozen=True)
class Kind:
    """How to make a client and a call, and what its telemetry says.

    `path` leads from the client to what has `create`, `with_raw_response`, `with_streaming_response`, and the helpers
    `parse` and `stream` where there are any.
    `finish` are the finish reasons of a whole answer, `unfinished` of one that stopped half way, and `failed` of one
    that says of itself that it has failed, where that is another. A `thorough` kind is played in raw modes too; one is
    enough for kinds that share a hook.
    `codes` are the provider's own words for the errors of OpenAI. One that `tells_early` states tokens before the end.
    One whose streams are `generators` cannot stand in a `with`, and may ask the server only when it is first read.
    `varies` is what its items say differently each time. One that `keeps` its streams, in threads of its own, lets go
    of them at some time after the reader has. One that `loses_codes` does not say which error stood inside a stream.
    `lost` is what one says that cannot read why a stream was refused.
    """

    name: str
    make: Callable[[str], Any]
    amake: Callable[[str], Any]
    path: str
    request: Mapping[str, Any]
    operation: str
    finish: tuple[str, ...] | None
    unfinished: tuple[str, ...] | None
    stream_request: Mapping[str, Any] = field(default_factory=dict)
    thorough: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    tells_early: bool = False
    generators: bool = False
    varies: str = ""
    keeps: bool = False
    loses_codes: bool = False
    lost: str = ""
    failed: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return self.name

    def resource(self, client: Any) -> Any:
        """What has the methods."""
        return attrgetter(self.path)(client)


_HELLO = {
    "model": "flowers-8b",
    "messages": [{"role": "user", "content": "Which flowers last longest?"}],
}


def _compatible(name: str, module: str, kind: str, **options: Any) -> Kind:
    """A client that Stainless made and that speaks OpenAI's chat."""
    return Kind(
        name=f"{name}-chat",
        make=stainless_at(module, kind, **options),
        amake=stainless_at(module, f"Async{kind}", **options),
        path="chat.completions",
        request={
            "model": "flowers-8b",
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        stream_request=WITH_USAGE,
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
    )


BEDROCK_CODES = {
    "invalid_request_error": "ValidationException",
    "invalid_api_key": "UnrecognizedClientException",
    "model_not_found": "ResourceNotFoundException",
    "rate_limit_exceeded": "ThrottlingException",
    "server_error": "InternalServerException",
    IN_STREAM: "internalServerException",
}
_ANTHROPIC_CODES = {
    "invalid_api_key": "authentication_error",
    "model_not_found": "not_found_error",
    "rate_limit_exceeded": "rate_limit_error",
    "server_error": "api_error",
}
_GEMINI_CODES = {
    "invalid_request_error": "INVALID_ARGUMENT",
    "invalid_api_key": "UNAUTHENTICATED",
    "model_not_found": "NOT_FOUND",
    "rate_limit_exceeded": "RESOURCE_EXHAUSTED",
    "server_error": "INTERNAL",
}


def _litellm(provider: str, model: str, codes: Mapping[str, str], **traits: Any) -> Kind:
    """LiteLLM's chat; the provider decides whether it goes over OpenAI's client or over HTTP of its own."""
    return Kind(
        name=f"litellm-{provider}",
        make=litellm_at(provider),
        amake=litellm_at(provider, asynchronous=True),
        path="chat",
        request={
            "model": model,
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        stream_request={"stream_options": {"include_usage": True}},
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
        codes=codes,
        varies=r"created=\d+|id='chatcmpl-[0-9a-f-]{36}'",
        keeps=True,
        **traits,
    )


def _litellm_kinds() -> tuple[Kind, ...]:
    """Over OpenAI's client, over its own HTTP, and where it asks the server only when the stream is first read."""
    if (
        not find_spec("litellm") or version("litellm") < "1.110"
    ):  # streams of older ones cannot be closed
        return ()
    cut = dict.fromkeys(
        ("litellm.exceptions.InternalServerError", "litellm.exceptions.MidStreamFallbackError"),
        "openai.APIConnectionError",
    )
    return (
        _litellm("openai", "flowers-8b", cut),
        _litellm("hosted_vllm", "flowers-8b", {}, loses_codes=True),
        _litellm("gemini", "gemini-2.5-flash", _GEMINI_CODES, loses_codes=True, generators=True),
    )


KINDS = (
    Kind(
        name="openai-chat",
        make=openai_client,
        amake=async_openai_client,
        path="chat.completions",
        request={
            "model": "gpt-4.1-mini",
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        stream_request=WITH_USAGE,
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
        thorough=True,
    ),
    Kind(
        name="openai-responses",
        make=openai_client,
        amake=async_openai_client,
        path="responses",
        request={"model": "gpt-4.1-mini", "input": "Which flowers last longest?"},
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
    ),
    Kind(
        name="openai-completions",
        make=openai_client,
        amake=async_openai_client,
        path="completions",
        request={"model": "gpt-3.5-turbo-instruct", "prompt": "Flowers that last:"},
        stream_request=WITH_USAGE,
        operation="text_completion",
        finish=("stop",),
        unfinished=("error",),
    ),
    Kind(
        name="anthropic-messages",
        make=anthropic_at,
        amake=async_anthropic_at,
        path="messages",
        request={
            "model": "claude-flowers",
            "max_tokens": 64,
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        operation="chat",
        finish=("end_turn",),
        unfinished=("error",),
        thorough=True,
        codes=_ANTHROPIC_CODES,
        tells_early=True,
    ),
    Kind(
        name="google-generate-content",
        make=gemini_at,
        amake=async_gemini_at,
        path="models",
        request={"model": "gemini-flowers", "contents": "Which flowers last longest?"},
        operation="generate_content",
        finish=("STOP",),
        unfinished=("error",),
        thorough=True,
        codes=_GEMINI_CODES,
        generators=True,
    ),
    Kind(
        name="ollama-chat",
        make=ollama_at,
        amake=async_ollama_at,
        path="chat",
        request={
            "model": "flowers-8b",
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
        codes=dict.fromkeys(OPENAI_CODES, "ollama._types.ResponseError"),
        generators=True,
    ),
    Kind(
        name="cohere-chat",
        make=cohere_at,
        amake=async_cohere_at,
        path="chat",
        request={
            "model": "flowers-8b",
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
            **ONCE,
        },
        operation="chat",
        finish=("COMPLETE",),
        unfinished=("error",),
        failed=("ERROR",),
        codes={
            "invalid_request_error": "cohere.errors.bad_request_error.BadRequestError",
            "invalid_api_key": "cohere.errors.unauthorized_error.UnauthorizedError",
            "model_not_found": "cohere.errors.not_found_error.NotFoundError",
            "rate_limit_exceeded": "cohere.errors.too_many_requests_error.TooManyRequestsError",
            "server_error": "cohere.errors.internal_server_error.InternalServerError",
            IN_STREAM: "ERROR",
        },
        generators=True,
    ),
    Kind(
        name="mistral-chat",
        make=mistral_at,
        amake=async_mistral_at,
        path="chat",
        request={
            "model": "mistral-flowers",
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
        codes={
            "invalid_api_key": f"{MISTRAL_ERROR.__module__}.SDKError",
            "model_not_found": "invalid_model",
            "rate_limit_exceeded": "rate_limited",
            "server_error": "internal_server_error",
        },
        generators=MISTRAL_GENERATORS,
    ),
    Kind(
        name="huggingface-chat",
        make=huggingface_at,
        amake=async_huggingface_at,
        path="chat.completions",
        request={
            "model": "flowers-8b",
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        stream_request={"stream_options": {"include_usage": True}},
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
        generators=True,
    ),
    Kind(
        name="bedrock-converse",
        make=converse_at,
        amake=async_converse_at,
        path="chat",
        request={
            "model": "amazon.flowers-v1:0",
            "messages": [{"role": "user", "content": [{"text": "Which flowers last longest?"}]}],
            "guardrailConfig": GUARDED,
        },
        operation="chat",
        finish=("end_turn",),
        unfinished=("error",),
        codes=BEDROCK_CODES,
    ),
    Kind(
        name="bedrock-invoke",
        make=invoke_at,
        amake=async_invoke_at,
        path="chat",
        request={
            "model": "anthropic.flowers-v1:0",
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 64,
            "messages": [{"role": "user", "content": "Which flowers last longest?"}],
        },
        operation="chat",
        finish=("end_turn",),
        unfinished=("error",),
        codes=BEDROCK_CODES,
        tells_early=True,
    ),
    _compatible("groq", "groq", "Groq"),
    _compatible("together", "together", "Together"),
    _compatible("cerebras", "cerebras.cloud.sdk", "Cerebras", warm_tcp_connection=False),
    _compatible("fireworks", "fireworks", "Fireworks"),
    _compatible("sambanova", "sambanova", "SambaNova"),
    _compatible("perplexity", "perplexity", "Perplexity", unversioned=True),
    Kind(
        name="writer-chat",
        make=writer_at,
        amake=async_writer_at,
        path="chat",
        request=_HELLO,
        stream_request={"stream_options": {"include_usage": True}},
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
    ),
    Kind(
        name="ai21-chat",
        make=ai21_at,
        amake=async_ai21_at,
        path="chat",
        request=_HELLO,
        stream_request={"stream_options": {"include_usage": True}},
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
        loses_codes=True,
        lost="could not extract streaming error details",
    ),
    Kind(
        name="azure-chat",
        make=azure_at,
        amake=async_azure_at,
        path="chat",
        request=_HELLO,
        stream_request={"model_extras": {"stream_options": {"include_usage": True}}},
        operation="chat",
        finish=("stop",),
        unfinished=("error",),
    ),
    *_litellm_kinds(),
)
