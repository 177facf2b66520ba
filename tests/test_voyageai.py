"""Voyage's client: embeddings of each kind, ranks, errors and retries.

The answers are written from the classes of voyageai 0.5; none was recorded.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry

voyageai = pytest.importorskip("voyageai", reason="voyageai is not installed")

MODEL = "voyage-flowers"
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def vectors(*numbers: float) -> dict[str, Any]:
    """An answer with one vector."""
    data = [{"object": "embedding", "index": 0, "embedding": list(numbers)}]
    usage = {"total_tokens": 7, "text_tokens": 7, "image_pixels": 0, "video_pixels": 0}
    return {"object": "list", "model": MODEL, "data": data, "usage": usage}


RANKS = {
    "object": "list",
    "model": MODEL,
    "data": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
    "usage": {"total_tokens": 9},
}


def ask(
    server: ScriptedServer, asynchronous: bool, name: str, *args: Any, retries: int = 0, **more: Any
) -> Any:
    """One request."""
    kind = voyageai.AsyncClient if asynchronous else voyageai.Client
    client = kind(api_key="any", base_url=server.url, max_retries=retries, timeout=20)
    if not asynchronous:
        return getattr(client, name)(*args, **more)

    async def aask() -> Any:
        return await getattr(client, name)(*args, **more)

    return asyncio.run(aask())


@BOTH
@pytest.mark.parametrize(
    ("name", "args", "more"),
    [
        ("embed", (["a rose"],), {"model": MODEL}),
        ("embed", (["a rose"], MODEL), {}),
        ("multimodal_embed", ([["a rose"]], MODEL), {}),
    ],
    ids=["by-name", "by-position", "multimodal"],
)
def test_embeddings(
    telemetry: Telemetry,
    scripted_server: ScriptedServer,
    name: str,
    args: Any,
    more: dict[str, Any],
    asynchronous: bool,
) -> None:
    """Embeddings have a model, however it is given, their tokens and the size of a vector."""
    scripted_server.answer(vectors(0.5, 0.25, 0.125))
    assert ask(scripted_server, asynchronous, name, *args, **more).total_tokens == 7
    attributes = telemetry.attributes
    assert telemetry.span.name == f"embeddings {MODEL}"
    assert attributes["gen_ai.provider.name"] == "voyage_ai"
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.embeddings.dimension.count"] == 3
    assert telemetry.tokens == {"input": 7}


@BOTH
def test_documents(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """Pieces of a document, which are embedded together, are one call."""
    if not hasattr(voyageai.Client, "contextualized_embed"):
        pytest.skip("this version of the client embeds no documents")
    scripted_server.answer(
        {**vectors(), "data": [{"index": 0, "data": vectors(0.5, 0.25)["data"]}]}
    )
    ask(scripted_server, asynchronous, "contextualized_embed", [["a rose"]], MODEL)
    assert telemetry.tokens == {"input": 7}
    assert telemetry.attributes["gen_ai.embeddings.dimension.count"] == 2


def test_packed_vectors(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """The size of a vector whose bits are packed into bytes is not stated."""
    scripted_server.answer(vectors(17, 3))
    ask(scripted_server, False, "embed", ["a rose"], model=MODEL, output_dtype="ubinary")
    assert telemetry.attributes["gen_ai.request.encoding_formats"] == ("ubinary",)
    assert "gen_ai.embeddings.dimension.count" not in telemetry.attributes


@BOTH
@pytest.mark.instrument(capture="span")
def test_ranks(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """Ranking reads tokens and writes none; query and documents are its content."""
    scripted_server.answer(RANKS)
    ask(scripted_server, asynchronous, "rerank", "which?", ["a rose", "a lily"], MODEL)
    assert telemetry.span.name == f"rerank {MODEL}"
    assert telemetry.tokens == {"input": 9}
    assert "a lily" in telemetry.attributes["gen_ai.input.messages"]


@BOTH
def test_error(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A refused call has the class of the client's exception, and the status."""
    scripted_server.answer({"detail": "no"}, status=401)
    with pytest.raises(voyageai.error.AuthenticationError):
        ask(scripted_server, asynchronous, "embed", ["a rose"], model=MODEL)
    attributes = telemetry.attributes
    assert attributes["error.type"] == "voyageai.error.AuthenticationError"
    assert attributes["http.response.status_code"] == 401


@BOTH
def test_retry(
    telemetry: Telemetry,
    scripted_server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    asynchronous: bool,
) -> None:
    """An attempt that is refused and repeated is a retry of one call."""
    for module in ("client", "client_async"):
        monkeypatch.setattr(f"voyageai.{module}.wait_exponential_jitter", lambda **_: lambda _: 0)
    scripted_server.answer({"detail": "slower"}, status=429)
    scripted_server.answer(vectors(0.5))
    ask(scripted_server, asynchronous, "embed", ["a rose"], model=MODEL, retries=2)
    assert [event["callspan.retry.cause"] for event in telemetry.events("callspan.retry")] == [
        "429"
    ]
    assert telemetry.tokens == {"input": 7}
