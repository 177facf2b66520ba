"""LangGraph: the methods of its stores. Seen with langgraph-checkpoint 4.3."""

from __future__ import annotations

from typing import Any

from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.function_runs import argument
from callspan.frameworks.memory_stores.memory import (
    MemoryStart,
    Record,
    memory_run,
    method_patches,
)
from callspan.frameworks.reporter import Reporter
from callspan.runtime.patching import Patch

_reporter = Reporter("langgraph_store", "langgraph-checkpoint")
_BASE = "langgraph.store.base"
# stores that do their work in tasks of their own have asynchronous methods of their own
_CLASSES = ((_BASE, "BaseStore"), (f"{_BASE}.batch", "AsyncBatchedBaseStore"))
_IN_PROCESS = "langgraph.store.memory"
"""The module of the store that keeps its records in the program; others have a database."""


def _is_in_process(store: Any) -> bool:
    return type(store).__module__ == _IN_PROCESS


# The namespace is no id of the store: it is the app's path to a record, often with the id of a
# user, so it stands in records alone, which are content.
def _search(store: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    query = argument(args, kwargs, 1, "query")
    return MemoryStart("search_memory", query=query, in_process=_is_in_process(store))


def _get(store: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    key = argument(args, kwargs, 1, "key")
    return MemoryStart("search_memory", key, in_process=_is_in_process(store))


def _put(store: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    namespace = argument(args, kwargs, 0, "namespace")
    key = argument(args, kwargs, 1, "key")
    value = argument(args, kwargs, 2, "value")
    records = [_record(namespace, key, value)]
    return MemoryStart(
        "upsert_memory", key, records=records, count=1, in_process=_is_in_process(store)
    )


def _delete(store: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    key = argument(args, kwargs, 1, "key")
    return MemoryStart("delete_memory", key, count=1, in_process=_is_in_process(store))


def _record(namespace: Any, key: object, value: object) -> Record:
    return {"id": str(key), "content": value, "metadata": {"namespace": list(namespace or ())}}


def _item(item: Any) -> Record:
    record = _record(item.namespace, item.key, item.value)
    score = getattr(item, "score", None)
    if score is not None:
        record["score"] = score
    return record


def _items(result: Any) -> list[Record]:
    return [_item(item) for item in result]


def _one_item(result: Any) -> list[Record]:
    return [] if result is None else [_item(result)]


def patches() -> list[Patch]:
    """Return the patches of both kinds of stores, each with plain and asynchronous methods."""
    methods = {
        "search": memory_run(_reporter, _search, _items),
        "get": memory_run(_reporter, _get, _one_item),
        "put": memory_run(_reporter, _put),
        "delete": memory_run(_reporter, _delete),
    }
    asynchronous = {f"a{name}": wrapper for name, wrapper in methods.items()}
    patches: list[Patch] = []
    for module, class_name in _CLASSES:
        patches += method_patches(module, class_name, methods | asynchronous)
    return patches


LANGGRAPH_STORE = _reporter.integration(
    module=_BASE,
    versions=("2.0", "5"),
    operations=("search_memory", "upsert_memory", "delete_memory"),
    patches=patches,
)
