"""The scope: what is in force for the code that runs here.

It has the handlers of a block, token counters, budgets, capture and attributes. Beside it in the
context are a framework's run context, and whether telemetry is suppressed.

It travels in the OpenTelemetry context, so that asyncio tasks, `asyncio.to_thread` and whatever else carries that
context carry it too. Plain threads do not: give them `carry(fn)`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import Token as Mark
from typing import Any, TypeVar

from opentelemetry import baggage, trace
from opentelemetry import context as otel

F = TypeVar("F", bound=Callable[..., Any])

_KEY = otel.create_key("callspan-scope")
_RUN_CONTEXT = otel.create_key("callspan-place")
_SUPPRESSED = tuple(
    key
    for key in (getattr(otel, "_SUPPRESS_INSTRUMENTATION_KEY", None), "suppress_instrumentation")
    if key
)


class Scope:
    """What a block has put in force; never changed, only replaced."""

    __slots__ = ("attributes", "budgets", "capture", "counters", "dispatch", "handlers")

    def __init__(
        self,
        handlers: tuple[Any, ...] = (),
        counters: tuple[Any, ...] = (),
        budgets: tuple[Any, ...] = (),
        capture: Any = None,
    ) -> None:
        self.handlers = handlers
        self.counters = counters
        self.budgets = budgets
        self.capture = capture
        self.attributes: Mapping[str, Any] = {}
        self.dispatch: Any = None

    def plus(
        self,
        *,
        handlers: tuple[Any, ...] = (),
        counters: tuple[Any, ...] = (),
        budgets: tuple[Any, ...] = (),
        capture: Any = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Scope:
        """This one with more in force."""
        found = Scope(
            (*self.handlers, *handlers),
            (*self.counters, *counters),
            (*self.budgets, *budgets),
            capture or self.capture,
        )
        found.attributes = {**self.attributes, **attributes} if attributes else self.attributes
        return found


NOTHING = Scope()


def current(context: Any = None) -> Scope:
    """The scope in force, here or in another context."""
    found = (otel.get_current() if context is None else context).get(_KEY)
    return found if isinstance(found, Scope) else NOTHING


def suppressed(context: Any = None) -> bool:
    """Whether the app asked for no telemetry, here or in another context, by OpenTelemetry's own key."""
    context = otel.get_current() if context is None else context
    return bool(context) and any(map(context.get, _SUPPRESSED))


def look(context: Any) -> tuple[bool, Any, Scope]:
    """Whether telemetry is suppressed in a context, where in a framework's program it is, and the scope in force."""
    if not context:
        return False, None, NOTHING
    return suppressed(context), run_context(context), current(context)


def put(scope: Scope, carried: Mapping[str, Any] | None = None) -> Any:
    """Put a scope in force until the mark that this gives is given to `leave`; `carried` goes into the baggage."""
    context = otel.set_value(_KEY, scope)
    for name, value in (carried or {}).items():
        context = baggage.set_baggage(name, value, context)
    return otel.attach(context)


@contextlib.contextmanager
def entered(scope: Scope) -> Iterator[None]:
    """Put a scope in force for a block."""
    mark = put(scope)
    try:
        yield
    finally:
        leave(mark)


def leave(mark: Any) -> bool:
    """Detach without the error log that OpenTelemetry writes for a mark of another task; says whether it was ours."""
    if not isinstance(mark, Mark):
        otel.detach(mark)
        return True
    try:
        mark.var.reset(mark)
    except ValueError:
        return False
    return True


def run_context(context: Any = None) -> Any:
    """Where in a framework's program code runs, here or in another context; `None` outside of any."""
    return (otel.get_current() if context is None else context).get(_RUN_CONTEXT)


def at(run_context: Any, context: Any = None) -> Any:
    """A context, that in force or the one given, in which code runs at a place."""
    return otel.set_value(_RUN_CONTEXT, run_context, context)


def agent(call: Any) -> Any:
    """The innermost agent that a call is, or in which it is made."""
    while call is not None and call.operation != "invoke_agent":
        call = call.parent
    return call


def context() -> Any:
    """The context in force."""
    return otel.get_current()


def load_propagators() -> Any:
    """Return OpenTelemetry's propagators, which are loaded by the first call: it reads files."""
    from opentelemetry import propagate

    return propagate


def inject(carrier: dict[str, Any]) -> None:
    """Write the trace context in force into the headers, or the like, of a message."""
    load_propagators().inject(carrier)


def extract(carrier: Mapping[str, Any]) -> Any:
    """Return the context in force with the trace context of a message in place of its own."""
    texts = {key: value for key, value in carrier.items() if isinstance(value, str)}
    return load_propagators().extract(texts)


def links_to_current(context: Any) -> tuple[Any, ...]:
    """Return a link to the span in force, unless it is the one that a context has, or there is none."""
    current = trace.get_current_span().get_span_context()
    parent = trace.get_current_span(context).get_span_context()
    if not current.is_valid or current.span_id == parent.span_id:
        return ()
    return (trace.Link(current),)


def enter(context: Any) -> Any:
    """Put a context in force; gives what `leave` takes."""
    return otel.attach(context)


def carry(function: F) -> F:
    """Bind a function to the OpenTelemetry context of this moment, for use in another thread.

    Threads do not take the context along: without this, calls in them belong to no block and to no
    span around.

    Args:
        function: A plain function.

    Returns:
        A function with the same arguments and result, which runs in that context.
    """
    context = otel.get_current()

    @functools.wraps(function)
    def carried(*args: Any, **kwargs: Any) -> Any:
        mark = otel.attach(context)
        try:
            return function(*args, **kwargs)
        finally:
            leave(mark)

    return carried  # type: ignore[return-value]  # the wrapper takes and gives what the function does
