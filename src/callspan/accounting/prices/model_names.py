"""The names under which the price of a call's model may stand; a deployment's name is not that of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_FINE_TUNED = re.compile(r"(^|[/:.-])ft[:-]")
"""How fine-tuned models are named by OpenAI (`ft:`), Mistral (`ft:`), Azure (`.ft-`) and Together (`-ft-`)."""
_MODELS_OF_AWS = ("foundation-model", "inference-profile")
"""The resources of AWS whose name is that of a model."""
_ROUTERS_OF_AWS = ("prompt-router", "default-prompt-router")
"""The resources that choose a model, which the answer names."""

Named = tuple[tuple[str, str], ...]
"""Providers and names, the best first."""


def candidates(provider: str, asked: str | None, answered: str | None) -> Named:
    """Return the names to look a price up by, each with its provider; none where no name is that of a model."""
    find = _RULES.get(provider, _usual)
    return find(provider, asked, answered)


def is_fine_tuned(model: str) -> bool:
    """Return whether a name is that of a fine-tuned model, which has a price of its own."""
    return _FINE_TUNED.search(model.lower()) is not None


def _listed(provider: str, names: Iterable[str | None]) -> Named:
    stated = [name for name in names if name]
    fine_tuned = [name for name in stated if is_fine_tuned(name)]
    return tuple((provider, name) for name in fine_tuned or stated)


def _usual(provider: str, asked: str | None, answered: str | None) -> Named:
    """The model that answered, else the one that was asked."""
    return _listed(provider, (answered, asked))


def _azure(provider: str, asked: str | None, answered: str | None) -> Named:
    """The model that answered: a deployment may have any name, also that of another model."""
    return _listed(provider, (answered or asked,))


def _bedrock(provider: str, asked: str | None, answered: str | None) -> Named:
    """The model that was asked: where it runs is in its name, and the model's own answer does not say that."""
    name = asked or answered or ""
    start = name.find("arn:")
    if start < 0:
        return _listed(provider, (name.rpartition("/")[2],))
    kind, _, model = name[start:].split(":", 5)[-1].partition("/")
    if kind in _ROUTERS_OF_AWS and answered and answered != asked:
        return _bedrock(provider, None, answered)
    return _listed(provider, (model,)) if kind in _MODELS_OF_AWS else ()


def _google(provider: str, asked: str | None, answered: str | None) -> Named:
    """Models by their name or by the path of their publisher; tuned models and endpoints are named by nobody else."""
    names = [_published(name) for name in (asked, answered) if name]
    if not names or names[0] is None:
        return ()
    return _listed(provider, reversed(names))


def _published(name: str) -> str | None:
    """The name at the end of a publisher's path; `None` for a path to something that its owner has made."""
    path, _, model = name.rpartition("/")
    own = path and not path.endswith("models") and "publishers/" not in path
    return None if own else model


def _openrouter(provider: str, asked: str | None, answered: str | None) -> Named:
    """With a variant behind the name, such as `:free`, the model that was asked, as answers may leave that out."""
    return (
        _listed(provider, (asked,)) if asked and ":" in asked else _usual(provider, asked, answered)
    )


def _hugging_face(provider: str, asked: str | None, answered: str | None) -> Named:
    """Behind a colon stands who serves the model, each at a price of its own."""
    model, _, server = (asked or "").partition(":")
    return (
        _listed(f"huggingface_{server}", (model,)) if server else _usual(provider, asked, answered)
    )


def _litellm(provider: str, asked: str | None, answered: str | None) -> Named:
    """In front of a slash stands whom the proxy asks."""
    for name in (asked, answered):
        server, _, model = (name or "").partition("/")
        if model:
            return candidates(_SERVERS.get(server, server), model, None)
    return _usual(provider, asked, answered)


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
