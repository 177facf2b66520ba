"""Pinecone: `query` and `search` of an index. Seen with pinecone 10.2."""

from __future__ import annotations

from typing import Any

from callspan.decorators.running import Args, Kwargs
from callspan.formats.fields import get
from callspan.frameworks.reporter import Reporter
from callspan.frameworks.vector_stores.search import (
    Document,
    Search,
    document,
    query_text,
    search_run,
    store_integration,
    with_plain_values,
)
from callspan.runtime.patching import Patch

_reporter = Reporter("pinecone", "pinecone")
_INDEXES = (
    ("pinecone.index", "Index"),
    ("pinecone.async_client.async_index", "AsyncIndex"),
    ("pinecone.grpc", "GrpcIndex"),
)


def _query(index: Any, _args: Args, kwargs: Kwargs) -> Search:
    return Search(_name(index, kwargs), None, kwargs.get("top_k"))


def _search(index: Any, _args: Args, kwargs: Kwargs) -> Search:
    # older programs pass all of it in `query`
    query = kwargs.get("query")
    inputs = kwargs.get("inputs") or get(query, "inputs")
    limit = kwargs.get("top_k")
    if limit is None:
        limit = get(query, "top_k")
    return Search(_name(index, kwargs), query_text(get(inputs, "text")), limit)


def _name(index: Any, kwargs: Kwargs) -> str:
    """Return the host and the namespace: an index does not know its own name."""
    host = index.host.partition("://")[2] or index.host
    namespace = kwargs.get("namespace")
    if not namespace:
        return host
    return f"{host}/{namespace}"


def _matches(result: Any) -> list[Document]:
    documents: list[Document] = []
    for match in result.matches:
        metadata = with_plain_values(match.metadata or {}, ())
        documents.append(document(match.id, metadata, score=match.score))
    return documents


def _hits(result: Any) -> list[Document]:
    documents: list[Document] = []
    for hit in result.result.hits:
        fields = with_plain_values(hit.fields or {}, ())
        documents.append(document(hit.id, fields, score=hit.score))
    return documents


def patches() -> list[Patch]:
    """Return the patches of the three kinds of indexes."""
    query = search_run(_reporter, _query, _matches)
    search = search_run(_reporter, _search, _hits)
    patches: list[Patch] = []
    for module, index in _INDEXES:
        patches += [
            Patch(module, f"{index}.query", query),
            Patch(module, f"{index}.search", search),
        ]
    return patches


PINECONE = store_integration(_reporter, "pinecone", ("10", "11"), patches)
