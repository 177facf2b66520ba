"""LiteLLM over the scripted model server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from frameworks.litellm.models import litellm


@pytest.fixture(autouse=True)
def own_clients() -> Iterator[None]:
    """Each test has an event loop of its own, and so may not be given the HTTP clients that another one has left."""
    # before it too: tests of other folders use LiteLLM without this
    litellm.in_memory_llm_clients_cache.flush_cache()
    # not in the cache, though it keeps connections of the event loop in which it was used
    shared = type(litellm.module_level_aclient)
    litellm.module_level_aclient = shared(timeout=litellm.request_timeout)
    yield
    litellm.in_memory_llm_clients_cache.flush_cache()
