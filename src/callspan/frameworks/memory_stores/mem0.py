"""mem0: the methods of its memory in the program, plain and asynchronous. Seen with mem0ai 2.2."""

from __future__ import annotations

from typing import Any

from callspan.decorators.running import Args, Kwargs
from callspan.formats.fields import get
from callspan.frameworks.function_runs import argument
from callspan.frameworks.memory_stores.memory import (
    MemoryOperation,
    MemoryStart,
    Record,
    memory_run,
    method_patches,
)
from callspan.frameworks.reporter import Reporter
from callspan.runtime.patching import Patch

_reporter = Reporter("mem0", "mem0ai")
_MODULE = "mem0.memory.main"
_PLACES = ("id", "memory", "score")
"""The fields of a result that have a place of their own in a record."""


def _start(memory: Any, operation: MemoryOperation, **facts: Any) -> MemoryStart:
    store_id = getattr(memory, "collection_name", None)
    return MemoryStart(operation, store_id=store_id, in_process=True, **facts)


def _add(memory: Any, _args: Args, kwargs: Kwargs) -> MemoryStart:
    # a model reads the messages, and decides what is kept and what replaces what
    infers = kwargs.get("infer", True)
    return _start(memory, "upsert_memory" if infers else "create_memory")


def _search(memory: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    return _start(memory, "search_memory", query=argument(args, kwargs, 0, "query"))


def _get(memory: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    return _start(memory, "search_memory", record_id=argument(args, kwargs, 0, "memory_id"))


def _get_all(memory: Any, _args: Args, _kwargs: Kwargs) -> MemoryStart:
    return _start(memory, "search_memory")


def _update(memory: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    memory_id = argument(args, kwargs, 0, "memory_id")
    # `data` is the older name
    text = argument(args, kwargs, 1, "text") or kwargs.get("data")
    records: list[Record] = [{"id": str(memory_id), "content": text}]
    return _start(memory, "update_memory", record_id=memory_id, records=records, count=1)


def _delete(memory: Any, args: Args, kwargs: Kwargs) -> MemoryStart:
    memory_id = argument(args, kwargs, 0, "memory_id")
    return _start(memory, "delete_memory", record_id=memory_id, count=1)


def _delete_all(memory: Any, _args: Args, _kwargs: Kwargs) -> MemoryStart:
    return _start(memory, "delete_memory")


def _results(result: Any) -> list[Record] | None:
    results = get(result, "results")
    if not isinstance(results, list):
        return None
    return [_record(each) for each in results]


def _one_result(result: Any) -> list[Record]:
    return [] if result is None else [_record(result)]


def _record(item: Any) -> Record:
    record: Record = {"id": str(get(item, "id")), "content": get(item, "memory")}
    score = get(item, "score")
    if score is not None:
        record["score"] = score
    rest = {name: value for name, value in item.items() if name not in _PLACES}
    if rest:
        record["metadata"] = rest
    return record


def patches() -> list[Patch]:
    """Return the patches of both classes."""
    methods = {
        "add": memory_run(_reporter, _add, _results),
        "search": memory_run(_reporter, _search, _results),
        "get": memory_run(_reporter, _get, _one_result),
        "get_all": memory_run(_reporter, _get_all, _results),
        "update": memory_run(_reporter, _update),
        "delete": memory_run(_reporter, _delete),
        "delete_all": memory_run(_reporter, _delete_all),
    }
    return [
        *method_patches(_MODULE, "Memory", methods),
        *method_patches(_MODULE, "AsyncMemory", methods),
    ]


MEM0 = _reporter.integration(
    module=_MODULE,
    versions=("2.2", "3"),
    operations=(
        "search_memory",
        "create_memory",
        "upsert_memory",
        "update_memory",
        "delete_memory",
    ),
    patches=patches,
)
