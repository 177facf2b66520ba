"""One run of the agent's program: its turns, and the model calls and tools in them."""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass, replace
from typing import Any

from callspan.decorators.operation import Operation
from callspan.decorators.results import tool_failure
from callspan.events import Failure
from callspan.events.ending import CANCELLED_BY_PROVIDER
from callspan.formats.fields import count, dollars, get, get_nested, items, string, text
from callspan.frameworks.claude_agent_sdk.thread import Thread, provider_of
from callspan.frameworks.integration import Context
from callspan.frameworks.reporter import Reporter, RunStart, tool_start
from callspan.runtime import guard, scope
from callspan.runtime.number import http_status

Frame = dict[str, Any]
"""A message of the program: one line of JSON."""
_INTERRUPTS = ("aborted_streaming", "aborted_tools")
"""The reasons with which a turn ends that was interrupted."""
reporter = Reporter("claude_agent_sdk", "claude-agent-sdk")


@dataclass(slots=True)
class _Tool:
    """A tool that is running.

    Attributes:
        name: Its name.
        operation: Its run.
        agent: The run of the subagent that it stands for, if it is one.
        has_request: Whether the program has asked for its code.
    """

    name: str
    operation: Operation
    agent: Operation | None = None
    has_request: bool = False


class Session:
    """Follows one run of the program, whose messages it reads as they arrive.

    With the function `query` the run of the agent is that of the function, and is around already.
    With a client a prompt begins a turn, which the program's `result` ends.

    Attributes:
        is_interrupted: Whether the app has interrupted the turn.
    """

    def __init__(self, query: Any) -> None:
        self.is_interrupted = False
        self._provider = provider_of(query.transport)
        # weak, for `_sessions` keeps this object as long as the query is there
        self._query = weakref.ref(query)
        self._context = scope.context()
        self._turn: Operation | None = None
        self._next_turn: RunStart | None = None
        self._threads: dict[str | None, Thread] = {}
        self._tools: dict[str, _Tool] = {}
        self._past_cost = 0.0
        enclosing_call = reporter.enclosing_call()
        is_inside = enclosing_call is not None
        self._is_function = is_inside and enclosing_call.operation == "invoke_agent"
        if self._is_function:
            self._threads[None] = Thread(reporter, self._provider, self._context)

    def ask(self, prompt: object) -> None:
        """Begin a turn with a prompt; while another one is open it is that of the next turn."""
        prompt = prompt if isinstance(prompt, str) else None
        start = RunStart("invoke_agent", input=prompt, context=scope.context())
        if self._threads:
            self._next_turn = start
        else:
            self._begin_turn(start)

    def receive(self, frame: Frame) -> None:
        """Read a message of the program."""
        try:
            self._receive(frame)
        except Exception as error:  # noqa: BLE001  a message of another version must reach the app
            guard.report("reading a message of Claude Agent SDK", error)

    def fail(self, error: BaseException) -> None:
        """End all that is open: the program has ended, or its messages cannot be read."""
        self._end(error)

    def close(self) -> None:
        """End all that is open: the app has left, or its task is cancelled."""
        # the SDK closes in a `finally`: an exception on its way tells a cancelled task from a
        # reader that left; an error of the app's own code is not the turn's
        error = sys.exc_info()[1]
        if error is None or isinstance(error, Exception):
            error = GeneratorExit()
        self._end(error)

    def context_of_tool(self, call_id: object) -> Context:
        """Return the context for the code of a tool, by the id of its call; else the turn's."""
        tool = self._tools.get(str(call_id))
        if tool is not None and tool.operation.context is not None:
            tool.has_request = True
            return tool.operation.context
        main = self._threads.get(None)
        return self._context if main is None else main.context

    def context_of_tool_named(self, name: str) -> Context:
        """Return the context of the first tool with this name whose code has not been asked for."""
        for call_id, tool in list(self._tools.items()):
            if tool.name == name and not tool.has_request:
                return self.context_of_tool(call_id)
        return self.context_of_tool(None)

    def _receive(self, frame: Frame) -> None:
        match frame.get("type"):
            case "assistant":
                self._receive_answer(frame)
            case "stream_event":
                thread = self._thread(frame)
                if thread is not None:
                    thread.add_event(frame.get("event"))
            case "user":
                self._receive_tool_results(frame)
            case "result":
                self._receive_result(frame)
            case _:
                pass

    def _begin_turn(self, start: RunStart) -> None:
        self._next_turn = None
        self.is_interrupted = False
        operation = self._turn = reporter.begin(start)
        query = self._query()
        if operation is None or query is None:
            return
        # a client may be dropped without `disconnect`
        operation.end_when_dropped(query)
        self._threads[None] = Thread(reporter, self._provider, operation.context)

    def _thread(self, frame: Frame) -> Thread | None:
        """Return the thread of a message; `None` if nobody observes it.

        A turn may begin without a prompt: by a task in the background that has ended.
        """
        if not self._threads:
            self._begin_turn(self._next_turn or RunStart("invoke_agent", context=self._context))
        main = self._threads.get(None)
        if main is not None:
            _note_conversation(main.context, text(frame.get("session_id")))
        # a message of a subagent names the call of the tool that runs it
        return self._threads.get(frame.get("parent_tool_use_id"), main)

    def _receive_answer(self, frame: Frame) -> None:
        thread = self._thread(frame)
        if thread is None:
            return
        message = frame.get("message")
        if isinstance(message, dict):
            thread.add(message)
        for block in items(get(message, "content")):
            if get(block, "type") == "tool_use":
                self._begin_tool(thread, block)

    def _begin_tool(self, thread: Thread, block: Any) -> None:
        call_id, name = string(get(block, "id")), string(get(block, "name"))
        arguments = get(block, "input")
        start = tool_start(name, arguments, call_id=call_id)
        operation = reporter.begin(replace(start, context=thread.context))
        if operation is None:
            return
        tool = self._tools[call_id] = _Tool(name, operation)
        # the tool that runs a subagent has this argument, whatever its name
        subagent = text(get(arguments, "subagent_type"))
        if subagent is None:
            return
        prompt = get(arguments, "prompt")
        start = RunStart("invoke_agent", subagent, prompt, context=operation.context)
        tool.agent = reporter.begin(start)
        if tool.agent is not None:
            self._threads[call_id] = Thread(reporter, self._provider, tool.agent.context)

    def _receive_tool_results(self, frame: Frame) -> None:
        thread = self._thread(frame)
        for block in items(get_nested(frame, "message", "content")):
            if get(block, "type") == "tool_result":
                self._end_tool(block)
        if thread is not None:
            # the model is asked again as soon as the results are there
            thread.note_input()

    def _end_tool(self, block: Any) -> None:
        call_id = string(get(block, "tool_use_id"))
        tool = self._tools.pop(call_id, None)
        if tool is None:
            return
        result = get(block, "content")
        failure = tool_failure(result) if get(block, "is_error") else None
        if tool.agent is not None:
            self._threads[call_id].end_call()
            tool.agent.result, tool.agent.failure = result, failure
            tool.agent.end()
        tool.operation.result, tool.operation.failure = result, failure
        tool.operation.end()

    def _receive_result(self, frame: Frame) -> None:
        """End the turn: the program says how it went and what it has cost so far."""
        main = self._thread(frame)
        if main is None:
            return
        main.end_call(count(frame, "usage", "output_tokens"))
        # tools whose result never came were left by the program
        self._end_parts(GeneratorExit())
        run_context = scope.run_context(main.context)
        run_context.failure = self._failure(frame)
        response = run_context.call.response
        # a reader that leaves now has read all
        response.last = True
        cost = dollars(frame.get("total_cost_usd"))
        if cost is not None:
            # of all turns of this program; less than before where it counts anew
            turn_cost = cost - self._past_cost if cost >= self._past_cost else cost
            response.details["sum_cost_usd"] = turn_cost
            response.details["sum_cost_source"] = "agent"
        if self._is_function:
            # the prompt of `query` may be a stream: then further turns follow in one run
            self._threads[None] = Thread(reporter, self._provider, main.context)
            return
        # not in `query`, whose one run has the cost of all its turns
        self._past_cost = cost or self._past_cost
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.result = frame.get("result")
            turn.end()

    def _failure(self, frame: Frame) -> Failure | None:
        """Return why a turn failed, by its result; one that was interrupted is cancelled."""
        if self.is_interrupted or frame.get("terminal_reason") in _INTERRUPTS:
            return Failure(CANCELLED_BY_PROVIDER)
        if not frame.get("is_error"):
            return None
        subtype = string(frame.get("subtype"))
        status = frame.get("api_error_status")
        if subtype == "success":
            # the program has worked, and the model's provider has not
            subtype = "api_error" if status is None else str(status)
        message = string(frame.get("result")) or "; ".join(map(str, items(frame.get("errors"))))
        return Failure(subtype, message, http_status(status))

    def _end(self, error: BaseException) -> None:
        self._end_parts(error)
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end(error)

    def _end_parts(self, error: BaseException) -> None:
        """End the model calls of the turn, and the tools that have no result, with an error."""
        # model calls first, then the tools, the last one first: those of a subagent, the subagent,
        # and the tool that runs it
        for thread in self._threads.values():
            thread.end_call()
        for tool in reversed(self._tools.values()):
            if tool.agent is not None:
                tool.agent.end(error)
            tool.operation.end(error)
        self._threads.clear()
        self._tools.clear()


def _note_conversation(context: Context, conversation_id: str | None) -> None:
    """Note the id that the program has given to the conversation, for the turn and its calls."""
    run_context = scope.run_context(context)
    framework = run_context.framework
    if conversation_id is None or framework.conversation_id == conversation_id:
        return
    # not known at the start: the program says it with its first message
    run_context.framework = replace(framework, conversation_id=conversation_id)
    run_context.call.response.details["conversation_id"] = conversation_id
