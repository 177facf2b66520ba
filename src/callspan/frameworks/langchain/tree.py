"""The tree of LangChain's open runs, which become observations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

from callspan.events import Call, Content, Parameters
from callspan.formats.format import read_nothing
from callspan.frameworks.integration import ObservationFactory
from callspan.frameworks.langchain import request_reader, result_reader, states
from callspan.frameworks.langchain.facts import read_framework
from callspan.frameworks.langchain.operations import Operation, chain_name
from callspan.frameworks.open_runs import OpenRuns
from callspan.frameworks.run import Arguments, ModelRun, Run, enclosing_run
from callspan.lifecycle.control_flow import is_control_flow
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.runtime import scope

AnyRun = TypeVar("AnyRun", bound=Run)
# results of chains and tools are objects: `run_events` puts them into the response
_NO_ANSWERS = Reading(read_nothing)
_MODEL_RESULTS = Reading(result_reader.read)


class Tree:
    """All open runs that LangChain has reported.

    Attributes:
        create_observation: The factory of observations. While it is `None` no run begins, and
            those that are open still end.
        everywhere: Whether all runs are reported, or only those of handlers that the app itself
            has given to LangChain.
        runs: The open runs.
    """

    def __init__(self) -> None:
        self.create_observation: ObservationFactory | None = None
        self.everywhere = False
        self.runs = OpenRuns()

    def begin(self, arguments: Arguments, run_type: type[AnyRun]) -> AnyRun | None:
        """Return a new run, or `None` if it is open already or nothing is observed here."""
        run_id = arguments.get("run_id")
        if run_id is None or self.create_observation is None:
            return None
        # several handlers report one run
        if self.runs.get_exact(run_id) is not None or scope.suppressed():
            return None
        parent = self.runs.get(arguments.get("parent_run_id"))
        if parent is None:
            # LangChain loses the parent in threads, and in the app's own code within a run
            parent = enclosing_run(scope.run_context())
        run = run_type(run_id, parent, arguments, read_framework)
        self.runs.add(run)
        return run

    def start_operation(
        self, run: Run, operation: Operation, content: Callable[[], Content] = Content
    ) -> None:
        """Make a run an observed operation."""
        name, parameters = operation
        # LangChain passes `None` or an empty text for what it does not know
        values = {key: value for key, value in parameters.items() if value}
        call = Call(name, "", None, cast("Parameters", values), content=content)
        self._observe(run, call, _NO_ANSWERS)

    def start_chain(self, run: Run, operation: Operation) -> None:
        """Make the run of a chain an observed operation, with its input as content."""
        content: Callable[[], Content] = Content
        if operation[0] in states.OPERATIONS:
            content = partial(states.question, run.input)
        self.start_operation(run, operation, content)

    def start_graph(self, run: Run) -> None:
        """Make a run an operation because it is a graph: a node has begun in it.

        The first nodes of a graph may begin in several threads at once: one of them makes it an
        operation, and the others wait for that.
        """
        with run.exclusive():
            if run.observation is not None or run.over:
                return
            name = chain_name(run.arguments, None)
            self.start_chain(run, ("invoke_workflow", {"workflow_name": name}))
            # children that began before stand in the context without the graph's span
            for child in list(run.children):
                child.move_into(run)

    def _observe(self, run: Run, call: Call, reading: Reading) -> None:
        call.framework = run.framework
        create_observation = self.create_observation
        if create_observation is None:
            return
        with run.exclusive():
            # another thread may have closed it, with all that was open in its parent
            if not run.over:
                run.start_observation(create_observation(call, reading, run.base))

    def model_observation(self, run: ModelRun, stream: bool) -> Observation | None:
        """Return the observation of a model's run that no client's call and no other run reports.

        It begins with the first call of this method. Runs that one request answers share it.
        """
        # the first one's lock, whichever run asks, for they share the observation
        with run.group[0].exclusive():
            if run.observation is None and not (run.adopted or run.delegated):
                first = _first_observed(run)
                if first is run:
                    operation, prompts = run.model_input
                    call = request_reader.read_call(operation, run.arguments, prompts, stream)
                    self._observe(run, call, _MODEL_RESULTS)
                run.observation = first.observation
        return run.observation

    def take(self, arguments: Arguments) -> Run | None:
        """Return the run that ends, and forget it; `None` if it is unknown."""
        run = self.runs.take(arguments.get("run_id"))
        # on Python 3.10 alone, see `_NODES_SHARE_CONTEXT`
        if run is not None and run.context_token is not None:
            scope.leave(run.context_token)
        return run

    def close(self, run: Run, error: BaseException | None) -> None:
        """End a run that did not end well, and all open runs inside it.

        A run inside that failed has reported that already, so those still open were left by the
        run that failed: they are abandoned. A cancellation is reported of the outermost run
        alone, and goes for all inside. No error means that the reader left.
        """
        self.runs.remove(run)
        # a cancellation is everybody's, an exception only that of the run that it ends
        inner_error = None if isinstance(error, Exception) else error
        # a copy, for each child leaves the set at its end
        for child in list(run.children):
            self.close(child, inner_error)
        if isinstance(run, ModelRun):
            run.closed = True
            # a model that fails before its first token has no observation yet
            self.model_observation(run, False)
        observation = run.end()
        if observation is not None:
            _end_with_error(observation, error)


def _first_observed(run: ModelRun) -> ModelRun:
    """Return the first run of the group that has an observation, else the run itself."""
    for member in run.group:
        if member.observation is not None:
            return member
    return run


def _end_with_error(observation: Observation, error: BaseException | None) -> None:
    """End an observation; neither control flow nor a reader that left is a failure."""
    if error is None or isinstance(error, GeneratorExit):
        observation.abandon()
    elif is_control_flow(error):
        observation.finish()
    else:
        observation.fail(error)


tree = Tree()
