"""LiteLLM's functions that speak a provider's own format, asked of the scripted model server."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer
from frameworks.litellm.models import ASK, CLAUDE, GEMINI, Model, litellm

GLOBAL_LOGGING_WORKER: Any = importlib.import_module(
    "litellm.litellm_core_utils.logging_worker"
).GLOBAL_LOGGING_WORKER
Options = dict[str, Any]
CONTENTS = [{"role": "user", "parts": [{"text": ASK[0]["content"]}]}]


def anthropic(server: ModelServer, **options: Any) -> Options:
    """The arguments of Anthropic's functions."""
    return {
        "messages": ASK,
        "max_tokens": 99,
        "system": "Be short.",
        **CLAUDE.at(server),
        **options,
    }


def gemini(server: ModelServer, **options: Any) -> Options:
    """The arguments of Google's functions."""
    config = {"temperature": 0.5, "maxOutputTokens": 99}
    return {
        "contents": CONTENTS,
        "config": config,
        "systemInstruction": _SYSTEM,
        **GEMINI.at(server),
        **options,
    }


_SYSTEM = {"parts": [{"text": "Be short."}]}


def interaction(server: ModelServer, **options: Any) -> Options:
    """The arguments of interactions."""
    given = {**GEMINI.at(server), "api_base": server.url.removesuffix("/v1")}
    return {"input": ASK[0]["content"], "system_instruction": "Be short.", **given, **options}


def streaming(options: Options) -> Options:
    """The same arguments for a streamed answer."""
    return {**options, "stream": True}


Program = Callable[[ModelServer], Any]
PLAIN: dict[str, Program] = {
    "anthropic_messages": lambda server: litellm.anthropic_messages(**anthropic(server)),
    "messages.acreate": lambda server: litellm.anthropic.messages.acreate(**anthropic(server)),
    "acreate": lambda server: litellm.anthropic.acreate(**anthropic(server)),
    "generate_content": lambda server: litellm.google_genai.generate_content(**gemini(server)),
    "agenerate_content": lambda server: litellm.google_genai.agenerate_content(**gemini(server)),
    "interactions.create": lambda server: litellm.interactions.create(**interaction(server)),
    "interactions.acreate": lambda server: litellm.interactions.acreate(**interaction(server)),
}
THROUGH_PROXY: dict[str, Program] = {
    "anthropic_messages": lambda server: litellm.anthropic_messages(**streaming(anthropic(server))),
    "messages.acreate": lambda server: litellm.anthropic.messages.acreate(
        **streaming(anthropic(server))
    ),
    "generate_content": lambda server: litellm.google_genai.generate_content_stream(
        **gemini(server)
    ),
    "agenerate_content": lambda server: litellm.google_genai.agenerate_content_stream(
        **gemini(server)
    ),
}
"""Streams that LiteLLM makes with modules of its proxy."""
STREAMED: dict[str, Program] = {
    **THROUGH_PROXY,
    "interactions.create": lambda server: litellm.interactions.create(
        **streaming(interaction(server))
    ),
    "interactions.acreate": lambda server: litellm.interactions.acreate(
        **streaming(interaction(server))
    ),
}


def run(program: Program, server: ModelServer, pieces: int | None = None) -> Any:
    """Run a program and return its answer, or the list of a stream's items, of which it reads this many."""
    answer = program(server)
    if inspect.iscoroutine(answer):
        return asyncio.run(_awaited(answer, pieces))
    return _first(answer, pieces) if hasattr(type(answer), "__next__") else answer


async def _awaited(coming: Any, pieces: int | None) -> Any:
    try:
        return await _read(coming, pieces)
    finally:  # LiteLLM would else take what it has not logged yet to the next event loop
        with contextlib.suppress(
            asyncio.TimeoutError
        ):  # older versions wait for the queue of an earlier loop
            await asyncio.wait_for(GLOBAL_LOGGING_WORKER.flush(), 1)


async def _read(coming: Any, pieces: int | None) -> Any:
    answer = await coming
    if not hasattr(type(answer), "__anext__"):
        return answer
    items: list[Any] = []
    async for item in answer:
        items.append(item)
        if len(items) == pieces:
            break
    return items


def _first(stream: Any, pieces: int | None) -> list[Any]:
    items: list[Any] = []
    for item in stream:
        items.append(item)
        if len(items) == pieces:
            break
    return items


def needs_proxy(name: str) -> None:
    """Skip a stream that LiteLLM cannot make here."""
    if name in THROUGH_PROXY:
        pytest.importorskip(
            "litellm.proxy.pass_through_endpoints.streaming_handler",
            reason="LiteLLM imports its proxy for this stream, and packages of that are not installed",
            exc_type=ImportError,
        )


def over(model: Model, server: ModelServer, **options: Any) -> Options:
    """The arguments of Anthropic's functions for a model of another provider."""
    return {"messages": ASK, "max_tokens": 99, **model.at(server), **options}
