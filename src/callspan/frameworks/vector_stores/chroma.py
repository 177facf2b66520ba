"""Chroma: `query` and `search` of a collection. Seen with chromadb 1.5."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
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
)
from callspan.runtime.patching import Patch

_reporter = Reporter("chroma", "chromadb")


def _query(collection: Any, args: Args, kwargs: Kwargs) -> Search:
    return Search(
        collection.name,
        query_text(argument(args, kwargs, 1, "query_texts")),
        argument(args, kwargs, 5, "n_results"),
    )


def _search(collection: Any, _args: Args, _kwargs: Kwargs) -> Search:
    # its query is an expression over vectors and fields
    return Search(collection.name)


def _documents(result: Mapping[str, Any]) -> list[Document]:
    """Return the documents of a result, which has a list of columns for each query."""
    documents: list[Document] = []
    columns = ("ids", "documents", "distances", "scores")
    for of_query in zip_longest(*(result.get(name) or [] for name in columns), fillvalue=[]):
        rows = zip_longest(*(column or [] for column in of_query))
        for document_id, content, distance, score in rows:
            documents.append(document(document_id, content, distance=distance, score=score))
    return documents


def patches() -> list[Patch]:
    """Return the patches of collections, plain and asynchronous."""
    query = search_run(_reporter, _query, _documents)
    search = search_run(_reporter, _search, _documents)
    return [
        Patch("chromadb.api.models.Collection", "Collection.query", query),
        Patch("chromadb.api.models.Collection", "Collection.search", search, optional=True),
        Patch("chromadb.api.models.AsyncCollection", "AsyncCollection.query", query),
        Patch(
            "chromadb.api.models.AsyncCollection", "AsyncCollection.search", search, optional=True
        ),
    ]


CHROMA = store_integration(_reporter, "chromadb", ("1", "2"), patches)
