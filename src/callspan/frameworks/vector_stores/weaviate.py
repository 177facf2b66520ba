"""Weaviate: the searches of a collection's `query`. Seen with weaviate-client 4.24."""

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

_reporter = Reporter("weaviate", "weaviate-client")
# Each method has a class of its own, which the plain and the asynchronous client share.
_METHODS = {
    "near_text": "_NearTextQueryExecutor",
    "near_vector": "_NearVectorQueryExecutor",
    "near_object": "_NearObjectQueryExecutor",
    "near_image": "_NearImageQueryExecutor",
    "near_media": "_NearMediaQueryExecutor",
    "hybrid": "_HybridQueryExecutor",
    "bm25": "_BM25QueryExecutor",
}
_OF_TEXTS = ("near_text", "hybrid", "bm25")
"""The methods whose first argument is the text of the search."""


def _text_search(collection: Any, args: Args, kwargs: Kwargs) -> Search:
    query = query_text(argument(args, kwargs, 0, "query"))
    return Search(collection._name, query, kwargs.get("limit"))


def _search(collection: Any, _args: Args, kwargs: Kwargs) -> Search:
    return Search(collection._name, None, kwargs.get("limit"))


def _documents(result: Any) -> list[Document]:
    documents: list[Document] = []
    for each in result.objects:
        content = with_plain_values(each.properties, ())
        score, distance = each.metadata.score, each.metadata.distance
        documents.append(document(each.uuid, content, score=score, distance=distance))
    return documents


def patches() -> list[Patch]:
    """Return the patches of the methods."""
    patches: list[Patch] = []
    for method, class_name in _METHODS.items():
        describe = _text_search if method in _OF_TEXTS else _search
        patches.append(
            Patch(
                f"weaviate.collections.queries.{method}.query.executor",
                f"{class_name}.{method}",
                search_run(_reporter, describe, _documents),
            )
        )
    return patches


WEAVIATE = store_integration(_reporter, "weaviate", ("4.24", "5"), patches)
