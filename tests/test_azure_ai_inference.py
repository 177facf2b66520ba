"""Microsoft's client for models in Azure: chats, embeddings, and settings of the client object.

The answers are written from the classes of azure-ai-inference 1.0.0b9; none was recorded.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry

inference = pytest.importorskip("azure.ai.inference", reason="azure-ai-inference is not installed")
credentials = pytest.importorskip("azure.core.credentials", reason="azure-core is not installed")

MODEL = "Phi-4"
ANSWER = {
    "id": "z-1",
    "object": "chat.completion",
    "created": 1_790_000_001,
    "model": "phi-4-2026",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Roses."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}
VECTORS = {
    "id": "v-1",
    "model": "embed-3",
    "data": [{"index": 0, "object": "embedding", "embedding": [0.5, 0.25]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
AN_ID = pytest.mark.breaks(
    "name.place", "answers of embeddings have an id, for which the conventions have no place"
)


def ask(
    server: ScriptedServer,
    asynchronous: bool,
    kind: str = "ChatCompletionsClient",
    *body: Any,
    options: dict[str, Any] | None = None,
    **request: Any,
) -> Any:
    """One request of a client object with options, or the chunks of one."""
    module: Any = import_module("azure.ai.inference.aio") if asynchronous else inference
    key = credentials.AzureKeyCredential("any")
    arguments = {"endpoint": server.url, "credential": key, "retry_total": 0, **(options or {})}
    client = getattr(module, kind)(**arguments)
    method = client.complete if kind == "ChatCompletionsClient" else client.embed
    stream = request.get("stream")
    if not asynchronous:
        with client:
            answer = method(*body, **request)
            return list(answer) if stream else answer

    async def aask() -> Any:
        async with client:
            answer = await method(*body, **request)
            return [chunk async for chunk in answer] if stream else answer

    return asyncio.run(aask())


@BOTH
@pytest.mark.instrument(capture="span")
def test_settings_of_the_client(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """What the app has set for all requests is laid below what it sets for one."""
    scripted_server.answer(ANSWER)
    options = {"model": MODEL, "temperature": 0.5, "max_tokens": 9}
    messages = [inference.models.UserMessage(content="Hello")]
    ask(scripted_server, asynchronous, messages=messages, max_tokens=5, options=options)
    assert scripted_server.bodies[0]["max_tokens"] == 5
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.provider.name"] == "azure.ai.inference"
    assert attributes["gen_ai.response.model"] == "phi-4-2026"
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.request.max_tokens"] == 5
    assert telemetry.tokens == {"input": 9, "output": 4}
    assert "Hello" in attributes["gen_ai.input.messages"]
    assert "Roses." in attributes["gen_ai.output.messages"]


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_whole_body(
    telemetry: Telemetry, scripted_server: ScriptedServer, stream: bool, asynchronous: bool
) -> None:
    """An app may write the whole body by itself; then nothing is laid below it."""
    if stream:
        choice = {"index": 0, "delta": {"content": "Roses."}, "finish_reason": "stop"}
        scripted_server.stream({**ANSWER, "object": "chat.completion.chunk", "choices": [choice]})
    else:
        scripted_server.answer(ANSWER)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    answer = ask(scripted_server, asynchronous, "ChatCompletionsClient", body)
    if stream:
        # the client reads the flag in the body by itself
        assert type(answer).__name__.endswith("StreamingChatCompletions")
        answer.close() if not asynchronous else asyncio.run(answer.aclose())
        assert telemetry.attributes["callspan.outcome"] == "abandoned"
    else:
        assert telemetry.tokens == {"input": 9, "output": 4}
    assert telemetry.span.name == f"chat {MODEL}"


@AN_ID
@BOTH
@pytest.mark.parametrize(
    ("kind", "inputs"),
    [("EmbeddingsClient", ["a rose"]), ("ImageEmbeddingsClient", [{"image": "data:image/png,"}])],
)
def test_embeddings(
    telemetry: Telemetry,
    scripted_server: ScriptedServer,
    kind: str,
    inputs: list[Any],
    asynchronous: bool,
) -> None:
    """Embeddings of texts and of images have a model, tokens and a size."""
    scripted_server.answer(VECTORS)
    ask(scripted_server, asynchronous, kind, input=inputs, model="embed-3")
    assert telemetry.span.name == "embeddings embed-3"
    assert telemetry.tokens == {"input": 3}
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == 2


@BOTH
def test_error(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A refused call has the status, the code and the id of the request."""
    error = {"error": {"code": "too_many", "message": "slower"}}
    scripted_server.answer(error, status=429, **{"apim-request-id": "q-1", "retry-after": "7"})
    with pytest.raises(Exception, match="slower"):
        ask(scripted_server, asynchronous, messages=[{"role": "user", "content": "Hello"}])
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["http.response.status_code"]) == ("too_many", 429)
    assert attributes["http.response.header.x-request-id"] == ("q-1",)
    assert attributes["http.response.header.retry-after"] == ("7",)
