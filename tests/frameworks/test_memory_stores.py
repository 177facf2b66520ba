"""Stores of memories: an operation of the conventions each, with the real stores in the program."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply
from telemetry import Telemetry

ON = pytest.mark.instrument(memory_stores=True)
WITH_CONTENT = pytest.mark.instrument(memory_stores=True, capture="span")
DIALECTS = pytest.mark.parametrize("semconv", ["released", "latest", "both"])
ROSE = {"text": "likes roses"}
PLACE = ("memories", "ann")


@pytest.fixture
def store() -> Any:
    """LangGraph's store that keeps its records in the program."""
    memory = pytest.importorskip("langgraph.store.memory", reason="langgraph is not installed")
    return memory.InMemoryStore()


def facts(telemetry: Telemetry) -> list[tuple[str, Any, Any]]:
    """Return the operation, the id of the record and the number of records of each span."""
    return [
        (
            span.name,
            (span.attributes or {}).get("gen_ai.memory.record.id"),
            (span.attributes or {}).get("gen_ai.memory.record.count"),
        )
        for span in telemetry.spans
    ]


def records(span: Any) -> Any:
    """Return the captured records of a span; `None` without any."""
    text = span.attributes.get("gen_ai.memory.records")
    return None if text is None else json.loads(text)


def use(store: Any) -> None:
    store.put(PLACE, "rose", ROSE)
    store.search(("memories",), query="flowers")
    store.get(PLACE, "rose")
    store.get(PLACE, "lily")
    store.delete(PLACE, "rose")


OPERATIONS = [
    ("upsert_memory", "rose", 1),
    ("search_memory", None, 1),
    ("search_memory", "rose", 1),
    ("search_memory", "lily", 0),
    ("delete_memory", "rose", 1),
]


@DIALECTS
def test_each_operation_is_a_span(telemetry: Telemetry, store: Any, semconv: str) -> None:
    """Of content there is nothing by default, nor the namespace, which often names a user."""
    telemetry.instrument(memory_stores=True, semconv=semconv)
    use(store)
    assert facts(telemetry) == OPERATIONS
    assert {span.kind.name for span in telemetry.spans} == {"INTERNAL"}
    assert "roses" not in telemetry.everything()
    assert "ann" not in telemetry.everything()
    durations = telemetry.points("gen_ai.client.operation.duration")
    assert sum(point["count"] for point in durations) == len(OPERATIONS)


@DIALECTS
def test_content_is_query_and_records(telemetry: Telemetry, store: Any, semconv: str) -> None:
    telemetry.instrument(memory_stores=True, semconv=semconv, capture="span")
    use(store)
    put, search, found, missing, deleted = telemetry.spans
    record = {"id": "rose", "content": ROSE, "metadata": {"namespace": list(PLACE)}}
    assert [records(span) for span in (put, search, found)] == [[record]] * 3
    assert [records(span) for span in (missing, deleted)] == [None, None]
    assert search.attributes is not None
    assert search.attributes["gen_ai.memory.query.text"] == "flowers"


def test_off_by_default_and_by_name(telemetry: Telemetry, store: Any) -> None:
    use(store)
    assert telemetry.spans == []
    telemetry.instrument(clients=["langgraph_store"])
    use(store)
    assert len(telemetry.spans) == len(OPERATIONS)


@ON
def test_asynchronous_methods(telemetry: Telemetry, store: Any) -> None:
    async def use_it() -> None:
        await store.aput(PLACE, "rose", ROSE)
        await store.asearch(("memories",))
        await store.aget(PLACE, "rose")
        await store.adelete(PLACE, "rose")

    asyncio.run(use_it())
    assert facts(telemetry) == [each for each in OPERATIONS if each[1] != "lily"]


@ON
def test_a_store_with_tasks_of_its_own(telemetry: Telemetry, store: Any) -> None:
    """As those on databases are: each operation is one span, also where a thread calls for it."""
    batch = pytest.importorskip("langgraph.store.base.batch", reason="langgraph is not installed")

    class Database(batch.AsyncBatchedBaseStore):
        async def abatch(self, ops: Any) -> Any:
            return await store.abatch(ops)

    async def use_it() -> Any:
        database = Database()
        await database.aput(PLACE, "rose", ROSE)
        return await asyncio.to_thread(database.get, PLACE, "rose")

    assert asyncio.run(use_it()).value == ROSE
    assert facts(telemetry) == [OPERATIONS[0], OPERATIONS[2]]
    # such a store is not in the program
    assert {span.kind.name for span in telemetry.spans} == {"CLIENT"}


@ON
def test_an_operation_that_fails(telemetry: Telemetry, store: Any) -> None:
    with pytest.raises(ValueError, match="cannot be empty"):
        store.put((), "rose", ROSE)
    assert telemetry.attributes["error.type"].endswith("InvalidNamespaceError")
    assert telemetry.span.name == "upsert_memory"


@pytest.fixture
def mem0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """mem0, which sends nothing to its makers and keeps its files in the test's folder."""
    monkeypatch.setenv("MEM0_TELEMETRY", "False")
    monkeypatch.setenv("MEM0_DIR", str(tmp_path))
    return pytest.importorskip("mem0", reason="mem0ai is not installed")


def configuration(folder: Path, url: str) -> dict[str, Any]:
    """Return where mem0 keeps its memories, and which models it asks."""
    common = {"api_key": "none", "openai_base_url": url}
    store = {"collection_name": "garden", "path": str(folder), "embedding_model_dims": 8}
    embedder = {**common, "model": "text-embedding-3-small", "embedding_dims": 8}
    return {
        "vector_store": {"provider": "qdrant", "config": store},
        "llm": {"provider": "openai", "config": {**common, "model": "gpt-4.1-mini"}},
        "embedder": {"provider": "openai", "config": embedder},
        "history_db_path": str(folder / "history.db"),
    }


@pytest.fixture
def memory(mem0: Any, tmp_path: Path, model_server: ModelServer) -> Iterator[Any]:
    """A memory in the program, whose models are those of the model server."""
    memory = mem0.Memory.from_config(configuration(tmp_path, model_server.url))
    yield memory
    memory.close()
    memory.vector_store.client.close()


ANN = {"user_id": "ann"}


@DIALECTS
def test_mem0(telemetry: Telemetry, memory: Any, semconv: str) -> None:
    telemetry.instrument(memory_stores=True, semconv=semconv, clients=["mem0"], capture="span")
    [kept] = memory.add("I like roses", infer=False, **ANN)["results"]
    memory.search("flowers", filters=ANN, threshold=0.0)
    memory.get(kept["id"])
    memory.get_all(filters=ANN)
    memory.update(kept["id"], "Likes tulips")
    memory.delete(kept["id"])
    memory.delete_all(**ANN)
    assert facts(telemetry) == [
        ("create_memory", None, 1),
        ("search_memory", None, len(records(telemetry.spans[1]) or ())),
        ("search_memory", kept["id"], 1),
        ("search_memory", None, 1),
        ("update_memory", kept["id"], 1),
        ("delete_memory", kept["id"], 1),
        ("delete_memory", None, None),
    ]
    stores = [(span.attributes or {}).get("gen_ai.memory.store.id") for span in telemetry.spans]
    assert stores == ["garden"] * 7
    added, search, found, listed, updated, *_deleted = telemetry.spans
    contents = [[each["content"] for each in records(span)] for span in (added, found, listed)]
    assert contents == [["I like roses"]] * 3
    assert records(updated) == [{"id": kept["id"], "content": "Likes tulips"}]
    assert search.attributes is not None
    assert search.attributes["gen_ai.memory.query.text"] == "flowers"


@ON
def test_calls_of_mem0_to_models_are_calls_inside(
    telemetry: Telemetry, memory: Any, model_server: ModelServer
) -> None:
    facts_of_model = json.dumps({"memory": [{"id": "0", "text": "Likes roses"}]})
    model_server.enqueue(Reply(), Reply(text=facts_of_model))
    memory.add("I like roses", **ANN)
    *calls, added = telemetry.spans
    assert (added.name, added.parent) == ("upsert_memory", None)
    assert {call.name.partition(" ")[0] for call in calls} == {"chat", "embeddings"}
    context = added.get_span_context()
    assert context is not None
    assert {call.parent.span_id for call in calls if call.parent} == {context.span_id}
    assert "roses" not in telemetry.everything()


@ON
def test_asynchronous_mem0(
    telemetry: Telemetry, mem0: Any, tmp_path: Path, model_server: ModelServer
) -> None:
    async def use_it() -> None:
        memory = mem0.AsyncMemory.from_config(configuration(tmp_path, model_server.url))
        await memory.add("I like roses", infer=False, **ANN)
        await memory.get_all(filters=ANN)
        memory.vector_store.client.close()

    asyncio.run(use_it())
    operations = [each for each in facts(telemetry) if "memory" in each[0]]
    assert operations == [("create_memory", None, 1), ("search_memory", None, 1)]
