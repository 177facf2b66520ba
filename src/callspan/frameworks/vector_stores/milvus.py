"""Milvus: the searches of `MilvusClient`. Seen with pymilvus 3.0."""

from __future__ import annotations

from typing import Any

from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument
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

_reporter = Reporter("milvus", "pymilvus")
_PACKAGE = "pymilvus.milvus_client"
_CLIENTS = (("milvus_client", "MilvusClient"), ("async_milvus_client", "AsyncMilvusClient"))


def _search(_client: Any, args: Args, kwargs: Kwargs) -> Search:
    query = query_text(argument(args, kwargs, 1, "data"))
    return _facts(args, kwargs, query)


def _hybrid_search(_client: Any, args: Args, kwargs: Kwargs) -> Search:
    texts: list[str] = []
    for request in argument(args, kwargs, 1, "reqs") or ():
        texts += [each for each in request.data if isinstance(each, str)]
    return _facts(args, kwargs, query_text(texts))


def _facts(args: Args, kwargs: Kwargs, query: object) -> Search:
    collection = argument(args, kwargs, 0, "collection_name")
    return Search(collection, query, argument(args, kwargs, 3, "limit"))


def _documents(results: Any) -> list[Document]:
    documents: list[Document] = []
    for hits in results:
        for hit in hits:
            content = with_plain_values(hit.get("entity") or {}, ())
            documents.append(document(hit.get("id"), content, distance=hit.get("distance")))
    return documents


def patches() -> list[Patch]:
    """Return the patches of the plain and the asynchronous client."""
    search = search_run(_reporter, _search, _documents)
    hybrid_search = search_run(_reporter, _hybrid_search, _documents)
    patches: list[Patch] = []
    for module, client in _CLIENTS:
        patches += [
            Patch(f"{_PACKAGE}.{module}", f"{client}.search", search),
            Patch(f"{_PACKAGE}.{module}", f"{client}.hybrid_search", hybrid_search),
        ]
    return patches


MILVUS = store_integration(_reporter, "pymilvus", ("2.6", "4"), patches)
