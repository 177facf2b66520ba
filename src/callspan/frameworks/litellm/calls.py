"""Wrappers for the functions inside LiteLLM's decorator, for its log and for its HTTP clients.

A call of such a function is no hit of a cache. It stays pending until it is clear who reports it:
a watched client that was called inside, another function of LiteLLM's, or else LiteLLM's own
answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from callspan.events.exceptions import note_translation
from callspan.frameworks.integration import ObservationFactory
from callspan.frameworks.litellm import answers
from callspan.frameworks.litellm.admission import admit, find_refusal_of
from callspan.frameworks.litellm.functions import Function
from callspan.frameworks.litellm.request import Request, is_part
from callspan.frameworks.litellm.streams import (
    follow,
    follow_native,
    native_reading,
    report_leaving,
)
from callspan.frameworks.run_context import ProxyRunContext, acall_in, call_in, delegate
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading
from callspan.runtime import guard, process, scope
from callspan.runtime.arguments import by_name

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Wrapped = Callable[..., Any]


class Subscription:
    """The subscription to LiteLLM's calls.

    Attributes:
        create_observation: The factory of observations; `None` while nothing is observed.
        open_requests: The requests whose function is running, by the id of the log object that
            LiteLLM keeps for each.
    """

    def __init__(self) -> None:
        self.create_observation: ObservationFactory | None = None
        self.open_requests: dict[int, Request] = {}
        process.in_child(self._forget_parent)

    def _forget_parent(self) -> None:
        """Give back the reservations for calls of the parent process, which end there."""
        for request in self.open_requests.values():
            request.release()
        self.open_requests.clear()


subscription = Subscription()


def call_function(
    function: Function, wrapped: Wrapped, _instance: object, args: Args, kwargs: Kwargs
) -> Any:
    """Wrap a function of LiteLLM's, plain or asynchronous."""
    request = _begin(function, args, kwargs)
    if request is None:
        return wrapped(*args, **kwargs)
    if iscoroutinefunction(wrapped):
        return _acall(request, wrapped, args, kwargs)
    return _call(request, wrapped, args, kwargs)


def _call(request: Request, wrapped: Wrapped, args: Args, kwargs: Kwargs) -> Any:
    # an exception handled by the app around the call would be the context of one raised here
    outer_request, handled = _open_log(request), sys.exc_info()[1]
    try:
        result = call_in(scope.at(request.run_context), wrapped, args, kwargs)
        return _report_result(request, result, False)
    except BaseException as error:
        refusal = find_refusal_of(request, error, handled)
        if refusal is None:
            _report_error(request, error, False)
            raise
    finally:
        _close_log(request, outer_request)
    # outside the `except`, so that LiteLLM's exception is not the refusal's context
    raise refusal


async def _acall(request: Request, wrapped: Wrapped, args: Args, kwargs: Kwargs) -> Any:
    outer_request, handled = _open_log(request), sys.exc_info()[1]
    try:
        result = await acall_in(scope.at(request.run_context), wrapped, args, kwargs)
        return _report_result(request, result, True)
    except BaseException as error:
        refusal = find_refusal_of(request, error, handled)
        if refusal is None:
            _report_error(request, error, True)
            raise
    finally:
        _close_log(request, outer_request)
        if request.observation is not None:
            # also after an error, of which handlers are told as well
            await request.observation.await_handlers()
    raise refusal


def _open_log(request: Request) -> Request | None:
    """Link LiteLLM's log to a request; return the one it was linked to, where they share it."""
    outer_request = subscription.open_requests.get(id(request.log))
    subscription.open_requests[id(request.log)] = request
    return outer_request


def _close_log(request: Request, outer_request: Request | None) -> None:
    if outer_request is None:
        subscription.open_requests.pop(id(request.log), None)
    else:
        subscription.open_requests[id(request.log)] = outer_request
    # it refers to the stream, which the request must not keep alive
    request.log = None
    # a stream that has sent nothing yet keeps its reservation until it does
    if not request.deferred:
        request.release()


def log_request(wrapped: Wrapped, log: object, args: Args, kwargs: Kwargs) -> Any:
    """Wrap `Logging.pre_call`, called before each request: budgets may stop it here."""
    request = subscription.open_requests.get(id(log))
    if request is not None:
        names = ("input", "api_key", "model", "additional_args")
        # before the budgets, which need the body that is sent
        _note(request.note_request, names, args, kwargs)
        admit(request, subscription.create_observation)
    return wrapped(*args, **kwargs)


def log_answer(wrapped: Wrapped, log: object, args: Args, kwargs: Kwargs) -> Any:
    """Wrap `Logging.post_call`, which LiteLLM calls with each answer."""
    request = subscription.open_requests.get(id(log))
    if request is not None:
        _note(request.note_answer, ("original_response",), args, kwargs)
    return wrapped(*args, **kwargs)


def _note(method: Callable[..., None], names: tuple[str, ...], args: Args, kwargs: Kwargs) -> None:
    """Call a method with the arguments of LiteLLM's log by the names that LiteLLM has for them."""
    try:
        method(**by_name(names, args, kwargs))
    except Exception as error:  # noqa: BLE001  our fault must not stop the call
        guard.report("reading what LiteLLM logs", error)


def post(wrapped: Wrapped, _handler: object, args: Args, kwargs: Kwargs) -> Any:
    """Wrap `HTTPHandler.post`: keep the response for the call that it answers."""
    response = wrapped(*args, **kwargs)
    _keep_response(response)
    return response


async def apost(wrapped: Wrapped, _handler: object, args: Args, kwargs: Kwargs) -> Any:
    """Wrap `AsyncHTTPHandler.post`: keep the response for the call that it answers."""
    response = await wrapped(*args, **kwargs)
    _keep_response(response)
    return response


def _keep_response(response: Any) -> None:
    """Give a response to the call that it answers, unless it is streamed: then the app reads it."""
    run_context = scope.run_context()
    if not isinstance(run_context, ProxyRunContext):
        return
    request = run_context.runs[0]
    if isinstance(request, Request) and getattr(response, "is_closed", False):
        request.response = response


def _begin(function: Function, args: Args, kwargs: Kwargs) -> Request | None:
    """Return a request for a call, unless nothing is observed or it is a part of another call."""
    if subscription.create_observation is None:
        return None
    if is_part(function, kwargs) or scope.suppressed():
        return None
    try:
        request = Request(function, args, kwargs)
        # of functions that call each other the innermost makes the request and reports it
        delegate(request)
        return request
    except Exception as error:  # noqa: BLE001  our fault must not stop the call
        guard.report(f"looking at a call of LiteLLM's {function.name}", error)
        return None


def _create_observation(
    request: Request, reading: Reading, stream: bool, asynchronous: bool
) -> Observation | None:
    """Return an observation of a request that nobody else reports.

    If a framework's run around adopts it, the call has that framework's facts.
    """
    call = request.build_call(stream, asynchronous)
    adopting_run = None
    if request.outer is not None:
        adopting_run = request.outer.adopt(call.operation)
    if adopting_run is None:
        call.framework = request.framework
    else:
        call.framework = adopting_run.framework
        # the run began in another context than this: the call belongs into its parent's
        if adopting_run.moved:
            request.base = adopting_run.base
    create_observation = subscription.create_observation
    if create_observation is None:
        return None
    observation = create_observation(call, reading, request.base)
    # the factory asks whether a loop runs; a plain function may be called where one does
    call.asynchronous = asynchronous
    return observation


def _report_error(request: Request, error: BaseException, asynchronous: bool) -> None:
    """Report a failed call. A failure before a request was sent is no call of a model."""
    if request.adopted:
        note_translation(request.call, error)
    if not request.sent or request.mocked:
        return
    if not request.is_pending:
        return
    try:
        reading = answers.answer_reading(request)
        observation = _create_observation(request, reading, request.stream, asynchronous)
        request.start_observation(observation)
        if request.observation is not None:
            request.observation.fail(error)
    except Exception as fault:  # noqa: BLE001  the app's own exception is on its way
        guard.report("telling of a failed call of LiteLLM's", fault)


def _report_result(request: Request, result: Any, asynchronous: bool) -> Any:
    """Report an answer or follow a stream, if nobody else does.

    Returns:
        The very result, or an object that behaves like it.
    """
    # asked of the type, for LiteLLM's objects may compute attributes
    is_stream = hasattr(type(result), "__next__") or hasattr(type(result), "__anext__")
    try:
        if is_stream and request.adopted:
            report_leaving(result)
        elif request.is_pending and not request.mocked:
            return _observe_result(request, result, is_stream, asynchronous)
    except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
        guard.report("following an answer of LiteLLM's", error)
    return result


def _observe_result(request: Request, result: Any, is_stream: bool, asynchronous: bool) -> Any:
    if not is_stream:
        reading = answers.answer_reading(request)
    elif request.function.native:
        reading = native_reading(request)
    else:
        reading = answers.stream_reading(request, result)
    observation = _create_observation(request, reading, is_stream, asynchronous)
    if observation is None:
        return result
    if not is_stream:
        request.start_observation(observation)
        observation.answer(result)
        return result
    if request.function.native:
        return follow_native(request, result, observation)
    return follow(request, result, observation)
