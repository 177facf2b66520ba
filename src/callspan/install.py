"""The composition root: which clients are watched, who is told, and where telemetry goes."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry import _logs as logs
from opentelemetry import metrics, trace

from callspan import foreign, guard, process
from callspan.adapters import ADAPTERS
from callspan.background import heard
from callspan.dispatch import Dispatch, checked
from callspan.doors.adapter import Adapter, Request
from callspan.events import Call
from callspan.handlers.logs import LogEvents
from callspan.handlers.metrics import Metrics
from callspan.handlers.spans import Spans
from callspan.inspection import Status, installed_version, older, report
from callspan.observation import Observation, end_all, forget_all
from callspan.patching import Patches
from callspan.scope import Scope, current, entered, suppressed
from callspan.semconv.conventions import EXTRA
from callspan.settings import RUN_MODULES, Settings, SettingsError, flush_timeout, resolve

_lock = threading.RLock()


class _Client:
    """One client being watched: its patches, its version, and what else watches it."""

    def __init__(self, adapter: Adapter, owner: _Installation) -> None:
        self.adapter = adapter
        self.version = ""
        self.others: tuple[str, ...] = ()
        self.deferred = False
        self._owner = owner
        self.patches = Patches(adapter.door(adapter, self.open), adapter.module, self._loaded)

    def _loaded(self) -> None:
        """Look, once the client is there, at its version and at who else has patched it."""
        self.version = installed_version(self.adapter) or ""
        if self.version and older(self.version, self.adapter.versions[0]):
            self.patches.refuse(
                f"{self.adapter.name} {self.version} is too old to be seen: "
                f"callspan needs {self.adapter.name}>={self.adapter.versions[0]}"
            )
            return
        self.others = foreign.found(self.adapter.name)
        if self.others:
            self.deferred = self._owner.settings.on_conflict == "defer"
            then = "callspan makes no span or token metric for it" if self.deferred else "its calls are seen twice"
            guard.say_once(f"{self.adapter.name} is instrumented by {', '.join(self.others)} too: {then}")

    def open(self, request: Request) -> Observation | None:
        """Begin an observation, unless telemetry is suppressed here."""
        if not self.patches.active or suppressed():  # where others stand around our wrapper it cannot be taken out
            return None
        _register_exit_hook()
        scope = current()
        dispatch = self._owner.dispatch_for(request.client, scope, self.deferred)
        call = _call(request, self.version)
        observation = Observation(call, dispatch, scope, request.dialect.read)
        observation.asks_usage = request.stream and self._owner.settings.request_usage
        return observation


def _call(request: Request, version: str) -> Call:
    adapter, dialect, body = request.adapter, request.dialect, request.body
    model = body.get("model")
    host, port = request.server
    return Call(
        dialect.operation,
        adapter.provider(request.client, host or "", port),
        model if isinstance(model, str) else None,
        dialect.parameters(body),
        stream=request.stream,
        asynchronous=request.asynchronous,
        server=request.server,
        client=(adapter.name, version),
        content=lambda: dialect.content(body),
    )


class _Providers:
    """The providers given, else the global ones, looked up at each use."""

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None, logger_provider: Any = None) -> None:
        self.tracer: Callable[[], Any] = (lambda: tracer_provider) if tracer_provider else trace.get_tracer_provider
        self.meter: Callable[[], Any] = (lambda: meter_provider) if meter_provider else metrics.get_meter_provider
        self.logger: Callable[[], Any] = (lambda: logger_provider) if logger_provider else logs.get_logger_provider

    def handlers(self, settings: Settings) -> tuple[Any, ...]:
        """What turns calls into telemetry, unless OpenTelemetry is switched off."""
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return ()
        return Spans(settings, self.tracer), Metrics(settings, self.meter), LogEvents(settings, self.logger)

    def in_force(self) -> list[Any]:
        """The three providers, in the order in which they are flushed."""
        return [self.tracer(), self.logger(), self.meter()]


class _Installation:
    """What one `instrument()` put in place."""

    def __init__(self, settings: Settings, providers: _Providers, handlers: tuple[Any, ...]) -> None:
        self.settings = settings
        self.providers = providers
        self._telemetry = providers.handlers(settings)
        self._handlers = handlers
        self.listen()
        wanted = _wanted(settings)
        self.clients = [_Client(adapter, self) for adapter in ADAPTERS if adapter.name in wanted]

    def listen(self) -> None:
        """Work out who is told, also of what `configure()` has added."""
        self._handlers_only = Dispatch((*self._handlers, *_house_handlers()))
        self._all = Dispatch((*self._telemetry, *self._handlers_only.handlers))

    def dispatch_for(self, client: Any, scope: Scope, deferred: bool) -> Dispatch:
        """Everybody who is to be told of a call of this client in this scope."""
        everywhere = self._handlers_only if deferred else self._all
        own = _attached.get(client) if _attached else None
        if not own and not scope.handlers:
            return everywhere
        return everywhere.plus((*(own or ()), *scope.handlers))

    def apply(self) -> None:
        for client in self.clients:
            client.patches.apply()

    def undo(self) -> None:
        for client in self.clients:
            client.patches.undo()


def _house_handlers() -> tuple[Any, ...]:
    """The handlers that a destination needs to hear, such as the table of tokens."""
    providers = sys.modules.get("callspan.export.providers")
    return providers.handlers() if providers is not None else ()


def _wanted(settings: Settings) -> set[str]:
    known = {adapter.name for adapter in ADAPTERS}
    off = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").replace(" ", "").split(",")
    named = {name for name in known if f"callspan_{name}" in off or "callspan" in off}
    return set(settings.clients or known) - set(settings.disabled_clients) - named


_installation: _Installation | None = None
_attached: weakref.WeakKeyDictionary[Any, tuple[Any, ...]] = weakref.WeakKeyDictionary()
_exit_hook = False


def instrument(
    *,
    tracer_provider: Any = None,
    meter_provider: Any = None,
    logger_provider: Any = None,
    clients: Iterable[str] | None = None,
    handlers: Iterable[Any] = (),
    capture: str | None = None,
    semconv: str | None = None,
    request_usage: bool | None = None,
    token_events: str | None = None,
    chunk_metrics: bool | None = None,
    extra_metrics: Iterable[str] | None = None,
    on_conflict: str | None = None,
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
        "semconv": semconv,
        "request_usage": request_usage,
        "token_events": token_events,
        "chunk_metrics": chunk_metrics,
        "extra_metrics": extra_metrics,
        "on_conflict": on_conflict,
    }
    clients_known = [adapter.name for adapter in ADAPTERS]
    known = {"clients": clients_known, "disabled_clients": clients_known, "extra_metrics": list(EXTRA)}
    settings = resolve(given, known=known)
    providers = _Providers(tracer_provider, meter_provider, logger_provider)
    with _lock:
        new = _Installation(settings, providers, checked(handlers))
        uninstrument()
        _installation = new
        new.apply()
    if tracer_provider is None and _nobody_listens():
        guard.say_once(
            "no OpenTelemetry provider is set, so spans go nowhere: "
            "call callspan.configure(), set one up, or start the program by `callspan run`"
        )


def _nobody_listens() -> bool:
    expected = os.environ.get("OTEL_SDK_DISABLED") or os.environ.get(RUN_MODULES)
    return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider) and not expected


def uninstrument() -> None:
    """Leave every client as it was; open streams still finish."""
    global _installation
    with _lock:
        if _installation is not None:
            _installation.undo()
            _installation = None


def attach(client: Any, *handlers: Any) -> None:
    """Let handlers hear the calls of one client object, for as long as it lives."""
    own = checked(handlers)
    try:
        _attached[client] = (*_attached.get(client, ()), *own)
    except TypeError:
        raise SettingsError(f"{type(client).__name__} is no client object: give the client itself") from None


@contextlib.contextmanager
def use_handlers(*handlers: Any) -> Iterator[None]:
    """Let handlers hear the calls begun inside a block, in tasks and in threads that carry the context too."""
    scope = current()
    with entered(Scope((*scope.handlers, *checked(handlers)), scope.counters)):
        yield


def configure(
    *, console: bool = False, file: str | None = None, otlp: str | bool | None = None, prometheus: str | None = None
) -> None:
    """Set up OpenTelemetry for a script or a notebook that has not done so.

    `console` prints a tree a trace and a table of tokens at exit to stderr, `file` appends OTLP JSON lines, `otlp` is
    an endpoint or `True` for what the OTEL_* variables say, `prometheus` a `HOST:PORT` to serve /metrics on. With none
    given, the console is used. Providers that the app has set are kept. Raises `ConfigurationError`, one line.
    """
    from callspan.export import providers
    from callspan.export.destinations import Destinations

    endpoint = otlp if isinstance(otlp, str) else None
    nothing = not (file or otlp or prometheus)
    providers.setup(Destinations(console or nothing, file, bool(otlp), endpoint, prometheus))
    with _lock:
        if _installation is not None:
            _installation.listen()


def flush(timeout: float = 5.0) -> bool:
    """Bring everything that was recorded to where it goes, within `timeout` seconds; false if that was too short."""
    deadline = time.monotonic() + timeout
    done = heard(timeout)
    providers = _installation.providers if _installation is not None else _Providers()
    for provider in providers.in_force():
        force = getattr(provider, "force_flush", None)
        if force is not None:
            left = max(1, int((deadline - time.monotonic()) * 1000))
            try:
                done = force(left) is not False and done
            except Exception as error:  # noqa: BLE001  a provider's fault must not stop the app
                guard.report(f"flushing {type(provider).__name__}", error)
                done = False
    return done


def _register_exit_hook() -> None:
    """Register at the first call: by then the providers have theirs, which have to run after ours."""
    global _exit_hook
    if not _exit_hook:
        _exit_hook = True
        process.at_exit(_at_exit)
        process.in_child(forget_all)


def _at_exit() -> None:
    end_all()
    flush(flush_timeout())


def status() -> Status:
    """What is patched now, checked rather than assumed, and where telemetry goes."""
    watched = {client.adapter.name: client.patches.patches for client in _installation.clients} if _installation else {}
    patched = {
        adapter: watched.get(adapter.name) or adapter.door(adapter, lambda _request: None) for adapter in ADAPTERS
    }
    return report(_installation is not None, patched)


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
