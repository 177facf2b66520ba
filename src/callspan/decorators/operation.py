"""Operations of the app's own code: begin one, run code inside it, and end it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

from callspan.decorators.output import Output
from callspan.decorators.results import PLAIN_RESULTS, ResultReader
from callspan.decorators.run_context import (
    OperationContext,
    RunContext,
    agent_parameters,
    closing_reader,
    is_reported_by_framework,
)
from callspan.events import Call
from callspan.lifecycle.control_flow import is_control_flow
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.lifecycle.streams import on_drop
from callspan.runtime import guard, scope
from callspan.runtime.background import outside_collector
from callspan.runtime.scope import Scope

ObservationFactory = Callable[[Call, Reading, Scope], Observation]
"""Returns an observation of a call in a scope; the reading says how its result is read."""
# read at each call: `instrument()` may come after the functions are decorated
_create_observation: ObservationFactory | None = None
_NOT_OF_CLOSING = (Exception, KeyboardInterrupt, SystemExit)
"""Exceptions that do not come of the closing of a generator or the cancelling of a task."""
_GENERATOR_ENDS = (StopIteration, StopAsyncIteration)


def subscribe(create_observation: ObservationFactory | None) -> None:
    """Observe operations with this factory from now on; with `None` no new ones are begun."""
    global _create_observation
    _create_observation = create_observation


def is_subscribed() -> bool:
    """Whether operations are observed."""
    return _create_observation is not None


class Operation(Output):
    """An operation of the app's own code while it runs.

    The code runs in `with`: all at once or, for a generator, step by step. An exception ends it.
    """

    __slots__ = (
        "_before",
        "_context",
        "_observation",
        "_run_context",
        "_token",
    )

    def __init__(
        self,
        observation: Observation | None = None,
        outer_run_context: RunContext = None,
        reader: ResultReader = PLAIN_RESULTS,
    ) -> None:
        super().__init__(reader)
        self._token: Any = None
        self._before: Any = None
        self._context: Any = None
        self._run_context: Any = None
        self._observation = observation
        if observation is not None:
            observation.start()
            # the span's context is put in force around the code alone, step by step
            observation.leave()
            call = observation.call
            # a framework's facts without run and tags, for the calls made inside
            framework = None
            if call.framework is not None:
                framework = call.framework.of_calls_inside()
            self._run_context = OperationContext(call, outer_run_context, framework)
            self._context = scope.at(self._run_context, call.context)

    def __enter__(self) -> Operation:
        """Put the context of the operation in force for code of it."""
        # none where nobody observes the operation: then its code runs as it is
        if self._context is not None:
            self._before = scope.context()
            self._token = scope.enter(self._context)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Put the context back, and end the operation if an exception left the code."""
        if self._token is None:
            return
        if self._may_leave() and not self._leave_context():
            # the steps of a generator may be run in copies of one context, whose token is foreign
            scope.enter(self._before)
        self._before = self._token = None
        if error is not None:
            self.end(error)

    def _may_leave(self) -> bool:
        """Whether leaving puts nothing else out of force.

        A coroutine or a block may be left where something else has begun since.
        """
        if self.items is not None:
            return True
        return self._run_context.is_around(scope.run_context())

    def _leave_context(self) -> bool:
        """Leave the context, and keep its changes; `False` if its token is of another context."""
        # the next step of a generator finds in force whatever this step has put in force
        self._context = scope.context()
        return scope.leave(self._token)

    @property
    def call(self) -> Call | None:
        """The observed call; `None` once the operation has ended."""
        if self._observation is None:
            return None
        return self._observation.call

    @property
    def context(self) -> Any:
        """The context for code of the operation; `None` once it has ended."""
        return self._context

    @property
    def is_running(self) -> bool:
        """Whether some of its code is running."""
        return self._token is not None

    @property
    def is_running_here(self) -> bool:
        """Whether the code that runs here is its own, rather than a task's or a thread's."""
        return self._context is scope.context()

    def finish(self, result: object) -> None:
        """End the operation with the result of its function, unless it lasts as long as that."""
        if not self._is_followed(result):
            self.result = result
            self.end()

    def _is_followed(self, result: object) -> bool:
        follow = self.reader.follow
        if follow is None:
            return False
        try:
            return follow(self, result)
        except Exception as error:  # noqa: BLE001  an object of another version must reach the app
            guard.report("following a run of a framework", error)
            return False

    def end(self, error: BaseException | None = None) -> None:
        """End the operation with its result or with an exception; a second call does nothing."""
        observation = self._observation
        run_context = self._run_context
        # code that still runs leaves its context later, by these two
        if not self.is_running:
            self._context = self._run_context = None
        if observation is None or observation.ended:
            return
        error = self._true_error(observation, run_context, error)
        if error is None:
            # what the result says counts before what code inside knows, such as a request of MCP
            failure = self.find_failure()
            response = observation.call.response
            response.failure = failure or run_context.failure
            response.details.update(self.find_details())
        if self.result is None:
            self.result = run_context.result
        output = self.content() if observation.needs_text else None
        # the garbage collector may be the one that ends it, by closing a coroutine or a generator
        outside_collector(partial(_end, observation, output, error))
        if not observation.awaitables:
            # the traceback of an exception refers to this object and would keep all of it alive
            self._observation = None

    def _true_error(
        self, observation: Observation, run_context: RunContext, error: BaseException | None
    ) -> BaseException | None:
        """Return the error that counts; `None` if the operation has not failed.

        Code that is closed or cancelled has one of two causes: the reader of this operation, or of
        one around it, has left; or the framework closes it.
        """
        if self.items is not None and isinstance(error, _GENERATOR_ENDS):
            # a generator that has no more items raises it
            return None
        if error is None or isinstance(error, _NOT_OF_CLOSING):
            return error
        # asked of the runs around: ADK drives an agent in a task of its own, which it cancels
        # when the reader of the turn has left (test_google_adk.py)
        reader = closing_reader(getattr(run_context, "outer", None))
        if reader is not None:
            # a framework may cancel a task of its own, which the app has not cancelled
            observation.set_reader(reader)
            return GeneratorExit()
        if isinstance(error, GeneratorExit) and self.is_whole_when_closed:
            return None
        return error

    def note_closing(self) -> None:
        """Note that the reader has left, before the code is closed."""
        if self._observation is not None and self._run_context is not None:
            self._run_context.closing_reader = self._observation.reader

    async def settle(self) -> None:
        """Await the handlers that asked to be awaited."""
        observation = self._observation
        if observation is not None:
            await observation.await_handlers()
            # a handler may be awaited before the end, too
            if observation.ended:
                self._observation = None

    def keep_item(self, item: object) -> None:
        """Keep an item of a generator, if any handler reads it and there is room."""
        self.last_item = item
        observation = self._observation
        if observation is not None and observation.needs_text:
            self.add_item(item, observation.call)

    def note_reader(self) -> None:
        """Note the running task as the one that reads the items: its cancellation is theirs."""
        if self._observation is not None:
            self._observation.note_reader()

    def end_when_dropped(self, owner: object) -> None:
        """End the operation at the latest when an object is garbage: code that nobody runs."""
        if self._observation is not None:
            on_drop(owner, self._observation)


def begin(call: Call, reading: Reading) -> Operation | None:
    """Begin an operation of the app's own.

    Returns:
        `None` if nothing is observed, telemetry is suppressed, or a framework reports it already.
    """
    create_observation = _create_observation
    suppressed, run_context, current_scope = scope.look(scope.context())
    if create_observation is None or suppressed:
        return None
    try:
        if call.operation == "execute_tool":
            # an app may decorate a function that is a framework's tool as well
            if is_reported_by_framework(run_context, call):
                return None
            # a copy, for the decorator gives the same parameters to each call
            call.parameters = {**call.parameters, **agent_parameters(run_context)}
        observation = create_observation(call, reading, current_scope)
        return Operation(observation, run_context)
    except Exception as error:  # noqa: BLE001  our fault must not stop the app's code
        guard.report(f"beginning {call.operation}", error)
        return None


def _end(observation: Observation, output: object, error: BaseException | None) -> None:
    """End an observation by its output and its exception."""
    if output is not None and observation.needs_text:
        _record_output(observation, output)
    if isinstance(error, GeneratorExit):
        # the reader left, or its task was cancelled: the observation looks which of them it was
        observation.drop()
    elif error is None or is_control_flow(error):
        observation.finish()
    else:
        observation.fail(error)


def _record_output(observation: Observation, output: object) -> None:
    """Add the output to the call's response."""
    try:
        delta = observation.read(output, True)
        if delta is not None:
            observation.call.response.add(delta)
    except Exception as error:  # noqa: BLE001  odd results must not keep a span open
        guard.report(f"reading what {observation.call.operation} gave", error)
