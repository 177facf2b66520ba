"""Models as LiteLLM names them, all at the scripted model server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer
from clients import litellm_base

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network when it is imported
litellm: Any = pytest.importorskip("litellm", reason="LiteLLM is not installed")
litellm.suppress_debug_info = True
ASK = [{"role": "user", "content": "Which flowers last longest?"}]


@dataclass(frozen=True)
class Model:
    """A model of a provider; `over` is the client that makes the request."""

    name: str
    provider: str
    over: str = "litellm"

    def __str__(self) -> str:
        return self.name.partition("/")[0]

    def at(self, server: ModelServer, **options: Any) -> dict[str, Any]:
        """The arguments by which LiteLLM finds it."""
        provider, _, model = self.name.partition("/")
        base = litellm_base(server.url, provider, model)
        return {
            "model": self.name,
            "api_base": base,
            "api_key": "sk-test-secret",
            "max_retries": 0,
            **options,
        }


OPENAI = Model("openai/gpt-4.1-mini", "openai", "openai")
CLAUDE = Model("anthropic/claude-sonnet-4-5", "anthropic")
GEMINI = Model("gemini/gemini-2.5-flash", "gcp.gemini")
VLLM = Model("hosted_vllm/flowers-8b", "vllm")
MODELS = (OPENAI, CLAUDE, GEMINI, VLLM)
