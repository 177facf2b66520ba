"""Hugging Face's inference client, for its own servers and for the providers that it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import Failure
from callspan.formats.fields import parse_json
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.tgi.features import FEATURES
from callspan.formats.tgi.generate import GENERATE
from callspan.hooks.address import address
from callspan.hooks.client import Client, post
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.semconv.providers import provider

_OWN = "hugging_face"
_NAMES = {"auto": _OWN, "hf-inference": _OWN, "fireworks-ai": "fireworks"}
_PATHS = {
    "conversational": "/chat",
    "text-generation": "/generate",
    "feature-extraction": "/features",
}
_OPENAI = {"messages": "/chat", "prompt": "/completions", "input": "/embeddings"}
"""What tells that a provider is asked in OpenAI's way, whatever the task is called and whatever its address is."""


def _read_call(_client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> MethodCall | None:
    """What is about to be sent, in the format of the provider; addresses differ, so the task is taken for one."""
    sent = args[0] if args else kwargs["request_parameters"]
    path, body = _PATHS.get(sent.task), sent.json
    if path is None or not isinstance(body, Mapping):
        return None
    path = next((told for field, told in _OPENAI.items() if field in body), path)
    model = None if "://" in str(sent.model) else sent.model
    return MethodCall(
        "POST", path, {"model": model, **body}, address(sent.url), kwargs.get("stream") is True
    )


def _unwrap(given: Any) -> Any:
    """What an answer says, or a line of a stream."""
    text = given.encode() if isinstance(given, str) else given
    return parse_json(text.removeprefix(b"data:"))


def _no_event(line: Any) -> bool:
    """Whether a line has no JSON: it is empty, or tells the end."""
    start = line[:8]
    return "{" not in start if isinstance(start, str) else b"{" not in start


def _provider(client_object: Any, host: str, port: int | None) -> str:
    named = getattr(client_object, "provider", None) or "auto"
    found = provider(host, port, _OWN)
    return found if found != _OWN else _NAMES.get(named, named.replace("-", "_"))


def _explain(error: BaseException) -> Failure:
    return explain(error, "error_type", "code", "type")


_TOLD: dict[str, Any] = {"read_call": _read_call, "unwrap": _unwrap, "skips": _no_event}

HUGGINGFACE_HUB = Client(
    name="huggingface_hub",
    package="huggingface-hub",
    module="huggingface_hub",
    versions=("0.30", "3"),
    provider=_provider,
    hook=methods_hook(
        Method("huggingface_hub.inference._client", "InferenceClient._inner_post", **_TOLD),
        Method(
            "huggingface_hub.inference._generated._async_client",
            "AsyncInferenceClient._inner_post",
            asynchronous=True,
            **_TOLD,
        ),
        explain=_explain,
    ),
    endpoints=(
        post("/chat", CHAT),
        post("/generate", GENERATE),
        post("/features", FEATURES),
        post("/completions", COMPLETIONS),
        post("/embeddings", EMBEDDINGS),
    ),
)
