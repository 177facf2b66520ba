"""The open runs of a framework, by the ids that it gives to them."""

from __future__ import annotations

from collections.abc import Iterator

from callspan.frameworks.run import Run, RunId, enclosing_run
from callspan.runtime import scope


class OpenRuns:
    """The open runs of one framework by their ids.

    Several runs may share an id, a workflow's for example, so the very object of the id tells
    them apart. There is no lock, which a fork could leave taken for ever: each step is one
    operation of a dictionary.
    """

    def __init__(self) -> None:
        self._by_object: dict[int, Run] = {}
        self._last_by_id: dict[RunId, Run] = {}

    def __len__(self) -> int:
        """Return the number of open runs."""
        return len(self._by_object)

    def __iter__(self) -> Iterator[Run]:
        """Iterate over a copy of the runs, as other threads add and remove some meanwhile."""
        return iter(list(self._by_object.values()))

    def get_exact(self, run_id: RunId) -> Run | None:
        """Return the open run whose id is this very object."""
        # an open run holds its id, so no other object can have that address meanwhile
        return self._by_object.get(id(run_id))

    def get(self, run_id: RunId) -> Run | None:
        """Return the open run with this id.

        Of several it is the one whose id is the very object, else the one in whose code we are,
        else the last.
        """
        run = self.get_exact(run_id)
        if run is not None:
            return run
        last = self._last_by_id.get(run_id)
        if last is None:
            return None
        return self._get_enclosing(run_id) or last

    def _get_enclosing(self, run_id: RunId) -> Run | None:
        """Return the innermost run with this id around the running code."""
        run = enclosing_run(scope.run_context())
        # two runs with one id may be open, one inside the other (test_run_ids.py)
        while run is not None and (run.id != run_id or run.over):
            run = enclosing_run(run.outer)
        return run

    def add(self, run: Run) -> None:
        """Keep a run until it ends."""
        self._by_object[id(run.id)] = run
        self._last_by_id[run.id] = run

    def take(self, run_id: RunId) -> Run | None:
        """Return a run that ends, and forget it; `None` if it is unknown or has ended before."""
        run = self.get(run_id)
        if run is None:
            return None
        # another thread may have taken it meanwhile
        if not self.remove(run):
            return None
        return run

    def remove(self, run: Run) -> bool:
        """Forget a run and return whether it was open until now."""
        # `pop` is one step, so of two threads one gets the run
        was_open = self._by_object.pop(id(run.id), None) is run
        # a later run with an equal id keeps its entry
        if self._last_by_id.get(run.id) is run:
            self._last_by_id.pop(run.id, None)
        if was_open:
            run.leave_parent()
        return was_open
