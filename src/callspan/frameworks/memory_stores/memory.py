"""One operation of a store of memories, as a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from callspan.decorators.operation_types import MemoryInput
from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.events import Details, Parameters
from callspan.frameworks.function_runs import function_run
from callspan.frameworks.reporter import Reporter, RunStart
from callspan.runtime.patching import Patch, Wrapper

Record = dict[str, object]
"""A record as the conventions have it: `id`, `content`, and further facts of the store's."""
MemoryOperation = Literal[
    "search_memory", "create_memory", "update_memory", "upsert_memory", "delete_memory"
]


@dataclass(frozen=True, slots=True)
class MemoryStart:
    """The facts of an operation when it begins.

    Attributes:
        operation: The conventions' name; reading one record by its id is a search as well.
        record_id: The id of the one record that is read or changed.
        query: The text of a search.
        records: The records that are to be kept.
        count: How many records are to be changed; `None` where that is not known yet.
        store_id: The id of the store, if it has one.
        in_process: Whether the store is in the program.
    """

    operation: MemoryOperation
    record_id: object = None
    query: object = None
    records: list[Record] = field(default_factory=list)
    count: int | None = None
    store_id: object = None
    in_process: bool = False


Describe = Callable[[Any, Args, Kwargs], MemoryStart]
"""Returns the facts of an operation from the store and the arguments of its method."""
ReadRecords = Callable[[Any], "list[Record] | None"]
"""Returns the records in the result of an operation; `None` for one that tells of none."""


def memory_run(
    reporter: Reporter, describe: Describe, read_records: ReadRecords | None = None
) -> Wrapper:
    """Return a wrapper for a method of a store.

    Args:
        reporter: Reports the store's operations.
        describe: Returns the facts of an operation.
        read_records: Returns the records of a result, which are counted and, where content is
            captured, recorded; `None` for methods whose results are no records.
    """

    def start(store: Any, args: Args, kwargs: Kwargs) -> RunStart:
        facts = describe(store, args, kwargs)
        parameters: Parameters = {
            "memory_store_id": facts.store_id,
            "memory_record_id": facts.record_id,
            "memory_record_count": facts.count,
        }
        query = facts.query if isinstance(facts.query, str) else None
        return RunStart(
            facts.operation,
            input=MemoryInput(query, facts.records),
            parameters=parameters,
            in_process=facts.in_process,
        )

    return function_run(reporter, start, _reader(read_records))


def _reader(read_records: ReadRecords | None) -> ResultReader:
    if read_records is None:
        return ResultReader(output=_no_records)

    def count(result: Any) -> Details:
        records = read_records(result)
        if records is None:
            return {}
        return {"memory_record_count": len(records)}

    return ResultReader(output=read_records, details=count)


def _no_records(_result: object) -> None:
    return None


def method_patches(module: str, class_name: str, methods: Mapping[str, Wrapper]) -> list[Patch]:
    """Return the patches of methods of one class, with their wrappers by their names."""
    return [Patch(module, f"{class_name}.{name}", wrapper) for name, wrapper in methods.items()]
