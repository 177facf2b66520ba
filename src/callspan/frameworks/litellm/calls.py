"""Patches round the functions that LiteLLM's decorator calls in the end, and round its log of each request.

What is called there is no hit of a cache. A call waits until it is known who tells of it: a client that is watched and
was asked within; another function of LiteLLM's; or, if neither was, LiteLLM itself by what it gives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from callspan.events.exceptions import note_translation
from callspan.frameworks.framework import Opener
from callspan.frameworks.litellm import answers
from callspan.frameworks.litellm.admission import admit, refused
from callspan.frameworks.litellm.failure import explain
from callspan.frameworks.litellm.following import follow, follow_native, see_left
from callspan.frameworks.litellm.functions import Function
from callspan.frameworks.litellm.request import Request, is_part
from callspan.frameworks.run_context import ProxyRunContext, acall_at, call_at, delegate
from callspan.lifecycle.observation import Observation
from callspan.runtime import guard, process, scope

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


class Listener:
    """Who hears of LiteLLM's calls; `open_requests` are those whose function runs, by the log that LiteLLM keeps."""

    def __init__(self) -> None:
        self.opener: Opener | None = None
        self.open_requests: dict[int, Request] = {}
        process.in_child(self._forked)

    def _forked(self) -> None:
        """Give back what is reserved for calls of the parent's, which end there."""
        for request in self.open_requests.values():
            request.release()
        self.open_requests.clear()


listener = Listener()


def asked(function: Function, wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of a function, or of one that gives a coroutine."""
    request = _begin(function, args, kwargs)
    if request is None:
        return wrapped(*args, **kwargs)
    return (_acall if iscoroutinefunction(wrapped) else _call)(request, wrapped, args, kwargs)


def _call(request: Request, wrapped: Any, args: Args, kwargs: Kwargs) -> Any:
    before, handled = _put(request), sys.exc_info()[1]
    try:
        result = call_at(scope.at(request.run_context), wrapped, args, kwargs)
        return _received(request, result, False)
    except BaseException as error:
        if (stop := refused(request, error, handled)) is None:
            _failed(request, error, False)
            raise
    finally:
        _put_back(request, before)
    raise stop


async def _acall(request: Request, wrapped: Any, args: Args, kwargs: Kwargs) -> Any:
    before, handled = _put(request), sys.exc_info()[1]
    try:
        result = await acall_at(scope.at(request.run_context), wrapped, args, kwargs)
        return _received(request, result, True)
    except BaseException as error:
        if (stop := refused(request, error, handled)) is None:
            _failed(request, error, True)
            raise
    finally:
        _put_back(request, before)
        if request.observation is not None:
            await request.observation.await_handlers()
    raise stop


def _put(request: Request) -> Request | None:
    """From now on the log is of this request; gives the one that it was of, where one works for another."""
    before = listener.open_requests.get(id(request.log))
    listener.open_requests[id(request.log)] = request
    return before


def _put_back(request: Request, before: Request | None) -> None:
    if before is None:
        listener.open_requests.pop(id(request.log), None)
    else:
        listener.open_requests[id(request.log)] = before
    request.log = None
    if not request.late:
        request.release()


def sent(wrapped: Any, log: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of what LiteLLM logs before each request, which a budget may stop here."""
    request = listener.open_requests.get(id(log))
    if request is not None:
        _note(request.send, ("input", "api_key", "model", "additional_args"), args, kwargs)
        admit(request, listener.opener)
    return wrapped(*args, **kwargs)


def answered(wrapped: Any, log: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of what LiteLLM logs after it."""
    request = listener.open_requests.get(id(log))
    if request is not None:
        _note(request.receive, ("original_response",), args, kwargs)
    return wrapped(*args, **kwargs)


def _note(method: Callable[..., None], names: tuple[str, ...], args: Args, kwargs: Kwargs) -> None:
    """Call a method with what LiteLLM logs, by the names that it has for it."""
    try:
        method(**{**dict(zip(names, args, strict=False)), **kwargs})
    except Exception as error:  # noqa: BLE001  our fault must not keep the app from calling its model
        guard.report("reading what LiteLLM logs", error)


def posted(wrapped: Any, _handler: Any, args: Args, kwargs: Kwargs) -> Any:
    """Wrap `post` of LiteLLM's HTTP client: keep the response for the call that it answers."""
    response = wrapped(*args, **kwargs)
    _keep(response)
    return response


async def aposted(wrapped: Any, _handler: Any, args: Args, kwargs: Kwargs) -> Any:
    """Wrap `post` of the asynchronous client in the same way."""
    response = await wrapped(*args, **kwargs)
    _keep(response)
    return response


def _keep(response: Any) -> None:
    """Give a response that was read to its end to the call in which it came; one that is streamed is the app's."""
    run_context = scope.run_context()
    request = run_context.runs[0] if isinstance(run_context, ProxyRunContext) else None
    if isinstance(request, Request) and getattr(response, "is_closed", False):
        request.response = response


def _begin(function: Function, args: Args, kwargs: Kwargs) -> Request | None:
    if listener.opener is None or is_part(function, kwargs) or scope.suppressed():
        return None
    try:
        request = Request(function, args, kwargs)
        delegate(request)
        return request
    except Exception as error:  # noqa: BLE001  our fault must not keep the app from calling its model
        guard.report(f"looking at a call of LiteLLM's {function.name}", error)
        return None


def _open(request: Request, stream: bool, asynchronous: bool) -> Observation | None:
    """The observation of a request that nobody else tells of, nor of its answer as the framework around tells it."""
    call = request.made(stream, asynchronous)
    around = request.outer.adopt(call.operation) if request.outer is not None else None
    call.framework = (around or request).framework
    request.base = around.base if around is not None and around.moved else request.base
    opener = listener.opener
    observation = None if opener is None else opener(call, answers.whole(request), request.base)
    if observation is not None:
        call.asynchronous = asynchronous
        observation.explain = explain
    return observation


def _failed(request: Request, error: BaseException, asynchronous: bool) -> None:
    """What fails before anything was sent is no call of a model."""
    if request.adopted:
        note_translation(request.call, error)
    if not request.waiting or request.mocked or not request.sent:
        return
    try:
        request.tell(_open(request, request.stream, asynchronous))
        if request.observation is not None:
            request.observation.fail(error)
    except Exception as fault:  # noqa: BLE001  the app's own exception is on its way
        guard.report("telling of a failed call of LiteLLM's", fault)


def _told(request: Request, result: Any, stream: bool, asynchronous: bool) -> Any:
    observation = _open(request, stream, asynchronous)
    if observation is None:
        return result
    if stream:
        return (
            follow_native(request, result, observation)
            if request.function.native
            else follow(request, result, observation)
        )
    request.tell(observation)
    observation.answer(result)
    return result


def _received(request: Request, result: Any, asynchronous: bool) -> Any:
    """Tell of an answer, or follow a stream, if nobody else does; the app gets the very object, or its like."""
    stream = hasattr(type(result), "__next__") or hasattr(type(result), "__anext__")
    try:
        if stream and request.adopted:
            see_left(result)
        elif request.waiting and not request.mocked:
            return _told(request, result, stream, asynchronous)
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
        guard.report("following an answer of LiteLLM's", error)
    return result
