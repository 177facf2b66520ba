"""Notifies handlers, which are compiled into one flat list for each event: that costs one loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any

from callspan.events import Call
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.runtime.handler_queue import HandlerQueue
from callspan.runtime.reentry import outside

SLOW_SECONDS = 0.5
"""Seconds that a user's handler may take before a warning says that it holds up the app."""
_EVENTS = ("on_start", "on_token", "on_end", "on_error")
NamedMethod = tuple[str, Callable[..., Any]]
"""A handler's method, behind the name by which its errors are reported."""


class Dispatch:
    """A set of handlers, by event.

    Starts are notified in the order of the handlers and ends in the reverse order, so that the
    first handler (the span) is open for longest.

    Attributes:
        wants_text: Whether any handler needs the text of answers.
        wants_estimates: Whether any handler shows rough estimates of missing token counts.
        stops: Methods for calls that a budget stops.
        background_ends: Methods for calls that the provider ends in the background.
        batch_results: Methods for results of batches.
    """

    __slots__ = (
        "_allows_estimates",
        "background_ends",
        "batch_results",
        "ends",
        "errors",
        "handlers",
        "starts",
        "stops",
        "tokens",
        "wants_estimates",
        "wants_text",
    )

    def __init__(self, handlers: Iterable[object] = (), *, allows_estimates: bool = True) -> None:
        # methods are looked up here, once: a handler without one costs its calls nothing
        self.handlers = _distinct(handlers)
        self.starts = self._methods("on_start")
        self.tokens = self._methods("on_token")
        self.ends = self._methods("on_end")[::-1]
        self.errors = self._methods("on_error")[::-1]
        self.stops = self._methods("on_budget_stop")
        self.background_ends = self._methods("on_background_end")
        self.batch_results = self._methods("on_batch_result")
        self.wants_text = any(map(_needs_text, self.handlers))
        self._allows_estimates = allows_estimates
        self.wants_estimates = allows_estimates and any(map(_needs_estimates, self.handlers))

    def _methods(self, event: str) -> list[NamedMethod]:
        methods: list[NamedMethod] = []
        for handler in self.handlers:
            method = _method(handler, event)
            if method is not None:
                methods.append(method)
        return methods

    def plus(self, more: Iterable[object]) -> Dispatch:
        """Return a set with further handlers; one that is there twice is notified once."""
        return Dispatch((*self.handlers, *more), allows_estimates=self._allows_estimates)


def _distinct(handlers: Iterable[object]) -> tuple[object, ...]:
    # by identity: handlers may define their own equality, and need not be hashable
    return tuple({id(handler): handler for handler in handlers}.values())


def _needs_text(handler: object) -> bool:
    """Whether a handler needs the text of answers; `reads_text` is the attribute's former name."""
    return bool(getattr(handler, "needs_text", getattr(handler, "reads_text", True)))


def _needs_estimates(handler: object) -> bool:
    return bool(getattr(handler, "needs_estimates", False))


def _method(handler: object, event: str) -> NamedMethod | None:
    """Return a handler's method for an event, wrapped as its kind needs; `None` if it has none."""
    method = getattr(handler, event, None)
    if method is None:
        return None
    name = f"{type(handler).__name__}.{event}"
    if inspect.iscoroutinefunction(method):
        return name, _async_method(handler, event, method)
    if type(handler).__module__.startswith("callspan."):
        return name, method  # not timed: ours are known to be quick, and timing costs two frames
    return name, partial(_timed, name, method)


def _async_method(handler: object, event: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that has an asynchronous method run, on its own loop or by the call."""
    deliver = HandlerQueue.of(handler).method(event, method)
    if not getattr(handler, "inline", False):
        return deliver

    def notify_inline(call: Call, *event: Any) -> Any:
        # an inline handler is awaited by the call, which only an asynchronous call can do
        if call.asynchronous:
            return method(call, *event)
        return deliver(call, *event)

    return notify_inline


def _timed(name: str, method: Callable[..., Any], *event: Any) -> Any:
    """Call a user's handler and warn once if it takes longer than `SLOW_SECONDS`."""
    start = perf_counter()
    # an app's handler may call a model itself; such a call is told at once, not by the worker
    answer = outside(method, *event)
    if perf_counter() - start > SLOW_SECONDS:
        guard.say_once(
            f"{name} is slow and holds up the calls that it hears of: make it `async def`"
        )
    return answer


def check_handlers(handlers: object) -> tuple[object, ...]:
    """Return the handlers as a tuple, or raise `SettingsError` that says what is wrong with one."""
    if isinstance(handlers, str) or not isinstance(handlers, Iterable):
        raise SettingsError("handlers must be a list of handlers, such as handlers=[MyHandler()]")
    result = tuple(handlers)
    # refused at once: a handler that is never called would be noticed too late
    for handler in result:
        if isinstance(handler, type):
            raise SettingsError(
                f"handler {handler.__name__} is a class: give an object, {handler.__name__}()"
            )
        if not any(callable(getattr(handler, event, None)) for event in _EVENTS):
            events = ", ".join(_EVENTS)
            raise SettingsError(
                f"handler {type(handler).__name__} has none of {events}: "
                "define at least one of them"
            )
    return result


def notify(methods: list[NamedMethod], call: Any) -> list[Any]:
    """Notify handlers of a one-argument event, and return their answers.

    A handler that raises is reported once and keeps no other from being notified.
    """
    answers = []
    for name, method in methods:
        try:
            answer = method(call)
            # an inline handler's coroutine, or a context manager that the call is to enter
            if answer is not None:
                answers.append(answer)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(name, error)
        except BaseException:
            # an interrupt may come anywhere; without the other handlers a span would have no end
            notify(methods[methods.index((name, method)) + 1 :], call)
            raise
    return answers


def notify_with(methods: list[NamedMethod], call: Call, detail: object) -> list[Any]:
    """Notify handlers of a two-argument event, and return their answers.

    Not merged with `notify`: `*args` would slow down every call.
    """
    answers = []
    for name, method in methods:
        try:
            answer = method(call, detail)
            if answer is not None:
                answers.append(answer)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(name, error)
        except BaseException:
            # an interrupt may come anywhere; without the other handlers a span would have no end
            notify_with(methods[methods.index((name, method)) + 1 :], call, detail)
            raise
    return answers
