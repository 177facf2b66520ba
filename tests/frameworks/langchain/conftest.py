"""LangChain's models over the scripted model server, and two checks for every test here."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from callspan.frameworks.langchain.tree import tree
from callspan.testing.modelserver import ModelServer

BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
LOSES = pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="LangChain itself loses its configuration in the nodes of asynchronous runs there",
)
BOTH_IN_NODES = pytest.mark.parametrize(
    "asynchronous", [False, pytest.param(True, marks=LOSES)], ids=["sync", "async"]
)


@pytest.fixture(autouse=True)
def no_run_left() -> Iterator[None]:
    """After a test no run is open; one that is fails this test, and not those after it."""
    yield
    left = list(tree.runs)
    for each in left:
        tree.close(each, None)
    assert not left, f"runs left open: {len(left)}"


@pytest.fixture
def model(model_server: ModelServer) -> Any:
    """A chat model over OpenAI's client, which is instrumented; its streams say how many tokens they took."""
    return chat_model(model_server)


def chat_model(server: ModelServer, **options: Any) -> Any:
    """A chat model that speaks to the model server."""
    given = {
        "model": "gpt-4.1-mini",
        "base_url": server.url,
        "api_key": "sk-secret-key",
        "max_retries": 0,
    }
    return ChatOpenAI(**{**given, "stream_usage": True, **options})


def run(work: Any) -> Any:
    """Let asynchronous work end."""
    return asyncio.run(work)
