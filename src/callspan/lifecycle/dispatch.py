"""Who is told: handlers compiled into four flat lists, so that telling them costs one loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any

from callspan.runtime import guard
from callspan.runtime.background import Delivery
from callspan.runtime.errors import SettingsError
from callspan.runtime.reentry import outside

SLOW_SECONDS = 0.5
"""How long a user's handler may take before it is said that it holds up the app."""
_EVENTS = ("on_start", "on_token", "on_end", "on_error")
NamedMethod = tuple[str, Callable[..., Any]]
"""A method to call, and by what name it is reported."""


class Dispatch:
    """A set of handlers, by event. `wants_text` says whether anybody reads what the model says.

    Starts go in the order given and ends in the reverse, so that what came first (the span) lasts longest.
    """

    __slots__ = (
        "background_ends",
        "ends",
        "errors",
        "handlers",
        "starts",
        "stops",
        "tokens",
        "wants_text",
    )

    def __init__(self, handlers: Iterable[Any] = ()) -> None:
        self.handlers = _distinct(handlers)
        told = {
            event: [pair for h in self.handlers if (pair := _method(h, event))] for event in _EVENTS
        }
        self.starts: list[NamedMethod] = told["on_start"]
        self.tokens: list[NamedMethod] = told["on_token"]
        self.ends: list[NamedMethod] = told["on_end"][::-1]
        self.errors: list[NamedMethod] = told["on_error"][::-1]
        self.stops = [
            pair for handler in self.handlers if (pair := _method(handler, "on_budget_stop"))
        ]
        self.background_ends = [
            pair for handler in self.handlers if (pair := _method(handler, "on_background_end"))
        ]
        self.wants_text = any(_needs_text(handler) for handler in self.handlers)

    def plus(self, more: Iterable[Any]) -> Dispatch:
        """This one with more handlers behind; a handler given twice is told once."""
        return Dispatch((*self.handlers, *more))


def _distinct(handlers: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({id(handler): handler for handler in handlers}.values())


def _needs_text(handler: Any) -> bool:
    """Whether a handler needs the text of answers; `reads_text` is the former name of the attribute."""
    return bool(getattr(handler, "needs_text", getattr(handler, "reads_text", True)))


def _method(handler: Any, event: str) -> NamedMethod | None:
    method = getattr(handler, event, None)
    if method is None:
        return None
    place = f"{type(handler).__name__}.{event}"
    if not inspect.iscoroutinefunction(method):
        return place, method if type(handler).__module__.startswith("callspan.") else partial(
            _timed, place, method
        )
    hand_on = Delivery.of(handler).method(event, method)
    if not getattr(handler, "inline", False):
        return place, hand_on
    # an inline handler is awaited by the call, which only an asynchronous call can do
    return (
        place,
        lambda call, *rest: method(call, *rest) if call.asynchronous else hand_on(call, *rest),
    )


def _timed(place: str, method: Callable[..., Any], *event: Any) -> Any:
    """A user's method, who is told when it is slow."""
    began = perf_counter()
    answer = outside(method, *event)
    if perf_counter() - began > SLOW_SECONDS:
        guard.say_once(
            f"{place} is slow and holds up the calls that it hears of: make it `async def`"
        )
    return answer


def check_handlers(handlers: Iterable[Any]) -> tuple[Any, ...]:
    """The handlers, or an error that names what is wrong with one."""
    if isinstance(handlers, str) or not isinstance(handlers, Iterable):
        raise SettingsError("handlers must be a list of handlers, such as handlers=[MyHandler()]")
    found = tuple(handlers)
    for handler in found:
        if isinstance(handler, type):
            raise SettingsError(
                f"handler {handler.__name__} is a class: give an object, {handler.__name__}()"
            )
        if not any(callable(getattr(handler, event, None)) for event in _EVENTS):
            raise SettingsError(
                f"handler {type(handler).__name__} has none of {', '.join(_EVENTS)}: define at least one of them"
            )
    return found


def notify(told: list[NamedMethod], call: Any) -> list[Any]:
    """Tell all of a call; one that raises is reported once and keeps nobody else from hearing."""
    answers = []
    for place, method in told:
        try:
            if (answer := method(call)) is not None:
                answers.append(answer)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(place, error)
        except (
            BaseException
        ):  # an interrupt, which comes anywhere: the others hear, or a span would have no end
            notify(told[told.index((place, method)) + 1 :], call)
            raise
    return answers


def notify_with(told: list[NamedMethod], call: Any, what: Any) -> list[Any]:
    """The same with what has happened to the call; a star in place of the two would slow down every call."""
    answers = []
    for place, method in told:
        try:
            if (answer := method(call, what)) is not None:
                answers.append(answer)
        except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
            guard.report(place, error)
        except (
            BaseException
        ):  # an interrupt, which comes anywhere: the others hear, or a span would have no end
            notify_with(told[told.index((place, method)) + 1 :], call, what)
            raise
    return answers
