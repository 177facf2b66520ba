"""The reading of a batch's results: each counts once in the process, as a call that was made before.

The calls of a batch were made before its results are there, and nobody waited for them: results have
tokens and costs, but no span and no duration. The reading has a span, with their sums.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

from callspan.accounting.budgets import Budget
from callspan.accounting.reservations import settle
from callspan.events import Batch, BatchResult, Call, Outcome
from callspan.lifecycle.admission import Admission, admit_begun
from callspan.lifecycle.dispatch import Dispatch, notify, notify_with
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Item, Reading
from callspan.runtime import guard, reentry
from callspan.runtime.background import running_loop
from callspan.runtime.process import own_lock
from callspan.runtime.scope import Context, Scope, context

MOST_RESULTS = 200_000
"""Results that are remembered as counted, twice the largest batch; beyond them the oldest go."""
MOST_FILES = 1000
"""Files of which it is remembered to which batch they belong."""


class Memory:
    """The batches that this process has seen: the results that were counted, and whose files are whose.

    A forked child keeps it, as its parent has counted these results.
    """

    def __init__(self) -> None:
        self._lock = own_lock(self)
        # numbers in place of ids, which would take more memory; a dict keeps their order
        self._results: dict[int, None] = {}
        self._files: dict[str, str] = {}

    def add_result(self, source: tuple[object, ...], name: str | int) -> bool:
        """Remember a result by its name at a source, and return whether it is new."""
        key = hash((source, name))
        with self._lock:
            if key in self._results:
                return False
            if len(self._results) >= MOST_RESULTS:
                del self._results[next(iter(self._results))]
            self._results[key] = None
        return True

    def add_files(self, batch: Batch) -> None:
        """Remember the files of a batch."""
        if batch.id is None:
            return
        with self._lock:
            for file in batch.files:
                self._files.pop(file, None)
                self._files[file] = batch.id
            while len(self._files) > MOST_FILES:
                del self._files[next(iter(self._files))]

    def batch_of(self, file: str) -> str | None:
        """Return the id of the batch to which a file belongs, if this process has seen it."""
        return self._files.get(file)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._results.clear()
            self._files.clear()


memory = Memory()


class BatchObservation(Observation):
    """Follows the reading of a batch's results, and notifies of each one.

    It begins for the handlers with the first result that is new: only then is it known that an
    answer holds any. No budget can refuse it.
    """

    __slots__ = ("_begun", "_budgets", "_position", "_source")

    def __init__(
        self,
        call: Call,
        dispatch: Dispatch,
        scope: Scope,
        reading: Reading,
        admission: Admission | None,
        start_context: Context | None,
    ) -> None:
        # results are no chunks of one answer
        call.stream = False
        # the span belongs where the results were asked for, though it begins where they are read
        if start_context is None:
            start_context = context()
        super().__init__(call, dispatch, scope, reading, False, False, None, start_context)
        self._begun = False
        self._position = 0
        names = (call.parameters.get("batch_id"), call.parameters.get("batch_file_id"))
        self._source = (call.server_address, *names)
        self._budgets: tuple[Budget, ...] = () if admission is None else admission.budgets

    def start(self) -> None:
        """Do nothing: the reading begins with the first result."""

    def chunk(self, item: Item) -> bool:
        """Count the results in an item, all of which the app shall see."""
        self.read_results(item)
        return True

    def answer(self, item: Item) -> None:
        """Count the results in a whole answer, and end the reading."""
        self.read_results(item)
        self.finish()

    def read_results(self, item: Item) -> bool:
        """Count the results in an item, and return whether it is one of a batch's."""
        try:
            delta = self.reading.read(item, self.dispatch.wants_text)
            if delta is None or delta.batch is None:
                return False
            memory.add_files(delta.batch)
            for result in delta.batch.results:
                self._count(result, delta.batch)
        except Exception as error:  # noqa: BLE001  an odd result must not cost the app the others
            guard.report("reading the results of a batch", error)
        return True

    def read_later(self, portions: Iterator[None]) -> None:
        """Have the call await the reading of a large answer, a part of which each step reads."""
        self.awaitables.append(self._read_portions(portions))

    async def _read_portions(self, portions: Iterator[None]) -> None:
        """Read an answer, between other steps of the event loop."""
        try:
            for _ in portions:
                await self.await_handlers()
                if running_loop() is not None:
                    await sys.modules["asyncio"].sleep(0)
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
            guard.report("reading the results of a batch", error)
            self.finish()
        except BaseException as error:
            # the app's task was cancelled
            self.fail(error)
            raise

    def _count(self, result: BatchResult, batch: Batch) -> None:
        """Notify counters, budgets and handlers of a result, unless this process has done so."""
        self._position += 1
        name = self._position if result.id is None else result.id
        if not memory.add_result(self._source, name):
            return
        if not self._begun:
            self._begin()
        reentry.run(partial(self._notify, self._call_of(result, batch)))

    def _begin(self) -> None:
        self._begun = True
        file = self.call.parameters.get("batch_file_id")
        batch = memory.batch_of(file) if isinstance(file, str) else None
        if batch is not None:
            self.call.parameters = {**self.call.parameters, "batch_id": batch}
        super().start()
        # the reader's own code runs between two results
        self.leave()

    def _call_of(self, result: BatchResult, batch: Batch) -> Call:
        """Return the call to which a result is the answer, as one that has ended."""
        reading = self.call
        call = Call(
            result.operation,
            reading.provider,
            batch.model,
            {"processing": "batch"},
            asynchronous=reading.asynchronous,
            server=(reading.server_address, reading.server_port),
            client=(reading.client_name, reading.client_version),
        )
        call.parent = reading
        call.framework = reading.framework
        call.attributes = reading.attributes
        call.context = reading.context
        if result.answer is not None:
            call.response.add(result.answer, self.dispatch.wants_text)
        call.failure = result.failure or call.response.failure
        # also for a request that somebody has cancelled: it was never begun, and has used no tokens
        call.outcome = Outcome.COMPLETED if call.failure is None else Outcome.ERROR
        return call

    def _notify(self, call: Call) -> None:
        if call.uses_tokens:
            notify([("count_tokens", counter.add) for counter in self.scope.counters], call)
        if self._budgets and call.facts.is_billed:
            reservation = admit_begun(Admission(self._budgets))
            notify_with([("budgets", settle)], call, reservation)
        self.keep_answers(notify_with(self.dispatch.batch_results, call, call.response))
