"""The reporter of one framework's operations: agents, workflows, tools, nodes and retrievals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from callspan.decorators.operation import Operation
from callspan.decorators.operation_types import OPERATION_TYPES
from callspan.decorators.results import PLAIN_RESULTS, ResultReader
from callspan.decorators.run_context import (
    RunContext,
    agent_parameters,
    is_reported_by_framework,
)
from callspan.events import Call, Framework, Parameters
from callspan.events.operations import facts_of
from callspan.formats.fields import add_settings
from callspan.frameworks.integration import (
    Context,
    Integration,
    ObservationFactory,
    version,
)
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.runtime import guard, scope
from callspan.runtime.patching import Patch
from callspan.runtime.plain import valid


@dataclass(frozen=True, slots=True)
class RunStart:
    """The facts of a run when it begins.

    Attributes:
        operation: The conventions' name of the operation, such as `invoke_agent`.
        name: The name that the app gave to the agent, workflow, tool or node. A class of the
            framework is no name.
        input: The question, the arguments of a tool, or the query of a search.
        parameters: Further facts under plain names, such as `tool_call_id`; those that are `None`
            are left out.
        conversation_id: The id of the conversation, if the app gave one. A run in another has the
            conversation of that.
        context: The context in which it begins; `None` for the one in force.
        links: Links of its span, as OpenTelemetry's objects.
        in_process: Whether the program performs it by itself, where others of its kind do not.
    """

    operation: str
    name: str | None = None
    input: object = None
    parameters: Parameters = field(default_factory=Parameters)
    conversation_id: str | None = None
    context: Context = None
    links: Sequence[object] = ()
    in_process: bool = False


@dataclass(frozen=True, slots=True)
class ModelCallStart:
    """The facts of a call of a model that no client of ours makes, and that has begun already.

    Attributes:
        operation: The conventions' name of the operation, such as `chat`.
        provider: The conventions' name of the provider.
        model: The model in the request.
        context: The context of the run that makes it.
        start_ns: When it began, in nanoseconds since 1970.
        started: The same by `time.perf_counter()`, in seconds.
    """

    operation: str
    provider: str
    model: str | None
    context: Context
    start_ns: int
    started: float


def tool_start(
    name: str | None, arguments: object, *, call_id: object = None, description: object = None
) -> RunStart:
    """Return the facts of a tool's run.

    `call_id` is the id that the model gave to the call which the tool answers.
    """
    parameters: Parameters = {
        "tool_call_id": call_id,
        "tool_type": "function",
        "tool_description": description,
    }
    return RunStart("execute_tool", name, arguments, parameters)


def note_input(call: Call, run_input: object) -> None:
    """Take the input of a run, or the arguments of a tool, that the framework told after the start."""
    call.update_content(partial(OPERATION_TYPES[call.operation].read_arguments, run_input))


class Reporter:
    """Begins the operations of one framework, while anybody observes them.

    Attributes:
        name: The framework's name in telemetry.
        package: The package whose version the operations report.
    """

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self.package = package
        self._create_observation: ObservationFactory | None = None

    @property
    def is_active(self) -> bool:
        """Whether anybody observes the operations."""
        return self._create_observation is not None

    def subscribe(self, create_observation: ObservationFactory | None, _everywhere: bool) -> None:
        """Report runs to this factory from now on; with `None` no new ones are reported."""
        # no app gives these frameworks a handler of ours, so all runs are reported or none
        self._create_observation = create_observation

    def integration(
        self,
        module: str,
        versions: tuple[str, str],
        operations: tuple[str, ...],
        patches: Callable[[], list[Patch]],
        prepare: Callable[[], object] | None = None,
    ) -> Integration:
        """Return the integration of the framework, whose runs this object reports."""
        return Integration(
            name=self.name,
            package=self.package,
            module=module,
            packages=(self.package,),
            versions=versions,
            operations=operations,
            patches=patches,
            subscribe=self.subscribe,
            prepare=prepare,
        )

    def begin(self, start: RunStart, reader: ResultReader = PLAIN_RESULTS) -> Operation | None:
        """Begin an operation in the context in force.

        Returns:
            `None` if nobody observes it, or the same operation is reported around it already, as
            where one method of an agent calls another.
        """
        create_observation = self._create_observation
        if create_observation is None:
            return None
        try:
            run_context = scope.run_context(start.context)
            call = self._call(start, run_context)
            if is_reported_by_framework(run_context, call):
                return None
            reading = OPERATION_TYPES[start.operation].reading
            observation = create_observation(call, reading, start.context)
            if observation is None:
                return None
            # this starts it: handlers are told of the start in here
            return Operation(observation, run_context, reader)
        except Exception as error:  # noqa: BLE001  our fault must not stop the app's code
            guard.report(f"beginning a run of {self.name}", error)
            return None

    def begin_model_call(self, start: ModelCallStart, reading: Reading) -> Observation | None:
        """Begin a call of a model, whose answers are read so; `None` if nobody observes it."""
        create_observation = self._create_observation
        if create_observation is None:
            return None
        call = Call(start.operation, start.provider, start.model)
        call.framework = getattr(scope.run_context(start.context), "framework", None)
        observation = create_observation(call, reading, start.context)
        if observation is not None:
            # the input is not among the messages of the program, so nothing can be estimated
            observation.start_late(start.start_ns, start.started, None, has_input=False)
        return observation

    def report_past(
        self, start: RunStart, begin: tuple[int, float], error: Exception | None
    ) -> None:
        """Report an operation that is over.

        `begin` is when it began: in nanoseconds since 1970, and in seconds by
        `time.perf_counter()`. With an `error` it has failed.
        """
        create_observation = self._create_observation
        if create_observation is None:
            return
        try:
            call = self._call(start, scope.run_context(start.context))
            reading = OPERATION_TYPES[start.operation].reading
            observation = create_observation(call, reading, start.context)
            if observation is None:
                return
            observation.start_late(*begin, None, has_input=False)
            if error is None:
                observation.finish()
            else:
                observation.fail(error)
        except Exception as fault:  # noqa: BLE001  our fault must not stop the app's code
            guard.report(f"reporting {start.operation} of {self.name}", fault)

    def enclosing_call(self) -> Call | None:
        """Return the operation of this framework in whose code we are; `None` if there is none."""
        run_context = scope.run_context()
        framework = getattr(run_context, "framework", None)
        if framework is None or framework.name != self.name:
            return None
        return run_context.call

    def _call(self, start: RunStart, run_context: RunContext) -> Call:
        """Return the call that a run is for handlers."""
        parameters: Parameters = {}
        if start.operation == "execute_tool":
            parameters.update(agent_parameters(run_context))
        subject = facts_of(start.operation).subject
        if start.name is not None and subject is not None:
            # a name may be any object of the app's, with any text
            parameters[subject] = valid(str(start.name))
        add_settings(parameters, start.parameters)
        # read only if a handler needs it
        content = partial(OPERATION_TYPES[start.operation].read_arguments, start.input)
        call = Call(
            start.operation, "", None, parameters, content=content, in_process=start.in_process
        )
        call.links = start.links
        conversation_id = start.conversation_id
        outer = getattr(run_context, "framework", None)
        if outer is not None:
            # an agent belongs to the conversation of the workflow around it, even if that passes
            # another id on
            conversation_id = outer.conversation_id
        call.framework = Framework(
            self.name, version(self.package), conversation_id=conversation_id
        )
        return call
