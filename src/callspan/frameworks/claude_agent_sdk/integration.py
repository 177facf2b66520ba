"""Claude Agent SDK: the agent is a program of its own, which speaks JSON lines over pipes.

No client of ours is involved. So the messages of the program are read as they arrive, before the
app reads them: tools of the app's own may run before that. Seen with claude-agent-sdk 0.2.189.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

from callspan.decorators.results import ResultReader
from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.claude_agent_sdk.requests import context_of, with_trace_context
from callspan.frameworks.claude_agent_sdk.session import Frame, Session, reporter
from callspan.frameworks.function_runs import argument, function_run
from callspan.frameworks.reporter import RunStart
from callspan.runtime import guard, scope
from callspan.runtime.patching import Patch

Wrapped = Callable[..., Any]
Query = Any
"""The SDK's object for one run of the program."""
_sessions: weakref.WeakKeyDictionary[Query, Session] = weakref.WeakKeyDictionary()


def _run(_client: object, args: Args, kwargs: Kwargs) -> RunStart:
    """Return the facts of the function `query`, which is one run of the agent."""
    prompt = argument(args, kwargs, 0, "prompt")
    return RunStart("invoke_agent", input=prompt if isinstance(prompt, str) else None)


def _result_text(message: object) -> object:
    """Return the answer of the agent, which its last message has; `None` for other messages."""
    return getattr(message, "result", None)


def read_messages(wrapped: Wrapped, query: Query, args: Args, kwargs: Kwargs) -> Any:
    """Read the messages of the program, with a session that follows them."""
    if reporter.is_active and query not in _sessions:
        session = _sessions[query] = Session(query)
        # `Query._read_messages` asks it for the messages once; that is all it stands there for
        query.transport = _Transport(query, session)
    return wrapped(*args, **kwargs)


class _Transport:
    """Stands in for a transport of the SDK or of the app until its messages are read."""

    def __init__(self, query: Query, session: Session) -> None:
        self._query = query
        self._session = session
        self._transport = query.transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def read_messages(self) -> AsyncIterator[Frame]:
        """Return the messages, and put the transport back in its place."""
        self._query.transport = self._transport
        return _follow(self._transport.read_messages(), self._session)


async def _follow(frames: AsyncIterator[Frame], session: Session) -> AsyncIterator[Frame]:
    """Yield the messages of the program, each after the session has read it."""
    try:
        async for frame in frames:
            session.receive(frame)
            yield frame
    # not for cancellations, which end by `close`
    except Exception as error:
        session.fail(error)
        raise


async def ask(wrapped: Wrapped, client: Any, args: Args, kwargs: Kwargs) -> Any:
    """Send a prompt, with which a turn of the agent begins."""
    session = _sessions.get(getattr(client, "_query", None))
    if session is not None:
        # before it is sent, as the answer may come at once
        session.ask(argument(args, kwargs, 0, "prompt"))
    return await wrapped(*args, **kwargs)


async def connect(wrapped: Wrapped, client: Any, args: Args, kwargs: Kwargs) -> Any:
    """Start the program, perhaps with a prompt."""
    # the session is made in here, when the SDK begins to read
    result = await wrapped(*args, **kwargs)
    session = _sessions.get(getattr(client, "_query", None))
    prompt = argument(args, kwargs, 0, "prompt")
    if session is not None and isinstance(prompt, str):
        session.ask(prompt)
    return result


async def interrupt(wrapped: Wrapped, query: Query, args: Args, kwargs: Kwargs) -> Any:
    """Interrupt the turn of the agent."""
    session = _sessions.get(query)
    if session is not None:
        session.is_interrupted = True
    return await wrapped(*args, **kwargs)


async def answer_request(wrapped: Wrapped, query: Query, args: Args, kwargs: Kwargs) -> Any:
    """Answer a request of the program for code of the app: a tool, a permission or a hook."""
    session = _sessions.get(query)
    if session is None:
        return await wrapped(*args, **kwargs)
    request = argument(args, kwargs, 0, "request")
    # the SDK answers in a task of its reader, which has the context of neither turn nor tool
    token = scope.enter(context_of(request, session))
    try:
        try:
            request = with_trace_context(request)
        except Exception as error:  # noqa: BLE001  a request of another version must be answered
            guard.report("reading a request of Claude Agent SDK", error)
        return await wrapped(request)
    finally:
        scope.leave(token)


async def close(wrapped: Wrapped, query: Query, args: Args, kwargs: Kwargs) -> Any:
    """Stop the program, and end what is open of its session."""
    session = _sessions.pop(query, None)
    if session is not None:
        session.close()
    return await wrapped(*args, **kwargs)


def patches() -> list[Patch]:
    """Return the patches of the function `query`, of clients, and of what both are made of."""
    query, client = "claude_agent_sdk._internal.query", "claude_agent_sdk.client"
    run = function_run(reporter, _run, ResultReader(item=_result_text))
    return [
        # behind the function `query`, which programs import by name
        Patch("claude_agent_sdk._internal.client", "InternalClient.process_query", run),
        Patch(client, "ClaudeSDKClient.connect", connect),
        Patch(client, "ClaudeSDKClient.query", ask),
        Patch(query, "Query._read_messages", read_messages),
        Patch(query, "Query._handle_control_request", answer_request),
        Patch(query, "Query.interrupt", interrupt),
        Patch(query, "Query.close", close),
    ]


CLAUDE_AGENT_SDK = reporter.integration(
    module="claude_agent_sdk",
    versions=("0.2", "1"),
    operations=("invoke_agent", "chat", "execute_tool"),
    patches=patches,
)
