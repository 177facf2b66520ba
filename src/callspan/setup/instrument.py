"""The composition root: which clients are watched, who is told, and where telemetry goes."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry import trace

from callspan.accounting.budgets import Budget
from callspan.content.capture import Choice
from callspan.lifecycle.client_options import NO_OPTIONS, options_by_client
from callspan.lifecycle.dispatch import check_handlers
from callspan.lifecycle.shutdown import end_all, forget_all
from callspan.runtime import guard, process, reentry
from callspan.runtime.background import heard
from callspan.runtime.errors import SettingsError
from callspan.runtime.scope import current, entered
from callspan.semconv.conventions import EXTRA
from callspan.settings.settings import (
    RUN_MODULES,
    Settings,
    check,
    flush_timeout,
    resolve,
    sdk_disabled,
)
from callspan.setup.client_objects import spoken_through
from callspan.setup.inspection import Status, report
from callspan.setup.installation import Installation, NoTelemetry, Providers, known_clients, patched

_lock = process.own_lock(sys.modules[__name__], "_lock", awaited=True)
_installation: Installation | None = None
_exit_hook = False


def instrument(
    *,
    tracer_provider: Any = None,
    meter_provider: Any = None,
    logger_provider: Any = None,
    clients: Iterable[str] | None = None,
    handlers: Iterable[Any] = (),
    capture: str | None = None,
    capture_fields: Iterable[str] | None = None,
    redact: Callable[[str, str], str | None] | str | None = None,
    content_limit: int | str | None = None,
    semconv: str | None = None,
    request_usage: bool | None = None,
    token_events: str | None = None,
    chunk_metrics: bool | None = None,
    extra_metrics: Iterable[str] | None = None,
    on_conflict: str | None = None,
    on_native: str | None = None,
    estimate: str | None = None,
    cost: bool | None = None,
    prices: Any = None,
    metric_dimensions: Iterable[str] | None = None,
    budget: Budget | None = None,
) -> None:
    """Watch the model clients of this process, those imported already and those still to come.

    Telemetry goes to the providers given, else to the global ones, also when those are set later; none is set here.
    What is not given is read from the environment (see README), else the default holds. A second call replaces the
    first. Raises `SettingsError`, one line, for what it does not know.
    """
    global _installation
    given = {
        "clients": clients,
        "capture": capture,
        "capture_fields": capture_fields,
        "redact": redact,
        "content_limit": content_limit,
        "semconv": semconv,
        "request_usage": request_usage,
        "token_events": token_events,
        "chunk_metrics": chunk_metrics,
        "extra_metrics": extra_metrics,
        "on_conflict": on_conflict,
        "on_native": on_native,
        "estimate": estimate,
        "cost": cost,
        "prices": prices,
        "metric_dimensions": metric_dimensions,
    }
    providers = Providers(tracer_provider, meter_provider, logger_provider)
    with _lock:
        new = Installation(
            _resolved(given), providers, check_handlers(handlers), _register_exit_hook
        )
        heard = _installation.heard if _installation is not None else ()
        new.budgets = _budgets([] if budget is None else [budget])
        uninstrument()
        _installation = new
        new.apply()
        for framework in heard:
            new.hear(framework)
    if tracer_provider is None and _nobody_listens():
        guard.say_once(
            f"no OpenTelemetry provider is set, so spans go nowhere: {_way_to_a_provider()}"
        )


def watch() -> None:
    """Watch the clients for counters and handlers alone, without telemetry, where `instrument()` was not called."""
    global _installation
    with _lock:
        if _installation is None:
            _installation = Installation(_resolved({}), NoTelemetry(), (), _register_exit_hook)
            _installation.apply()


def _resolved(given: dict[str, Any]) -> Settings:
    known = {
        "clients": known_clients(),
        "disabled_clients": known_clients(),
        "extra_metrics": list(EXTRA),
    }
    return resolve(given, known=known)


def _nobody_listens() -> bool:
    if sdk_disabled() or os.environ.get(RUN_MODULES):
        return False
    try:
        return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    except Exception as error:  # noqa: BLE001  OTEL_PYTHON_TRACER_PROVIDER may name what is not there
        guard.report("looking for a provider", error)
        return False


def _way_to_a_provider() -> str:
    try:
        installed = importlib.util.find_spec("opentelemetry.sdk") is not None
    except ImportError:
        installed = False
    if not installed:
        return "pip install opentelemetry-sdk"
    return "call callspan.configure(), set one up, or start the program by `callspan run`"


def hear(framework: str) -> None:
    """Hear the handlers of ours that the app gives to a framework, also where nothing is instrumented."""
    global _installation
    with _lock:
        if _installation is None:
            _installation = Installation(
                _resolved({}), Providers(), (), _register_exit_hook, watch=False
            )
        _installation.hear(framework)


def uninstrument() -> None:
    """Leave every client as it was; open streams still finish."""
    global _installation
    with _lock:
        if _installation is not None:
            _installation.undo()
            _installation = None


def _budgets(given: Iterable[Any]) -> tuple[Budget, ...]:
    found = tuple(given)
    for each in found:
        if not isinstance(each, Budget):
            raise SettingsError(f"budget is {each!r}: give one made by callspan.budget(usd=...)")
    return found


def attach(
    client: Any,
    *handlers: Any,
    capture: str | None = None,
    capture_fields: Iterable[str] | None = None,
) -> None:
    """Give one client object, for as long as it lives, handlers, budgets, and a choice of what of it is captured."""
    limits = tuple(each for each in handlers if isinstance(each, Budget))
    own = check_handlers(each for each in handlers if not isinstance(each, Budget))
    choice = _choice(capture, capture_fields)
    speaker = spoken_through(client)
    try:
        options_by_client[speaker] = options_by_client.get(speaker, NO_OPTIONS).plus(
            own, choice, limits
        )
    except TypeError:
        raise SettingsError(
            f"{type(client).__name__} is no client object: give the client itself"
        ) from None


@contextlib.contextmanager
def use_handlers(*handlers: Any) -> Iterator[None]:
    """Let handlers hear the calls begun inside a block, in tasks and in threads that carry the context too."""
    with entered(current().plus(handlers=check_handlers(handlers))):
        yield


@contextlib.contextmanager
def capture(mode: str | None = None, *, fields: Iterable[str] | None = None) -> Iterator[None]:
    """Choose for the calls begun inside a block where content goes (`off`, `span`, `event`, `both`), and what of it.

    The innermost block wins over a client's own choice, and that over `instrument()`; what is not given stays.
    Raises `SettingsError`, one line, for what it does not know.
    """
    scope = current()
    with entered(scope.plus(capture=_choice(mode, fields).over(scope.capture))):
        yield


def _choice(mode: str | None, fields: Iterable[str] | None) -> Choice:
    return Choice(
        None if mode is None else check("capture", mode),
        None if fields is None else check("capture_fields", fields),
    )


def configure(
    *,
    console: bool = False,
    file: str | None = None,
    otlp: str | bool | None = None,
    prometheus: str | None = None,
) -> None:
    """Set up OpenTelemetry for a script or a notebook that has not done so.

    `console` prints a tree a trace and a table of tokens at exit to stderr, `file` appends OTLP JSON lines, `otlp` is
    an endpoint or `True` for what the OTEL_* variables say, `prometheus` a `HOST:PORT` to serve /metrics on. With none
    given, the console is used. What the environment asks for, and `callspan run`, is kept beside it; another call
    replaces the one before. Providers that the app has set are kept. Raises `ConfigurationError`, one line.
    """
    from callspan.export import providers
    from callspan.export.destinations import Destinations
    from callspan.export.operators import operators_choice

    endpoint = otlp if isinstance(otlp, str) else None
    nothing = not (file or otlp or prometheus)
    operators = (
        operators_choice()
    )  # looked at first, as an app's own provider can be told from ours now
    providers.setup(Destinations(console or nothing, file, bool(otlp), endpoint, prometheus))
    if operators.any:
        providers.setup(operators, strict=False, by="operator")
    with _lock:
        if _installation is not None:
            _installation.listen()


def flush(timeout: float = 5.0) -> bool:
    """Bring everything that was recorded to where it goes, within `timeout` seconds.

    False if that was too short, or if something was lost since the last time: `status().losses` has the numbers.
    """
    return reentry.within(timeout, lambda: _flush(time.monotonic() + timeout), False)


def _flush(deadline: float) -> bool:
    done = heard(max(0.0, deadline - time.monotonic()))
    export = sys.modules.get("callspan.export.providers")
    if export is not None:
        export.begin_flush(deadline - time.monotonic())
    providers = _installation.providers if _installation is not None else Providers()
    for provider in providers.in_force():
        try:
            done = _force_flush(provider, deadline - time.monotonic()) and done
        except Exception as error:  # noqa: BLE001  a provider's fault must not stop the app
            guard.report(f"flushing {type(provider).__name__}", error)
            done = False
    return done


def _force_flush(provider: Any, seconds: float) -> bool:
    force = getattr(provider, "force_flush", None)
    if force is None:
        return True
    milliseconds = max(1, int(seconds * 1000))
    return force(milliseconds) is not False


def before_calls(step: Callable[[], None]) -> Callable[[], None]:
    """Take this step before each call from now on; return the step that was taken until now."""
    installation = _installation  # without the lock, which a thread may hold that is being ended
    if installation is None:
        return step
    before, installation.ready = installation.ready, step
    return before


def _register_exit_hook() -> None:
    """Register at the first call: by then the providers have theirs, which have to run after ours."""
    global _exit_hook
    if not _exit_hook:
        _exit_hook = True
        process.at_exit(_at_exit)
        process.in_child(forget_all)


def _at_exit() -> None:
    end_all()
    process.until_interrupted(lambda: flush(process.patience(flush_timeout())))


def status() -> Status:
    """What is patched now, check_handlers rather than assumed, and where telemetry goes."""
    natives = _installation.natives if _installation is not None else ()
    muted = [muting.native for muting in natives if muting.muted]
    return report(_installation is not None, patched(_installation), muted)


class Instrumentor:
    """The entry point for `opentelemetry-instrument`, which looks for these methods and no base class."""

    def instrument(self, **options: Any) -> None:
        """Instrument with whatever of the options is known; never raises, for an agent must not stop an app."""
        known = {"tracer_provider", "meter_provider", "logger_provider"}
        try:
            instrument(**{name: value for name, value in options.items() if name in known})
        except Exception as error:  # noqa: BLE001  see above
            guard.report("instrument", error)

    def uninstrument(self, **_options: Any) -> None:
        """Undo it."""
        uninstrument()
