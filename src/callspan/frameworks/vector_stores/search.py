"""A search in a vector store: a retrieval, which a framework's retriever around may stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.events import Call, Parameters
from callspan.frameworks.function_runs import function_run
from callspan.frameworks.integration import Integration
from callspan.frameworks.reporter import Reporter, RunStart
from callspan.runtime import scope
from callspan.runtime.patching import Patch, Wrapper

Document = dict[str, object]
"""A document of a result, as the conventions have it."""


@dataclass(frozen=True, slots=True)
class Search:
    """The facts of a search when it begins.

    Attributes:
        collection: The name of the collection, table or index.
        query: The text of the search; `None` where the app passes a vector.
        limit: The most documents; `None` where the app leaves it to the store.
    """

    collection: object
    query: object = None
    limit: object = None


Describe = Callable[[Any, Args, Kwargs], "Search | None"]
"""Returns the facts of a search from the store's object and the arguments of its method."""


def search_run(
    reporter: Reporter, describe: Describe, read_documents: Callable[[Any], list[Document]]
) -> Wrapper:
    """Return a wrapper for a function that searches a vector store.

    Args:
        reporter: Reports the store's searches.
        describe: Returns the facts of a search; `None` for one that is a part of another.
        read_documents: Returns the documents of a result; called only if content is captured.
    """

    def start(store: Any, args: Args, kwargs: Kwargs) -> RunStart | None:
        search = describe(store, args, kwargs)
        if search is None:
            return None
        collection = str(search.collection)
        limit: Parameters = {"retrieval_top_k": search.limit}
        retrieval = _enclosing_retrieval()
        if retrieval is not None:
            _complete(retrieval, {"data_source_id": collection, **limit})
            return None
        return RunStart("retrieval", collection, search.query, limit)

    return function_run(reporter, start, ResultReader(output=read_documents))


def store_integration(
    reporter: Reporter, module: str, versions: tuple[str, str], patches: Callable[[], list[Patch]]
) -> Integration:
    """Return the integration of a vector store."""
    return reporter.integration(
        module=module,
        versions=versions,
        operations=("retrieval",),
        patches=patches,
    )


def _enclosing_retrieval() -> Call | None:
    """Return the retrieval of a framework's retriever in whose code we are, if any."""
    call = getattr(scope.run_context(), "call", None)
    if call is not None and call.operation == "retrieval":
        return call
    return None


def _complete(retrieval: Call, parameters: Parameters) -> None:
    """Add the facts that only the store knows to the retrieval of a framework."""
    retrieval.update({**parameters, **retrieval.parameters})


def document(
    document_id: object, content: object, *, score: object = None, distance: object = None
) -> Document:
    """Return a document of a result: the higher the score, or the less the distance, the better.

    Stores give one of both; the conventions know the score alone.
    """
    result: Document = {"id": None if document_id is None else str(document_id)}
    if score is not None:
        result["score"] = score
    if distance is not None:
        result["distance"] = distance
    result["content"] = content
    return result


def query_text(query: object) -> object:
    """Return a query if it is text, or texts; a vector is none."""
    if isinstance(query, str):
        return query
    if not isinstance(query, (list, tuple)):
        return None
    texts = [each for each in query if isinstance(each, str)]
    if len(texts) == 1:
        return texts[0]
    return texts or None


def with_plain_values(row: Mapping[Any, object], leave_out: Iterable[str]) -> dict[str, object]:
    """Return the fields of a row that are text, numbers or truth values: vectors are left out."""
    plain: dict[str, object] = {}
    for name, value in row.items():
        if name not in leave_out and isinstance(value, (str, int, float, bool)):
            plain[str(name)] = value
    return plain
