"""The names under which the price of a call's model may stand in a price list.

A deployment's name is not that of a model, so it has no price (docs/decisions, 0049).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_FINE_TUNED = re.compile(r"(^|[/:.-])ft[:-]")
"""Names of fine-tuned models: `ft:` of OpenAI and Mistral, `.ft-` of Azure, `-ft-` of Together."""
_MODELS_OF_AWS = ("foundation-model", "inference-profile")
"""The resources of AWS whose name is that of a model."""
_ROUTERS_OF_AWS = ("prompt-router", "default-prompt-router")
"""The resources that choose a model, which the answer names."""

Candidates = tuple[tuple[str, str], ...]
"""Providers, each with the name of a model, the best first."""


# cached, as a budget in dollars looks a price up before each call
@lru_cache(maxsize=1024)
def candidates(provider: str, request_model: str | None, response_model: str | None) -> Candidates:
    """Return the names to look a price up by; none where no name is that of a model."""
    rule = _RULES.get(provider, _usual)
    return rule(provider, request_model, response_model)


def is_fine_tuned(model: str) -> bool:
    """Whether a name is that of a fine-tuned model, which has a price of its own."""
    return _FINE_TUNED.search(model.lower()) is not None


def _with_provider(provider: str, names: Iterable[str | None]) -> Candidates:
    """Return the names that there are, of one provider.

    If one of them is fine-tuned, the others are those of its base model, which costs less.
    """
    available = [name for name in names if name]
    fine_tuned = [name for name in available if is_fine_tuned(name)]
    return tuple((provider, name) for name in fine_tuned or available)


def _usual(provider: str, request_model: str | None, response_model: str | None) -> Candidates:
    """Return the model of the answer before that of the request."""
    return _with_provider(provider, (response_model, request_model))


def _azure(provider: str, request_model: str | None, response_model: str | None) -> Candidates:
    """Return the model of the answer: a deployment may have any name, even another model's."""
    return _with_provider(provider, (response_model or request_model,))


def _bedrock(provider: str, request_model: str | None, response_model: str | None) -> Candidates:
    """Return the model of the request: its name has the region, which the answer leaves out."""
    name = request_model or response_model or ""
    # not at the start only: LiteLLM puts its route before a name, as in `converse/...`
    start = name.find("arn:")
    if start < 0:
        return _with_provider(provider, (name.rpartition("/")[2],))
    # arn:aws:bedrock:REGION:ACCOUNT:RESOURCE/NAME
    resource, _, model = name[start:].split(":", 5)[-1].partition("/")
    if resource in _MODELS_OF_AWS:
        return _with_provider(provider, (model,))
    is_chosen_by_router = bool(response_model) and response_model != request_model
    if resource in _ROUTERS_OF_AWS and is_chosen_by_router:
        return _bedrock(provider, None, response_model)
    # an application's profile, provisioned throughput, an imported model: no list has their price
    return ()


def _google(provider: str, request_model: str | None, response_model: str | None) -> Candidates:
    """Return models by name or publisher's path; tuned models and endpoints have no list price."""
    names = [_published_name(name) for name in (request_model, response_model) if name]
    if not names or names[0] is None:
        return ()
    # the answer first, once the request's name is known to be that of a published model
    return _with_provider(provider, reversed(names))


def _published_name(name: str) -> str | None:
    """Return the name at the end of a publisher's path; `None` for a user's own model."""
    path, _, model = name.rpartition("/")
    is_published = not path or path.endswith("models") or "publishers/" in path
    return model if is_published else None


def _openrouter(provider: str, request_model: str | None, response_model: str | None) -> Candidates:
    """Return the model of the request if it has a variant, such as `:free`: answers may omit it."""
    if request_model and ":" in request_model:
        return _with_provider(provider, (request_model,))
    return _usual(provider, request_model, response_model)


def _hugging_face(
    provider: str, request_model: str | None, response_model: str | None
) -> Candidates:
    """Return the model at the server behind its colon, as each server has its own price."""
    model, _, server = (request_model or "").partition(":")
    if server:
        return _with_provider(f"huggingface_{server}", (model,))
    return _usual(provider, request_model, response_model)


def _litellm(provider: str, request_model: str | None, response_model: str | None) -> Candidates:
    """Return the model at the provider in front of its slash, to which the proxy sends the call."""
    # the request first: there the app has written the provider in front of the model
    for name in (request_model, response_model):
        server, _, model = (name or "").partition("/")
        if model:
            return candidates(_SERVERS.get(server, server), model, None)
    return _usual(provider, request_model, response_model)


_SERVERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "gemini": "gcp.gemini",
    "huggingface": "hugging_face",
    "vertex_ai": "gcp.vertex_ai",
}
"""LiteLLM's names of providers for which there is a rule here."""
_RULES: dict[str, Callable[[str, str | None, str | None], Candidates]] = {
    "aws.bedrock": _bedrock,
    "azure.ai.openai": _azure,
    "azure.ai.inference": _azure,
    "gcp.gemini": _google,
    "gcp.gen_ai": _google,
    "gcp.vertex_ai": _google,
    "hugging_face": _hugging_face,
    "litellm": _litellm,
    "openrouter": _openrouter,
}
