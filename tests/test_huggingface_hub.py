"""Hugging Face's inference client: chat, text generation and embeddings, of its own servers and of others."""

from __future__ import annotations

import asyncio
import gc
from importlib import import_module
from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from clients import huggingface_client
from conftest import PAYLOADS
from telemetry import Telemetry, counts

MODEL = "Qwen/Qwen3-8B"
SAID: dict[str, Any] = {"messages": [{"role": "user", "content": "whisper-asked"}], "model": MODEL}
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def payload(name: str, **more: Any) -> Reply:
    """An answer from a payload file."""
    status = int(name[6:9]) if name.startswith("error_") else 200
    return Reply(raw=(PAYLOADS / "huggingface_hub" / name).read_bytes(), status=status, **more)


def ask(url: str, asynchronous: bool, name: str, *asked: Any, **request: Any) -> Any:
    """One call of a method of a new client; the items if it streams."""
    if not asynchronous:
        client = huggingface_client(url)  # newer ones close their streams when they are gone
        given = _method(client, name)(*asked, **request)
        return list(given) if request.get("stream") else given

    async def aask() -> Any:
        async with huggingface_client(url, "AsyncInferenceClient") as client:
            given = await _method(client, name)(*asked, **request)
            return [item async for item in given] if request.get("stream") else given

    return asyncio.run(aask())


def _method(client: Any, name: str) -> Any:
    for part in name.split("."):
        client = getattr(client, part)
    return client


def ask_for(task: str, server: ModelServer, asynchronous: bool, stream: bool) -> None:
    """A chat, or text."""
    if task == "chat":
        ask(server.url, asynchronous, "chat_completion", **SAID, stream=stream)
    else:
        ask(at(server, "/generate"), asynchronous, "text_generation", "Red", stream=stream)


def at(server: ModelServer, end: str) -> str:
    """An address of what is no chat."""
    return server.url.removesuffix("/v1") + end


@BOTH
@pytest.mark.parametrize("name", ["chat_completion", "chat.completions.create"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_chat(
    telemetry: Telemetry, model_server: ModelServer, name: str, stream: bool, asynchronous: bool
) -> None:
    """A chat is one call with what its answer states, by either of its names; lines without an event are no chunks."""
    model_server.enqueue(payload("chat_stream.sse" if stream else "chat.json"))
    given = ask(model_server.url, asynchronous, name, **SAID, stream=stream, max_tokens=9, seed=3)
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.provider.name"] == "hugging_face"
    assert (attributes["server.address"], attributes["server.port"]) == (
        "127.0.0.1",
        model_server.port,
    )
    assert (attributes["gen_ai.request.max_tokens"], attributes["gen_ai.request.seed"]) == (9, 3)
    assert attributes["gen_ai.response.model"] == MODEL
    assert attributes["gen_ai.response.id"] == ("chatcmpl-7e" if stream else "chatcmpl-7d")
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["callspan.outcome"] == "completed"
    assert counts(telemetry) == {"input_tokens": 21, "output_tokens": 4}
    assert attributes.get("callspan.stream.chunks") == (len(given) if stream else None)
    assert "whisper" not in telemetry.everything()
    assert "Ro" not in telemetry.everything()


@BOTH
@pytest.mark.parametrize(
    ("name", "finish", "told"),
    [
        ("generate.json", None, {}),
        ("generate_details.json", ("length",), {"input_tokens": 2, "output_tokens": 3}),
        ("generate_stream.sse", ("eos_token",), {"input_tokens": 2, "output_tokens": 3}),
    ],
)
@pytest.mark.instrument(capture="span")
def test_text_generation(
    telemetry: Telemetry,
    model_server: ModelServer,
    name: str,
    finish: Any,
    told: Any,
    asynchronous: bool,
) -> None:
    """Text generation states its counts with a stream, or with its details; without them nothing is made up."""
    model_server.enqueue(payload(name))
    asked = {
        "stream": name.endswith("sse"),
        "details": "details" in name,
        "max_new_tokens": 5,
        "top_k": 3,
    }
    ask(at(model_server, "/generate"), asynchronous, "text_generation", "Red", **asked)
    attributes = telemetry.attributes
    assert telemetry.span.name == "text_completion"
    assert (attributes["gen_ai.request.max_tokens"], attributes["gen_ai.request.top_k"]) == (5, 3)
    assert attributes.get("gen_ai.response.finish_reasons") == finish
    assert counts(telemetry) == told
    assert attributes["callspan.outcome"] == "completed"
    assert '"content":"Red"' in attributes["gen_ai.input.messages"]
    assert '"content":" roses' in attributes["gen_ai.output.messages"]
    assert "</s>" not in attributes["gen_ai.output.messages"]


@BOTH
@pytest.mark.parametrize(("name", "size"), [("features.json", 3), ("features_of_tokens.json", 2)])
def test_embeddings(
    telemetry: Telemetry, model_server: ModelServer, name: str, size: int, asynchronous: bool
) -> None:
    """Embeddings have dimensions, of texts or of their tokens."""
    model_server.enqueue(payload(name))
    ask(at(model_server, "/features"), asynchronous, "feature_extraction", "whisper")
    assert telemetry.span.name == "embeddings"
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == size
    assert "whisper" not in telemetry.everything()


@BOTH
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("task", ["chat", "text"])
@pytest.mark.parametrize(
    ("name", "told"),
    [("error_401.json", None), ("error_422.json", "validation"), ("error_429.json", "overloaded")],
)
def test_refusals(
    telemetry: Telemetry,
    model_server: ModelServer,
    task: str,
    name: str,
    told: str | None,
    stream: bool,
    asynchronous: bool,
) -> None:
    """A refusal is an error by the server's word for it, else by the exception."""
    model_server.enqueue(payload(name, retry_after=7))
    with pytest.raises(Exception) as caught:  # noqa: PT011  which one is the client's choice
        ask_for(task, model_server, asynchronous, stream)
    attributes = telemetry.attributes
    kind = type(caught.value.__context__ if told and task == "text" else caught.value)
    if not (
        asynchronous and told and "aiohttp" in kind.__module__
    ):  # whose exceptions do not keep the body
        assert attributes["error.type"] == (told or f"{kind.__module__}.{kind.__qualname__}")
    assert attributes["http.response.status_code"] == int(name[6:9])
    assert attributes["http.response.header.x-request-id"] == ("req_000001",)
    assert attributes["callspan.outcome"] == "error"


@BOTH
@pytest.mark.parametrize("task", ["chat", "text"])
def test_an_error_within_a_stream(
    telemetry: Telemetry, model_server: ModelServer, task: str, asynchronous: bool
) -> None:
    """A stream that says that the model has failed is an error by that word."""
    model_server.enqueue(Reply(text="Roses, lilies.", error_after=2))
    error: Any = import_module("huggingface_hub.errors").TextGenerationError
    with pytest.raises(error):
        ask_for(task, model_server, asynchronous, True)
    gc.collect()
    callspan.flush()
    assert telemetry.attributes["error.type"] == (
        "server_error" if task == "chat" else "generation"
    )
    assert telemetry.attributes["callspan.outcome"] == "error"


def test_text_left_early(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A generation whose reader stops is abandoned, with the text that had come."""
    model_server.enqueue(Reply(text="Roses, lilies."))
    client = huggingface_client(at(model_server, "/generate"))
    stream = client.text_generation("Red", stream=True)
    assert next(iter(stream)) == "Roses,"
    stream.close()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"
    assert telemetry.attributes["callspan.stream.chunks"] == 1


@pytest.mark.parametrize(
    ("named", "address", "told"),
    [
        ("auto", "https://router.huggingface.co/v1/chat/completions", "hugging_face"),
        ("hf-inference", "https://router.huggingface.co/hf-inference/models/a", "hugging_face"),
        ("together", "https://router.huggingface.co/together/v1/chat/completions", "together"),
        ("fireworks-ai", "https://api.fireworks.ai/inference/v1/chat/completions", "fireworks"),
        ("fireworks-ai", "https://router.huggingface.co/fireworks-ai/inference/v1", "fireworks"),
        ("featherless-ai", "https://router.huggingface.co/featherless-ai/v1", "featherless_ai"),
        (None, "http://vllm:8000/v1/chat/completions", "vllm"),
    ],
)
def test_provider(named: str | None, address: str, told: str) -> None:
    """The provider is who is asked, also where Hugging Face passes the request on."""
    from callspan.clients.huggingface_hub import HUGGINGFACE_HUB
    from callspan.hooks.address import address as parts

    class Client:
        provider = named

    host, port = parts(address)
    assert HUGGINGFACE_HUB.provider(Client(), host or "", port) == told


@pytest.mark.parametrize(
    ("task", "sent", "operation"),
    [
        ("text-generation", {"prompt": "Red", "model": "a/b"}, "text_completion"),
        ("feature-extraction", {"input": ["Red"], "model": "a/b"}, "embeddings"),
        ("text-to-image", {"inputs": "Red"}, None),
    ],
)
def test_tasks_of_other_providers(
    telemetry: Telemetry,
    model_server: ModelServer,
    task: str,
    sent: dict[str, Any],
    operation: str | None,
) -> None:
    """Providers that are asked in OpenAI's way are read in it, at whatever address; other tasks are left alone."""
    common = import_module("huggingface_hub.inference._common")
    url = f"{model_server.url}/{'embeddings' if 'input' in sent else 'completions'}"
    asked = common.RequestParameters(
        url=url, task=task, model="a/b", json=sent, data=None, headers={}
    )
    client = huggingface_client(model_server.url)
    if operation is None:
        with pytest.raises(Exception):  # noqa: B017, PT011  the server knows no such task
            client._inner_post(asked)
        assert not telemetry.spans
        return
    client._inner_post(asked)
    assert telemetry.span.name == f"{operation} a/b"
    assert counts(telemetry)["input_tokens"] == model_server.ledger.total_told.input
