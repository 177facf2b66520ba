"""Searches in vector stores: a retrieval each, with the real stores in the program or on a loopback server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry

RED, WHITE = [1.0, 0.0], [0.0, 1.0]
ROWS = [
    {"id": 1, "vector": RED, "text": "a red rose"},
    {"id": 2, "vector": WHITE, "text": "a white lily"},
]


def chroma(_folder: Path) -> Callable[[], object]:
    store = pytest.importorskip("chromadb", reason="chromadb is large: tests/frameworks by hand")
    flowers = store.EphemeralClient().get_or_create_collection("flowers", embedding_function=None)
    flowers.upsert(
        ids=["1", "2"], embeddings=[RED, WHITE], documents=["a red rose", "a white lily"]
    )
    return lambda: flowers.query(query_embeddings=[RED], n_results=1)


def qdrant(_folder: Path) -> Callable[[], object]:
    store = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
    client = store.QdrantClient(":memory:")
    client.create_collection("flowers", store.models.VectorParams(size=2, distance="Cosine"))
    points = [
        store.models.PointStruct(id=row["id"], vector=row["vector"], payload={"text": row["text"]})
        for row in ROWS
    ]
    client.upsert("flowers", points)
    return lambda: client.query_points("flowers", RED, limit=1)


def lancedb(folder: Path) -> Callable[[], object]:
    store = pytest.importorskip("lancedb", reason="lancedb is large: tests/frameworks by hand")
    flowers = store.connect(folder).create_table("flowers", ROWS)
    return lambda: flowers.search(RED).limit(1).to_list()


def milvus(folder: Path) -> Callable[[], object]:
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
    store = pytest.importorskip("pymilvus", reason="pymilvus is not installed")
    client = store.MilvusClient(str(folder / "milvus.db"))
    client.create_collection("flowers", dimension=2)
    client.insert("flowers", ROWS)
    return lambda: client.search("flowers", [RED], limit=1, output_fields=["text"])


STORES = {"chroma": chroma, "qdrant": qdrant, "lancedb": lancedb, "milvus": milvus}


@pytest.mark.parametrize("name", STORES)
def test_a_search_is_a_retrieval(telemetry: Telemetry, tmp_path: Path, name: str) -> None:
    search = STORES[name](tmp_path)
    telemetry.instrument(vector_stores=True, capture="span")
    search()
    span = telemetry.span
    assert (span.name, span.kind.name) == ("retrieval flowers", "CLIENT")
    attributes = dict(span.attributes or {})
    assert attributes["gen_ai.operation.name"] == "retrieval"
    assert attributes["gen_ai.data_source.id"] == "flowers"
    assert attributes["gen_ai.retrieval.top_k"] == 1
    assert attributes["callspan.framework.name"] == name
    [document] = json.loads(str(attributes["gen_ai.retrieval.documents"]))
    assert document["id"] == "1"
    assert "a red rose" in json.dumps(document["content"])
    assert "vector" not in document["content"]
    assert {"score", "distance"} & document.keys()


def test_stores_are_off_and_content_is_off_by_default(telemetry: Telemetry, tmp_path: Path) -> None:
    search = qdrant(tmp_path)
    search()
    assert telemetry.spans == []
    # named by `clients` it is watched as well
    telemetry.instrument(clients=["qdrant"])
    search()
    assert telemetry.span.name == "retrieval flowers"
    assert "gen_ai.retrieval.documents" not in (telemetry.span.attributes or {})


@pytest.mark.parametrize(("semconv", "provider"), [("released", "qdrant"), ("latest", None)])
def test_metrics_name_the_provider_that_spans_name(
    telemetry: Telemetry, tmp_path: Path, semconv: str, provider: str | None
) -> None:
    """The released text wants one of each search, and the store stands for it."""
    search = qdrant(tmp_path)
    telemetry.instrument(vector_stores=True, semconv=semconv, extra_metrics=["calls", "active"])
    search()
    assert telemetry.attributes.get("gen_ai.provider.name") == provider
    for metric in ("gen_ai.client.operation.duration", "callspan.client.calls"):
        [point] = telemetry.points(metric)
        assert point["attributes"].get("gen_ai.provider.name") == provider
    [active] = telemetry.points("callspan.client.active")
    assert active["value"] == 0


@pytest.mark.instrument(vector_stores=True)
def test_a_search_that_fails(telemetry: Telemetry) -> None:
    store = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
    with pytest.raises(ValueError, match="not found"):
        store.QdrantClient(":memory:").query_points("flowers", RED, limit=1)
    assert telemetry.span.attributes is not None
    assert telemetry.span.attributes["error.type"] == "ValueError"


@pytest.mark.instrument(vector_stores=True)
def test_an_asynchronous_search(telemetry: Telemetry) -> None:
    store = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")

    async def search() -> None:
        client = store.AsyncQdrantClient(":memory:")
        vectors = store.models.VectorParams(size=2, distance="Cosine")
        await client.create_collection("flowers", vectors)
        await client.query_points("flowers", RED, limit=3)

    asyncio.run(search())
    assert telemetry.span.name == "retrieval flowers"


@pytest.mark.instrument(vector_stores=True)
def test_a_retriever_around_stands_for_the_search(telemetry: Telemetry, tmp_path: Path) -> None:
    """The one span has the retriever's facts, and the store's."""
    retrievers = pytest.importorskip("langchain_core.retrievers", reason="langchain is missing")
    search = qdrant(tmp_path)

    class Flowers(retrievers.BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Any]:
            search()
            return []

    Flowers().invoke("which is red?")
    span = telemetry.span
    assert span.name == "retrieval flowers"
    assert span.attributes is not None
    assert span.attributes["callspan.framework.name"] == "langchain"
    assert span.attributes["gen_ai.retrieval.top_k"] == 1


@pytest.mark.instrument(vector_stores=True)
def test_a_hybrid_search_is_one(telemetry: Telemetry, tmp_path: Path) -> None:
    """Its two parts run in threads of their own, and are no searches of the app."""
    store = pytest.importorskip("lancedb", reason="lancedb is large: tests/frameworks by hand")
    flowers = store.connect(tmp_path).create_table("flowers", ROWS)
    flowers.create_fts_index("text")
    flowers.search(query_type="hybrid").vector(RED).text("rose").limit(2).to_list()
    assert telemetry.span.name == "retrieval flowers"
    # a query that only filters is no search
    flowers.search().where("id = 1").to_list()
    assert len(telemetry.spans) == 1


# payloads written by the models of Pinecone's client
MATCHES = {"matches": [{"id": "1", "score": 0.9, "metadata": {"text": "a red rose"}}]}
HITS = {
    "result": {"hits": [{"_id": "1", "_score": 0.9, "fields": {"text": "a red rose"}}]},
    "usage": {"read_units": 1},
}


@pytest.mark.instrument(vector_stores=True, capture="span")
def test_searches_in_pinecone(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    store = pytest.importorskip("pinecone", reason="pinecone is not installed")
    index = store.Pinecone(api_key="none").Index(host=scripted_server.url)
    scripted_server.answer(MATCHES)
    scripted_server.answer(HITS)
    index.query(top_k=2, vector=RED, namespace="shop", include_metadata=True)
    index.search(namespace="shop", top_k=3, inputs={"text": "a red one"})
    assert scripted_server.paths == ["/query", "/records/namespaces/shop/search"]
    host = scripted_server.url.partition("://")[2]
    query, search = telemetry.spans
    for span, limit in ((query, 2), (search, 3)):
        assert span.name == f"retrieval {host}/shop"
        assert span.attributes is not None
        assert span.attributes["gen_ai.retrieval.top_k"] == limit
        documents = json.loads(str(span.attributes["gen_ai.retrieval.documents"]))
        assert documents == [{"id": "1", "score": 0.9, "content": {"text": "a red rose"}}]
    assert search.attributes is not None
    assert search.attributes["gen_ai.retrieval.query.text"] == "a red one"
