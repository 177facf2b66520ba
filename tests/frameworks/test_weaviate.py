"""Searches in Weaviate, by its real client over gRPC to a stand-in for its server."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import pytest

from scripted import ScriptedServer
from telemetry import Telemetry

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
weaviate = pytest.importorskip("weaviate", reason="weaviate-client is not installed")
ROSE = uuid.UUID(int=1)


def answer(request: Any, _context: object) -> Any:
    """Answer a search with one object, and one for a collection that is not there by an error."""
    from weaviate.proto.v1 import search_get_pb2

    if request.collection == "Trees":
        raise ValueError("no such collection")
    reply = search_get_pb2.SearchReply()
    row = reply.results.add()
    row.metadata.id_as_bytes = ROSE.bytes
    row.metadata.distance, row.metadata.distance_present = 0.25, True
    row.properties.non_ref_props.fields["text"].text_value = "a red rose"
    return reply


@pytest.fixture
def ports(scripted_server: ScriptedServer) -> Iterator[dict[str, int]]:
    """Serve searches over gRPC, and the version over HTTP."""
    from weaviate.proto.v1 import search_get_pb2

    server = grpc.server(futures.ThreadPoolExecutor(2))
    search = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=search_get_pb2.SearchRequest.FromString,
        response_serializer=search_get_pb2.SearchReply.SerializeToString,
    )
    handlers = {"Search": search}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("weaviate.v1.Weaviate", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    scripted_server.answer({"version": "1.30.0"})
    yield {"port": scripted_server.server_port, "grpc_port": port}
    server.stop(None)


@pytest.mark.instrument(vector_stores=True, capture="span")
def test_searches_of_a_collection(telemetry: Telemetry, ports: dict[str, int]) -> None:
    with weaviate.connect_to_local("127.0.0.1", **ports, skip_init_checks=True) as client:
        flowers = client.collections.get("Flowers").query
        flowers.near_text("red", limit=2)
        flowers.near_vector([1.0, 0.0], limit=2)
        flowers.hybrid("red", limit=2)
        flowers.bm25(query="red", limit=2)
    texts = []
    for span in telemetry.spans:
        attributes = dict(span.attributes or {})
        assert (span.name, attributes["gen_ai.retrieval.top_k"]) == ("retrieval Flowers", 2)
        texts.append(attributes.get("gen_ai.retrieval.query.text"))
        [document] = json.loads(str(attributes["gen_ai.retrieval.documents"]))
        assert document["id"] == str(ROSE)
        assert document["content"] == {"text": "a red rose"}
    assert texts == ["red", None, "red", "red"]


@pytest.mark.instrument(vector_stores=True)
def test_asynchronous_searches(telemetry: Telemetry, ports: dict[str, int]) -> None:
    """One is answered, one fails."""

    async def search() -> None:
        local = weaviate.use_async_with_local("127.0.0.1", **ports, skip_init_checks=True)
        async with local as client:
            await client.collections.get("Flowers").query.near_text("red")
            with pytest.raises(weaviate.exceptions.WeaviateQueryError):
                await client.collections.get("Trees").query.near_text("red")

    asyncio.run(search())
    assert [span.name for span in telemetry.spans] == ["retrieval Flowers", "retrieval Trees"]
    answered, failed = (dict(span.attributes or {}) for span in telemetry.spans)
    assert answered["callspan.outcome"] == "completed"
    assert failed["error.type"] == "weaviate.exceptions.WeaviateQueryError"
