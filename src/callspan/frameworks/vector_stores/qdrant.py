"""Qdrant: the queries of its clients. Seen with qdrant-client 1.20."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument
from callspan.frameworks.reporter import Reporter
from callspan.frameworks.vector_stores.search import (
    Document,
    Search,
    document,
    search_run,
    store_integration,
)
from callspan.runtime.patching import Patch

_reporter = Reporter("qdrant", "qdrant-client")
_MODULES = ("qdrant_client.qdrant_client", "qdrant_client.async_qdrant_client")


def _points(_client: Any, args: Args, kwargs: Kwargs) -> Search:
    query = argument(args, kwargs, 1, "query")
    return _search(args, kwargs, query, argument(args, kwargs, 6, "limit"))


def _groups(_client: Any, args: Args, kwargs: Kwargs) -> Search:
    query = argument(args, kwargs, 2, "query")
    return _search(args, kwargs, query, argument(args, kwargs, 7, "limit"))


def _batch(_client: Any, args: Args, kwargs: Kwargs) -> Search:
    return _search(args, kwargs, None, None)


def _search(args: Args, kwargs: Kwargs, query: Any, limit: object) -> Search:
    # a text that Qdrant embeds is the `text` of a `Document`; a bare text is the id of a point
    text = getattr(query, "text", None)
    return Search(argument(args, kwargs, 0, "collection_name"), text, limit)


def _documents(points: Iterable[Any]) -> list[Document]:
    return [document(point.id, point.payload, score=point.score) for point in points]


def _documents_of_groups(result: Any) -> list[Document]:
    documents: list[Document] = []
    for group in result.groups:
        documents += _documents(group.hits)
    return documents


def _documents_of_batch(results: Any) -> list[Document]:
    documents: list[Document] = []
    for result in results:
        documents += _documents(result.points)
    return documents


def patches() -> list[Patch]:
    """Return the patches of the plain and the asynchronous client."""
    points = search_run(_reporter, _points, lambda result: _documents(result.points))
    groups = search_run(_reporter, _groups, _documents_of_groups)
    batch = search_run(_reporter, _batch, _documents_of_batch)
    patches: list[Patch] = []
    for module, client in zip(_MODULES, ("QdrantClient", "AsyncQdrantClient"), strict=True):
        patches += [
            Patch(module, f"{client}.query_points", points),
            Patch(module, f"{client}.query_points_groups", groups),
            Patch(module, f"{client}.query_batch_points", batch),
        ]
    return patches


QDRANT = store_integration(_reporter, "qdrant_client", ("1.12", "2"), patches)
