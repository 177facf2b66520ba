"""Following one request from its start to its answer, on either side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from callspan.decorators.operation import Operation
from callspan.decorators.results import ResultReader
from callspan.decorators.run_context import OperationContext
from callspan.decorators.running import Args, Kwargs
from callspan.events import Call, Failure
from callspan.frameworks.function_runs import argument, replace_argument
from callspan.frameworks.mcp.requests import (
    CLIENT,
    TOOL_CALL,
    Request,
    bare,
    code_of_handler,
    content_of,
    error_code,
    failure_of,
    get,
    is_failure,
)
from callspan.frameworks.reporter import Reporter, RunStart
from callspan.runtime import guard, scope

reporter = Reporter("mcp", "mcp")
_READER = ResultReader(output=content_of)
_SEPARATORS = "_-./:"
"""They stand between a server's name and a tool's, where a framework puts one before the other."""


class Exchange:
    """One request while it waits for its answer.

    Attributes:
        request: The request.
        call: The call that stands for it: its own, or the run of a tool around it.
        operation: Its own operation; `None` where a run of a tool stands for it.
    """

    __slots__ = ("_tool", "call", "operation", "request")

    def __init__(
        self,
        request: Request,
        call: Call,
        operation: Operation | None = None,
        tool: OperationContext | None = None,
    ) -> None:
        self.request = request
        self.call = call
        self.operation = operation
        self._tool = tool

    async def follow(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Await the answer inside the operation, and end that with it."""
        operation = self.operation
        if operation is not None:
            operation.__enter__()
        try:
            try:
                if operation is not None:
                    await operation.settle()
                result = await work()
            finally:
                if operation is not None:
                    # left before it ends, so that handlers are not told inside its context
                    operation.__exit__(None, None, None)
        except BaseException as error:
            self.fail(error)
            raise
        self.finish(result)
        if operation is not None:
            await operation.settle()
        return result

    async def send(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        args: Args,
        kwargs: Kwargs,
        carrying: tuple[int, str],
        add: Callable[[Any, dict[str, Any]], Any],
    ) -> Any:
        """Send the request inside the operation, with our trace context, and await the answer.

        Args:
            wrapped: The SDK's function that sends it.
            args: The function's arguments.
            kwargs: The function's arguments that were passed by name.
            carrying: The position and the name of the argument that takes the context along.
            add: Returns a copy of this argument with the context's fields in its `_meta`.
        """

        def work() -> Awaitable[Any]:
            # in here, as the context that goes along is the operation's
            with_context = _with_trace_context(args, kwargs, carrying, add)
            return wrapped(*with_context[0], **with_context[1])

        return await self.follow(work)

    def finish(self, result: Any) -> None:
        """End with a result."""
        failure = None
        try:
            # the answer to `initialize` says which version both sides speak
            self._note_connection(get(bare(result), "protocolVersion"))
            failure = failure_of(result)
        except Exception as error:  # noqa: BLE001  an odd result must reach the app
            guard.report("reading a result of MCP", error)
        if self.operation is not None and self.request.method == TOOL_CALL:
            self.operation.result = result
        self._end(failure)

    def fail(self, error: BaseException) -> None:
        """End with an exception."""
        read_code = error_code if self.request.role == CLIENT else code_of_handler
        code = read_code(error)
        if code is not None:
            self.refuse(code, str(error), error)
        # a cancellation, or an exception without a code, is no answer of the other side
        elif self.operation is not None:
            self.operation.end(error)

    def refuse(self, code: int, message: str, error: BaseException | None = None) -> None:
        """End with an error of JSON-RPC, which at a server need not be a failure."""
        self._note_connection(None)
        self.call.update({"rpc_status_code": str(code)})
        failure = None
        if is_failure(self.request.role, code):
            failure = Failure(str(code), message, exception=error)
        self._end(failure)

    def _end(self, failure: Failure | None) -> None:
        if self.operation is not None:
            self.operation.failure = failure
            self.operation.end()
        elif failure is not None and self._tool is not None:
            # the framework may hand the error to the model as a result like any other
            self._tool.failure = failure

    def _note_connection(self, version: object) -> None:
        """Add the facts of the connection that are there by now."""
        facts = self.request.facts_of_connection()
        if self.request.method == "initialize" and isinstance(version, str):
            facts["mcp_protocol_version"] = version
        self.call.update(facts)


def _with_trace_context(
    args: Args,
    kwargs: Kwargs,
    carrying: tuple[int, str],
    add: Callable[[Any, dict[str, Any]], Any],
) -> tuple[Args, Kwargs]:
    """Return the arguments with our trace context in a copy of one of them."""
    carrier: dict[str, Any] = {}
    scope.inject(carrier)
    if not carrier:
        return args, kwargs
    try:
        value = add(argument(args, kwargs, *carrying), carrier)
        return replace_argument(args, kwargs, *carrying, value)
    except Exception as error:  # noqa: BLE001  a request of the app's own making must be sent as it is
        guard.report("writing the trace context into a request of MCP", error)
        return args, kwargs


def begin(describe: Callable[[], Request]) -> Exchange | None:
    """Begin to follow a request; return `None` if nobody observes it."""
    if not reporter.is_active:
        return None
    try:
        request = describe()
        if not request.is_observed:
            return None
        if request.role == CLIENT:
            # only at the client: a server's request comes from elsewhere, whatever runs here
            return _adopted(request) or _sent(request)
        return _received(request)
    except Exception as error:  # noqa: BLE001  a request of another version must still be made
        guard.report("reading a request of MCP", error)
        return None


def _adopted(request: Request) -> Exchange | None:
    """Return the exchange of a request that the run of a tool around it stands for."""
    run_context = scope.run_context()
    call: Call | None = getattr(run_context, "call", None)
    if request.method != TOOL_CALL or call is None or call.operation != "execute_tool":
        return None
    # a tool may make several requests, and stands for the first one
    if "mcp_method" in call.parameters or not _is_same_tool(call.subject, request.target):
        return None
    parameters = request.parameters()
    # these are the tool's own already
    del parameters["operation_name"], parameters["tool_name"]
    call.update(parameters)
    tool = run_context if isinstance(run_context, OperationContext) else None
    return Exchange(request, call, tool=tool)


def _is_same_tool(name: str | None, requested: str | None) -> bool:
    if not name or not requested:
        return False
    if name == requested:
        return True
    return name.endswith(requested) and name[-len(requested) - 1] in _SEPARATORS


def _sent(request: Request) -> Exchange | None:
    start = RunStart(request.role, request.name, request.arguments, request.parameters())
    return _begin(request, start)


def _received(request: Request) -> Exchange | None:
    """Begin in the context that the client has sent; that in force here is linked."""
    # a server's code is not part of the agent in which its session happens to have begun
    context = scope.at(None, scope.extract(request.meta))
    start = RunStart(
        request.role,
        request.name,
        request.arguments,
        request.parameters(),
        context=context,
        links=scope.links_to_current(context),
    )
    return _begin(request, start)


def _begin(request: Request, start: RunStart) -> Exchange | None:
    operation = reporter.begin(start, _READER)
    call = None if operation is None else operation.call
    if call is None:
        return None
    return Exchange(request, call, operation)
