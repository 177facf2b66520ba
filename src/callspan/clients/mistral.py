"""Mistral's client, and those beside it for its models at Azure and at Google's Vertex."""

from __future__ import annotations

import re
from typing import Any

from callspan.events import Failure
from callspan.formats.mistral.conversations import CONVERSATIONS
from callspan.formats.mistral.fim import FIM
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.formats.openai.responses import RESPONSES
from callspan.hooks import speakeasy
from callspan.hooks.client import Client, Endpoint, OpenCall, post
from callspan.hooks.failure import explain
from callspan.hooks.methods import methods_hook
from callspan.hooks.refusal import follow_or_await
from callspan.runtime.patching import Patch
from callspan.semconv.providers import provider

_PACKAGES = {
    "mistralai.client": "Mistral",
    "mistralai": "Mistral",
    "mistralai.azure.client": "MistralAzure",
    "mistralai_azure": "MistralAzure",
    "mistralai.gcp.client": "MistralGCP",
    "mistralai_gcp": "MistralGCP",
}
"""Where each client is since 2.0, and where it was before; and how the name of its exception begins."""
_CLOUDS = {"azure": "azure.ai.inference", "gcp": "gcp.vertex_ai"}


def _provider(hooks: Any, host: str, port: int | None) -> str:
    """Who stands at the address, else whose client it is: its hooks are all that the door knows of it."""
    home = type(hooks).__module__
    return provider(
        host, port, next((name for word, name in _CLOUDS.items() if word in home), "mistral_ai")
    )


def _errors(package: str, name: str) -> list[tuple[str, str]]:
    """Its exceptions, of which the first is what the newer ones are made from."""
    kinds = (f"{name}Error", "SDKError", "HTTPValidationError")
    return [
        (f"{package}.{home}.{kind.lower()}", kind)
        for home in ("errors", "models")
        for kind in kinds
    ]


def _unwrap(given: Any) -> Any:
    """The data of an event; an answer is read as it was sent."""
    return getattr(given, "data", given)


def _explain(error: BaseException) -> Failure:
    return explain(error, "type")


_REQUESTS = [
    method
    for package in _PACKAGES
    for method in speakeasy.requests(package, unwrap=_unwrap, follow=follow_or_await)
]


def _hook(client: Client, open_call: OpenCall) -> list[Patch]:
    patches = methods_hook(*_REQUESTS, explain=_explain)(client, open_call)
    for package, name in _PACKAGES.items():
        patches += speakeasy.errors(*_errors(package, name))
        patches += [*speakeasy.streams(package), *speakeasy.attempts(package)]
        patches += speakeasy.own_spans(package, client.name)
    return patches


MISTRAL = Client(
    name="mistralai",
    package="mistralai",
    module="mistralai",
    versions=("1.2", "4"),
    provider=_provider,
    hook=_hook,
    endpoints=(
        post("/(chat|agents)/completions", CHAT),
        post("/(streamR|r)awPredict", CHAT),
        post("/fim/completions|/(streamR|r)awPredict#fim", FIM),
        post("/embeddings", EMBEDDINGS),
        post("/responses", RESPONSES),
        Endpoint("POST", re.compile("/conversations(/[^/]+(/restart)?)?$"), CONVERSATIONS),
    ),
    inner="sdk_configuration._hooks",
)
