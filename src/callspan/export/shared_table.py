"""One table of tokens for a program of several processes: the children leave their sums to the first one.

The first process makes a file; each child that ends adds a line to it. Where there is no such file, or its
maker has taken it away already, the child has a table of its own (docs/decisions/0107).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from callspan.export.token_sums import ModelSums
from callspan.runtime import owner_only, process
from callspan.settings.environment import TABLE_FILE, TABLE_PREFIX, is_first_process

# numbers; the costs are an object that works them out late
_SUMS = [field.name for field in fields(ModelSums) if field.name != "costs"]


class SharedTable:
    """The file by which a process's children leave their sums to it.

    Its name stands in the environment under `callspan run`, for processes that were not forked; else forked
    children know it, and it is made at the first fork.
    """

    def __init__(self) -> None:
        self._path = os.environ.get(TABLE_FILE, "")

    def make(self) -> None:
        """Make a file for the children that are forked from now on, unless `callspan run` has named one."""
        if self._path or not is_first_process():
            return
        self._path = owner_only.temporary_name(TABLE_PREFIX)
        # without a file, or a system without such locks, each process has its own table
        with contextlib.suppress(OSError, ImportError):
            import fcntl  # noqa: F401  not on Windows

            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, owner_only.MODE))

    def leave(self, models: Mapping[str, ModelSums]) -> bool:
        """Leave the sums of this child to the first process; return false where it takes none."""
        if not self._path or is_first_process():
            return False
        with contextlib.suppress(OSError, ImportError), _locked(self._path) as descriptor:
            if descriptor is None or not _maker_runs(self._path):
                return False
            line = json.dumps({model: _amounts(sums) for model, sums in models.items()})
            os.write(descriptor, f"{line}\n".encode())
            return True
        return False

    def take(self) -> list[dict[str, ModelSums]]:
        """Return the sums that each child has left; those that end later have a table of their own."""
        if not self._path or not is_first_process():
            return []
        tables: list[dict[str, ModelSums]] = []
        with contextlib.suppress(OSError, ImportError), _locked(self._path) as descriptor:
            if descriptor is None:
                return []
            # within the lock: a child sees that it is gone
            Path(self._path).unlink()
            with os.fdopen(os.dup(descriptor), encoding="utf-8") as file:
                for line in file:
                    table: dict[str, Any] = json.loads(line)
                    tables.append({model: _sums(amounts) for model, amounts in table.items()})
        return tables


@contextlib.contextmanager
def _locked(path: str) -> Iterator[int | None]:
    """Open a file, and keep its lock; `None` if its maker has taken it away meanwhile."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        # held for the writing of a line, so nobody waits long
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor if os.fstat(descriptor).st_nlink else None
    finally:
        os.close(descriptor)


def _maker_runs(path: str) -> bool:
    """Whether the process still runs that the file is named after; it may have been killed."""
    number = Path(path).name.removeprefix(TABLE_PREFIX).partition("-")[0]
    if process.runs(int(number)):
        return True
    Path(path).unlink(missing_ok=True)
    return False


def _amounts(sums: ModelSums) -> dict[str, Any]:
    amounts = {name: getattr(sums, name) for name in _SUMS}
    return {**amounts, "costs": sums.costs.amounts()}


def _sums(amounts: dict[str, Any]) -> ModelSums:
    costs = amounts.pop("costs")
    sums = ModelSums(**amounts)
    sums.costs.add_amounts(*costs)
    return sums


SHARED_TABLE = SharedTable()
