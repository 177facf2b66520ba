"""LangChain's callbacks as a tree of runs, which become observations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from callspan.events import Call, Content, Delta
from callspan.events.exceptions import note_translation, qualified_name
from callspan.formats.format import nothing
from callspan.frameworks.framework import Opener
from callspan.frameworks.langchain import requests, results, steps
from callspan.frameworks.langchain.facts import framework
from callspan.frameworks.langchain.steps import Operation
from callspan.frameworks.run import ModelRun, Run, Runs, around
from callspan.frameworks.run_context import ModelRunContext, OpaqueRunContext, delegate
from callspan.lifecycle.control_flow import is_control_flow
from callspan.lifecycle.observation import Observation
from callspan.runtime import guard, scope
from callspan.runtime.background import running_loop
from callspan.runtime.number import real

_BARE_TASKS = sys.version_info < (3, 11)
"""Before Python 3.11 LangGraph awaits an asynchronous node in the context in which it tells of it, not in a copy."""
Told = Mapping[str, Any]


class Tree:
    """All runs that LangChain has told of and that are open. `opener` is none while nobody listens: then no run is
    begun, and those that are open still end. `everywhere` says that all runs are heard, not only those of handlers
    that the app has given itself."""

    def __init__(self) -> None:
        self.opener: Opener | None = None
        self.everywhere = False
        self.runs = Runs()

    def hear(self, event: str, args: tuple[Any, ...], told: Told) -> None:
        """Take in one callback. Nothing that goes wrong here reaches the app."""
        method = _METHODS.get(event)
        if method is None:
            return
        try:
            method(self, told, *args)
        except Exception as error:  # noqa: BLE001  our fault must not disturb the app, whose callback this is
            guard.report(f"hearing LangChain's {event}", error)

    # -- beginnings --------------------------------------------------------------------------------------------

    def _begin(self, told: Told, kind: type[Run]) -> Run | None:
        run_id, opener = told.get("run_id"), self.opener
        if (
            run_id is None
            or opener is None
            or self.runs.exact(run_id) is not None
            or scope.suppressed()
        ):
            return None
        parent = self.runs.get(told.get("parent_run_id")) or around(scope.run_context())
        run = kind(run_id, parent, told, framework)
        self.runs.add(run)
        return run

    def _chain_start(
        self, told: Told, serialized: Any = None, inputs: Any = None, *_rest: Any
    ) -> None:
        run = self._begin(told, Run)
        if run is None:
            return
        if steps.is_node(told.get("tags")) and run.parent is not None:
            self._graph(run.parent)
        found = steps.operation(told, serialized, run.parent)
        if found is not None:
            self._tell(run, found)
            if _BARE_TASKS and found[0] == "run_node" and running_loop() is not None:
                run.mark = scope.enter(run.context)

    def _graph(self, run: Run) -> None:
        """A run that turns out to be a graph, because a node runs in it, is an operation.

        Its first nodes may begin in several threads at once: one makes it an operation, and the others wait for that.
        """
        with run.turn():
            if run.observation is not None or run.over:
                return
            self._tell(run, ("invoke_workflow", {"workflow_name": steps.name_of(run.told, None)}))
            for child in list(run.children):
                child.move_into(run)

    def _tool_start(
        self, told: Told, serialized: Any = None, given: Any = None, *_rest: Any
    ) -> None:
        run = self._begin(told, Run)
        if run is None:
            return
        known = serialized if isinstance(serialized, Mapping) else {}
        parameters = {
            "tool_name": known.get("name") or told.get("name") or "unknown",
            "tool_type": "function",
            "tool_description": known.get("description"),
            "tool_call_id": told.get("tool_call_id"),
            "agent_name": _agent_name(run),
        }
        arguments = told.get("inputs") or given
        self._tell(run, ("execute_tool", parameters), lambda: requests.tool_content(arguments))

    def _retriever_start(
        self, told: Told, serialized: Any = None, query: Any = None, *_rest: Any
    ) -> None:
        run = self._begin(told, Run)
        if run is None:
            return
        self._tell(run, ("retrieval", {}), lambda: requests.search_content(query))
        run_context = scope.run_context()
        if isinstance(run_context, OpaqueRunContext) and run_context.opens:
            scope.enter(run.context)  # whoever made the place puts back what was before

    def _model_start(self, told: Told, given: Any, operation: str) -> None:
        run = self._begin(told, ModelRun)
        if not isinstance(run, ModelRun):
            return
        run.asked = (operation, given)
        run_context = scope.run_context()
        if isinstance(run_context, ModelRunContext):
            run_context.add(run)
        delegate(run)

    def _chat_start(
        self, told: Told, _serialized: Any = None, given: Any = (), *_rest: Any
    ) -> None:
        self._model_start(told, given, "chat")

    def _llm_start(self, told: Told, _serialized: Any = None, given: Any = (), *_rest: Any) -> None:
        self._model_start(told, given, "text_completion")

    def _tell(
        self, run: Run, operation: Operation, content: Callable[[], Content] = Content
    ) -> None:
        name, parameters = operation
        call = Call(
            name,
            "",
            None,
            {key: value for key, value in parameters.items() if value},
            content=content,
        )
        self._observe(run, call, nothing)

    def _observe(self, run: Run, call: Call, read: Callable[[Any, bool], Delta | None]) -> None:
        call.framework = run.framework
        opener = self.opener
        if opener is None:
            return
        with run.turn():
            if (
                not run.over
            ):  # else another thread has closed it, with all that was open in its parent
                run.tell(opener(call, read, run.base))

    # -- models whose client nobody watches --------------------------------------------------------------------

    def _spoken(self, run: ModelRun, stream: bool) -> Observation | None:
        """The observation of a model's run that nobody else tells of; runs answered by one request share it."""
        with run.group[0].turn():
            if run.observation is None and not (run.adopted or run.delegated):
                operation, given = run.asked
                first = next((one for one in run.group if one.observation is not None), run)
                if first is run:
                    self._observe(
                        run, requests.call(operation, run.told, given, stream), results.read
                    )
                run.observation = first.observation
        return run.observation

    def _token(self, told: Told, token: Any = None, *_rest: Any) -> None:
        run = self.runs.get(told.get("run_id"))
        if isinstance(run, ModelRun) and not run.adopted:
            observation = self._spoken(run, True)
            if observation is None:
                return
            token = told.get("token") if token is None else token  # which LangChain tells by name
            said = token if isinstance(token, str) and token else told.get("chunk")
            known = observation.call.response.first_token is not None and not observation.needs_text
            observation.chunk(
                None if known else said
            )  # mere text matters only to those who read text

    def _event(self, told: Told, event: Any = None, *_rest: Any) -> None:
        """An event of the protocol for streams that newer versions speak; its text comes as deltas."""
        delta = event.get("delta") if isinstance(event, Mapping) else None
        said = delta.get("text") if isinstance(delta, Mapping) else None
        if isinstance(said, str) and said:
            self._token(told, said)

    def _retry(self, told: Told, state: Any = None, *_rest: Any) -> None:
        run = self.runs.get(told.get("run_id"))
        observation = run.observation if run is not None else None
        if observation is not None and not observation.ended:
            error = getattr(getattr(state, "outcome", None), "exception", lambda: None)()
            wait = getattr(getattr(state, "next_action", None), "sleep", 0.0)
            observation.retry(
                qualified_name(type(error)) if error is not None else "unknown", real(wait) or 0.0
            )

    # -- ends --------------------------------------------------------------------------------------------------

    def _take(self, told: Told) -> Run | None:
        run = self.runs.take(told.get("run_id"))
        if run is not None and run.mark is not None:
            scope.leave(run.mark)
        return run

    def _end(self, told: Told, output: Any = None, *_rest: Any) -> None:
        run = self._take(told)
        if isinstance(run, ModelRun):
            self._model_end(run, output)
        elif run is not None:
            observation = run.end()
            if observation is not None:
                observation.call.response.result = requests.result(observation, output)
                observation.finish()

    def _model_end(self, run: ModelRun, result: Any) -> None:
        run.closed = True
        if run.observation is None and results.from_cache(result):
            return
        observation = self._spoken(run, False)
        if observation is None or observation.ended:
            return
        if len(run.group) == 1:
            observation.answer(result)
            return
        delta = results.read(result, observation.needs_text)
        observation.call.response.add(
            results.at_choice(delta, run.group.index(run)), observation.needs_text
        )
        if all(one.closed for one in run.group):
            observation.finish()

    def _error(self, told: Told, error: Any = None, *_rest: Any) -> None:
        run = self._take(told)
        if run is None:
            return
        failure = error if isinstance(error, BaseException) else None
        if isinstance(run, ModelRun) and run.adopted and failure is not None:
            note_translation(run.call, failure)
        self.close(run, failure)

    def close(self, run: Run, error: BaseException | None) -> None:
        """End a run that did not end well, and all that is still open in it. No error means that its reader left.

        What failed in a run has told of that already; what is open in it was left by the one that failed. A
        cancellation is told of the outermost alone, and is everybody's.
        """
        self.runs.remove(run)
        inner = None if isinstance(error, Exception) else error
        for child in list(run.children):
            self.close(child, inner)
        if isinstance(run, ModelRun):
            run.closed = True
            self._spoken(run, False)
        observation = run.end()
        if observation is not None:
            _fail(observation, error)


def _fail(observation: Observation, error: BaseException | None) -> None:
    """Neither control flow nor a reader that left is a failure."""
    if error is None or isinstance(error, GeneratorExit):
        observation.abandon()
    elif is_control_flow(error):
        observation.finish()
    else:
        observation.fail(error)


def _agent_name(run: Run) -> str | None:
    agent = scope.agent(run.call)
    return agent.parameters.get("agent_name") if agent is not None else None


_METHODS: dict[str, Callable[..., None]] = {
    "on_chain_start": Tree._chain_start,
    "on_tool_start": Tree._tool_start,
    "on_retriever_start": Tree._retriever_start,
    "on_chat_model_start": Tree._chat_start,
    "on_llm_start": Tree._llm_start,
    "on_llm_new_token": Tree._token,
    "on_stream_event": Tree._event,
    "on_retry": Tree._retry,
    "on_chain_end": Tree._end,
    "on_tool_end": Tree._end,
    "on_retriever_end": Tree._end,
    "on_llm_end": Tree._end,
    "on_chain_error": Tree._error,
    "on_tool_error": Tree._error,
    "on_retriever_error": Tree._error,
    "on_llm_error": Tree._error,
}
"""What each callback does. Text, agent actions and custom events say nothing that the runs do not."""
EVENTS = (*_METHODS, "on_agent_action", "on_agent_finish", "on_text", "on_custom_event")
tree = Tree()
