"""Microsoft's client for models in Azure, which speaks OpenAI's chat and embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from callspan.formats.fields import plain
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.hooks.address import address
from callspan.hooks.azure_streams import read_block
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import Args, ClientObject, Kwargs
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.runtime.patching import Patch
from callspan.semconv.providers import by_address

_PARAMETERS = (
    "model",
    "messages",
    "tools",
    "input",
    "dimensions",
    "encoding_format",
    "frequency_penalty",
    "max_tokens",
    "presence_penalty",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "top_p",
)
_METHODS = {
    "ChatCompletionsClient.complete": "chat",
    "EmbeddingsClient.embed": "embed",
    "ImageEmbeddingsClient.embed": "embed",
}
"""The endpoint of each method."""


def _read_call(
    endpoint: str, client_object: ClientObject, args: Args, kwargs: Kwargs
) -> MethodCall:
    """Read a request: its parameters by name, or a whole body in place of them."""
    body = args[0] if args else kwargs.get("body")
    if not isinstance(body, Mapping):
        body = _body(client_object, kwargs)
    stream = kwargs.get("stream") is True or body.get("stream") is True
    # private, and nowhere else (azure-ai-inference 1.0.0b9; tests/test_azure_ai_inference.py)
    server = address(str(client_object._config.endpoint))
    return MethodCall(endpoint, body, server, stream)


def _body(client_object: ClientObject, kwargs: Kwargs) -> dict[str, object]:
    """Return the body of a request, with what the app has set for all requests of the client."""
    body: dict[str, object] = {}
    for name in _PARAMETERS:
        value = kwargs.get(name)
        if value is None:
            value = getattr(client_object, f"_{name}", None)
        if value is not None:
            body[name] = value
    extras = kwargs.get("model_extras") or getattr(client_object, "_model_extras", None)
    if isinstance(extras, Mapping):
        body.update(extras)
    return body


def _methods() -> list[Method]:
    methods: list[Method] = []
    # the client's models are mappings and objects at once, so each answer is made plain
    for path, endpoint in _METHODS.items():
        read_call = partial(_read_call, endpoint)
        for module, asynchronous in (("", False), ("aio.", True)):
            name = f"azure.ai.inference.{module}_patch"
            methods.append(Method(name, path, read_call, asynchronous, unwrap=plain))
    return methods


_calls_hook = methods_hook(*_methods())


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    module = "azure.ai.inference.models._patch"
    path = "BaseStreamingChatCompletions._deserialize_and_add_to_queue"
    return [
        *_calls_hook(client, subscriber),
        # private; without it such a stream only ends early (tests/test_outcomes.py)
        Patch(module, path, read_block, optional=True),
    ]


AZURE_AI_INFERENCE = Client(
    name="azure_ai_inference",
    package="azure-ai-inference",
    module="azure.ai.inference",
    versions=("1.0.0b9", "2"),
    provider=by_address("azure.ai.inference"),
    hook=_hook,
    endpoints={"chat": CHAT, "embed": EMBEDDINGS},
)
