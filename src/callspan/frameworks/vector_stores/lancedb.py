"""LanceDB: queries are built step by step, and run where their rows are asked for. Seen with 0.40."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from callspan.decorators.running import Args, Kwargs
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
from callspan.runtime import guard
from callspan.runtime.patching import Patch

_reporter = Reporter("lancedb", "lancedb")
_MODULE = "lancedb.query"
_BUILDERS = ("LanceVectorQueryBuilder", "LanceFtsQueryBuilder", "LanceHybridQueryBuilder")
_SCORES = ("_relevance_score", "_score", "_distance")
"""The columns that say how well a row fits."""
_parts: weakref.WeakSet[Any] = weakref.WeakSet()
"""The two queries of which a hybrid one is made; they run in threads of their own."""


def _search(query: Any, _args: Args, _kwargs: Kwargs) -> Search | None:
    if query in _parts:
        return None
    text = query_text(getattr(query, "_query", None))
    if text is None:
        text = getattr(query, "_str_query", None)
    return Search(query._table.name, text, query._limit)


def _asynchronous_search(query: Any, _args: Args, _kwargs: Kwargs) -> Search | None:
    if query._table is None:
        return None
    facts = query.to_query_object()
    # a query that only filters is no search
    if facts.vector is None and facts.full_text_query is None:
        return None
    return Search(query._table.name, None, facts.limit)


def note_parts(wrapped: Callable[..., Any], hybrid_query: Any, args: Args, kwargs: Kwargs) -> Any:
    """Note the two queries that a hybrid one makes: they are no searches of their own."""
    result = wrapped(*args, **kwargs)
    try:
        _parts.add(hybrid_query._fts_query)
        _parts.add(hybrid_query._vector_query)
    except Exception as error:  # noqa: BLE001  a query of another version must go on
        guard.report("reading a hybrid query of LanceDB", error)
    return result


def _documents(table: Any) -> list[Document]:
    """Return the rows of an Arrow table; the vectors are left out."""
    documents: list[Document] = []
    for row in table.to_pylist():
        score = row.get("_relevance_score", row.get("_score"))
        content = with_plain_values(row, ("id", *_SCORES))
        documents.append(
            document(row.get("id"), content, score=score, distance=row.get("_distance"))
        )
    return documents


def patches() -> list[Patch]:
    """Return the patches of the methods by which all others get the rows of a query."""
    search = search_run(_reporter, _search, _documents)
    asynchronous_search = search_run(_reporter, _asynchronous_search, _documents)
    patches = [Patch(_MODULE, f"{builder}.to_arrow", search) for builder in _BUILDERS]
    return [
        *patches,
        Patch(_MODULE, "LanceHybridQueryBuilder._create_query_builders", note_parts, optional=True),
        Patch(_MODULE, "AsyncQueryBase.to_arrow", asynchronous_search),
    ]


LANCEDB = store_integration(_reporter, "lancedb", ("0.40", "1"), patches)
