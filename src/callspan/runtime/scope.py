"""The scope: what is in force for the code that runs here.

It has the handlers of a block, token counters, budgets, capture and attributes. Beside it in the
context are a framework's run context, and whether telemetry is suppressed.

It travels in the OpenTelemetry context, so that asyncio tasks, `asyncio.to_thread` and whatever
else carries that context carry it too. Plain threads and other processes do not: give them
`carry(function)` (`runtime/bound_function.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import Token as ContextToken
from types import ModuleType
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry import context as otel
from opentelemetry.context import Context as Context

_SCOPE = otel.create_key("callspan-scope")
_RUN_CONTEXT = otel.create_key("callspan-run-context")


def _suppression_keys() -> tuple[str, ...]:
    # opentelemetry-api's own key is private; opentelemetry-instrumentation sets the plain one too.
    key = getattr(otel, "_SUPPRESS_INSTRUMENTATION_KEY", None)
    if key:
        return key, "suppress_instrumentation"
    return ("suppress_instrumentation",)


_SUPPRESSED = _suppression_keys()


class Scope:
    """The things that blocks have put in force; never changed, only replaced.

    They are objects of the rooms above, which alone know their types.

    Attributes:
        handlers: The handlers of `use_handlers()` blocks.
        counters: The counters of `count_tokens()` blocks.
        budgets: The budgets of `budget()` blocks.
        capture: The choice of the innermost `capture()` block.
        attributes: The attributes of `attributes()` blocks.
    """

    __slots__ = ("attributes", "budgets", "capture", "counters", "handlers")

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

    def plus(
        self,
        *,
        handlers: tuple[Any, ...] = (),
        counters: tuple[Any, ...] = (),
        budgets: tuple[Any, ...] = (),
        capture: Any = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Scope:
        """Return this scope with more in force."""
        larger = Scope(
            (*self.handlers, *handlers),
            (*self.counters, *counters),
            (*self.budgets, *budgets),
            # the choice of an inner block was made over that of the outer one (`attach.capture`)
            capture or self.capture,
        )
        larger.attributes = self.attributes
        if attributes:
            larger.attributes = {**self.attributes, **attributes}
        return larger


NOTHING = Scope()
"""The scope outside of all blocks."""


def current(context: Context | None = None) -> Scope:
    """Return the scope in force, here or in another context."""
    if context is None:
        context = otel.get_current()
    scope = context.get(_SCOPE)
    return scope if isinstance(scope, Scope) else NOTHING


def suppressed(context: Context | None = None) -> bool:
    """Whether the app suppresses telemetry, here or in another context, by OpenTelemetry's key."""
    if context is None:
        context = otel.get_current()
    # an empty context is the usual one, and has no keys to look for
    return bool(context) and any(map(context.get, _SUPPRESSED))


@contextlib.contextmanager
def without_instrumentation() -> Iterator[None]:
    """Have no instrumentation record anything in this block."""
    token = otel.attach(_suppress(otel.get_current()))
    try:
        yield
    finally:
        otel.detach(token)


def _suppress(context: Context) -> Context:
    for key in _SUPPRESSED:
        context = otel.set_value(key, True, context)
    return context


def look(context: Context) -> tuple[bool, Any, Scope]:
    """Return whether telemetry is suppressed in a context, the run context there, and the scope."""
    if not context:
        return False, None, NOTHING  # the usual case, in the path of each call
    return suppressed(context), run_context(context), current(context)


def put(scope: Scope, carried: Mapping[str, object] | None = None) -> ContextToken[Context]:
    """Put a scope in force, until `leave` is called with the token that is returned.

    Args:
        scope: The scope.
        carried: Entries for OpenTelemetry's baggage, which goes out with HTTP requests.
    """
    context = otel.set_value(_SCOPE, scope)
    # beside the scope, which is an object of this process and leaves it by no header
    for name, value in (carried or {}).items():
        context = baggage.set_baggage(name, value, context)
    return otel.attach(context)


@contextlib.contextmanager
def entered(scope: Scope) -> Iterator[None]:
    """Put a scope in force for a block."""
    token = put(scope)
    try:
        yield
    finally:
        leave(token)


def leave(token: ContextToken[Context]) -> bool:
    """Take out of force whatever `put` or `enter` put in force.

    OpenTelemetry's `detach` logs an error for a token of another task, as it comes about where a
    generator is closed by another task than the one that began it.

    Returns:
        Whether the token was of this task.
    """
    # a context of another kind than Python's, which `OTEL_PYTHON_CONTEXT` may name
    if not isinstance(token, ContextToken):
        otel.detach(token)
        return True
    try:
        token.var.reset(token)
    except ValueError:
        return False
    return True


def run_context(context: Context | None = None) -> Any:
    """Return the run context, here or in another context; `None` outside of any run."""
    if context is None:
        context = otel.get_current()
    return context.get(_RUN_CONTEXT)


def at(run_context: object, context: Context | None = None) -> Context:
    """Return a context, made of the current or another one, with a run context in it."""
    return otel.set_value(_RUN_CONTEXT, run_context, context)


def agent(call: Any) -> Any:
    """Return the innermost agent: a call itself, or the nearest of those that it is made in."""
    while call is not None and call.operation != "invoke_agent":
        call = call.parent
    return call


def context() -> Context:
    """Return the context in force."""
    return otel.get_current()


def load_propagators() -> ModuleType:
    """Return OpenTelemetry's propagators, which are loaded by the first call: it reads files."""
    from opentelemetry import propagate

    return propagate


def inject(carrier: dict[str, Any]) -> None:
    """Write the trace context in force into the headers, or the like, of a message."""
    load_propagators().inject(carrier)


def extract(carrier: Mapping[str, Any]) -> Context:
    """Return the context in force with the trace context of a message in place of its own."""
    # messages carry other values too, and propagators read texts only
    texts = {key: value for key, value in carrier.items() if isinstance(value, str)}
    return load_propagators().extract(texts)


def links_to_current(context: Context) -> tuple[trace.Link, ...]:
    """Return a link to the span in force, unless there is none or a context has the same."""
    current = trace.get_current_span().get_span_context()
    parent = trace.get_current_span(context).get_span_context()
    # a link to the span's own parent would say nothing new
    if not current.is_valid or current.span_id == parent.span_id:
        return ()
    return (trace.Link(current),)


def of_span(trace_id: int, span_id: int) -> Context:
    """Return a context in which a span of another process, or one that has ended, is in force."""
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    span = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(span), Context())


def enter(context: Context) -> ContextToken[Context]:
    """Put a context in force, until `leave` is called with the token that is returned."""
    return otel.attach(context)


class ContextRestorer:
    """A block of somebody else's code, after which the context before it is back in force."""

    # a class: a generator would take part in the exceptions that pass, `StopIteration` among them
    __slots__ = ("_context",)

    def __enter__(self) -> None:
        self._context = otel.get_current()

    def __exit__(self, *_error: object) -> None:
        if otel.get_current() is not self._context:
            otel.attach(self._context)


PortableContext = tuple[dict[str, str], Any, dict[str, Any], bool]
"""The part of a context that can be pickled: propagators' texts, capture, attributes, suppression."""


def write(context: Context) -> PortableContext:
    """Return the part of a context that means something in another process."""
    texts: dict[str, str] = {}
    load_propagators().inject(texts, context=context)
    scope = current(context)
    return texts, scope.capture, dict(scope.attributes), suppressed(context)


def read(portable: PortableContext) -> Context:
    """Return a context that was written in another process, with nothing of this one in it."""
    texts, capture, attributes, is_suppressed = portable
    context = load_propagators().extract(texts, context=Context())
    scope = Scope().plus(capture=capture, attributes=attributes)
    context = otel.set_value(_SCOPE, scope, context)
    if is_suppressed:
        context = _suppress(context)
    return context
