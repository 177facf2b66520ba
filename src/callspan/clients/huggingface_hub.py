"""Hugging Face's inference client, for its own servers and for the providers that it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from callspan.events import Failure
from callspan.formats.bodies import parse_json
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.tgi.features import FEATURES
from callspan.formats.tgi.generate import GENERATE
from callspan.hooks.address import address
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.semconv.providers import provider

_HUGGING_FACE = "hugging_face"
_PROVIDERS = {"auto": _HUGGING_FACE, "hf-inference": _HUGGING_FACE, "fireworks-ai": "fireworks"}
"""Providers whose names in the client are not those of the conventions."""
_TASKS = {
    "conversational": "chat",
    "text-generation": "generate",
    "feature-extraction": "features",
}
_OPENAI_FIELDS = {"messages": "chat", "prompt": "completions", "input": "embeddings"}
"""Fields by which a request is in OpenAI's format, whatever its task and its address are."""


def _read_call(_client: object, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read the request that is ready to be sent, in the provider's own format.

    Providers have different URLs, so the endpoint follows from the task and the body.
    """
    # made by the client's helper for the provider: URL, headers and body as they are sent
    request = args[0] if args else kwargs["request_parameters"]
    body = request.json
    endpoint = _TASKS.get(request.task)
    if endpoint is None or not isinstance(body, Mapping):
        return None
    for field, openai_endpoint in _OPENAI_FIELDS.items():
        if field in body:
            endpoint = openai_endpoint
            break
    # an app may name the address of a server in place of a model
    model = None if "://" in str(request.model) else request.model
    return MethodCall(
        endpoint,
        # a model in the body comes last, as it is the provider's own name for it
        {"model": model, **body},
        address(request.url),
        kwargs.get("stream") is True,
    )


def _unwrap(result: str | bytes) -> object:
    """Return the JSON of an answer, or of a line of a stream."""
    content = result.encode() if isinstance(result, str) else result
    return parse_json(content.removeprefix(b"data:"))


def _is_no_event(line: str | bytes) -> bool:
    """Whether a line of a stream has no JSON: it is empty, or marks the end."""
    # `data: {` is all that is needed to know; the line may be long
    start = line[:8]
    if isinstance(start, str):
        return "{" not in start
    return b"{" not in start


def _provider(client_object: ClientObject, host: str, port: int | None) -> str:
    """Return the provider at the address, else the one that the app has chosen at Hugging Face."""
    at_address = provider(host, port, _HUGGING_FACE)
    if at_address != _HUGGING_FACE:
        return at_address
    choice = getattr(client_object, "provider", None) or "auto"
    # the client writes names with hyphens, the conventions with underscores
    return _PROVIDERS.get(choice, choice.replace("-", "_"))


def _explain(error: BaseException) -> Failure:
    # the client's own attribute for the answer, which aiohttp does not keep
    answer: ClientObject = getattr(error, "response_error_payload", None)
    return explain(error, "error_type", "code", "type", answer=answer)


_post = Method(
    "huggingface_hub.inference._client",
    "InferenceClient._inner_post",
    _read_call,
    unwrap=_unwrap,
    skips=_is_no_event,
)
_async_post = replace(
    _post,
    module="huggingface_hub.inference._generated._async_client",
    path="AsyncInferenceClient._inner_post",
    asynchronous=True,
)

HUGGINGFACE_HUB = Client(
    name="huggingface_hub",
    package="huggingface-hub",
    module="huggingface_hub",
    versions=("0.30", "3"),
    provider=_provider,
    hook=methods_hook(_post, _async_post, explain=_explain),
    endpoints={
        "chat": CHAT,
        "generate": GENERATE,
        "features": FEATURES,
        "completions": COMPLETIONS,
        "embeddings": EMBEDDINGS,
    },
)
