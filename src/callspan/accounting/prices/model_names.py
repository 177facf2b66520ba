"""The names under which the price of a call's model may stand; a deployment's name is not that of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_FINE_TUNED = re.compile(r"(^|[/:.-])ft[:-]")
"""How fine-tuned models are named by OpenAI (`ft:`), Mistral (`ft:`), Azure (`.ft-`) and Together (`-ft-`)."""
_MODELS_OF_AWS = ("foundation-model", "inference-profile")
"""The resources of AWS whose name is that of a model."""
_ROUTERS_OF_AWS = ("prompt-router", "default-prompt-router")
"""The resources that choose a model, which the answer names."""

Named = tuple[tuple[str, str], ...]
"""Providers and names, the best first."""


@lru_cache(maxsize=1024)  # a budget in dollars asks before each call
def candidates(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """Return the names to look a price up by, each with its provider; none where no name is that of a model."""
    find = _RULES.get(provider, _usual)
    return find(provider, request_model, response_model)


def is_fine_tuned(model: str) -> bool:
    """Return whether a name is that of a fine-tuned model, which has a price of its own."""
    return _FINE_TUNED.search(model.lower()) is not None


def _listed(provider: str, names: Iterable[str | None]) -> Named:
    available = [name for name in names if name]
    fine_tuned = [name for name in available if is_fine_tuned(name)]
    return tuple((provider, name) for name in fine_tuned or available)


def _usual(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """The model that answered, else the one that was asked."""
    return _listed(provider, (response_model, request_model))


def _azure(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """The model that answered: a deployment may have any name, also that of another model."""
    return _listed(provider, (response_model or request_model,))


def _bedrock(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """The model that was asked: where it runs is in its name, and the model's own answer does not say that."""
    name = request_model or response_model or ""
    start = name.find("arn:")
    if start < 0:
        return _listed(provider, (name.rpartition("/")[2],))
    kind, _, model = name[start:].split(":", 5)[-1].partition("/")
    if kind in _ROUTERS_OF_AWS and response_model and response_model != request_model:
        return _bedrock(provider, None, response_model)
    return _listed(provider, (model,)) if kind in _MODELS_OF_AWS else ()


def _google(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """Models by their name or by the path of their publisher; tuned models and endpoints are named by nobody else."""
    names = [_published(name) for name in (request_model, response_model) if name]
    if not names or names[0] is None:
        return ()
    return _listed(provider, reversed(names))


def _published(name: str) -> str | None:
    """The name at the end of a publisher's path; `None` for a path to something that its owner has made."""
    path, _, model = name.rpartition("/")
    own = path and not path.endswith("models") and "publishers/" not in path
    return None if own else model


def _openrouter(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """With a variant behind the name, such as `:free`, the model that was asked, as answers may leave that out."""
    if request_model and ":" in request_model:
        return _listed(provider, (request_model,))
    return _usual(provider, request_model, response_model)


def _hugging_face(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """Behind a colon stands who serves the model, each at a price of its own."""
    model, _, server = (request_model or "").partition(":")
    return (
        _listed(f"huggingface_{server}", (model,))
        if server
        else _usual(provider, request_model, response_model)
    )


def _litellm(provider: str, request_model: str | None, response_model: str | None) -> Named:
    """In front of a slash stands whom the proxy asks."""
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
_RULES: dict[str, Callable[[str, str | None, str | None], Named]] = {
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
