"""What `instrument()` puts in place: the clients being watched, the providers used, and who is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from opentelemetry import _logs as logs
from opentelemetry import metrics, trace

from callspan.accounting.budgets import Budget
from callspan.accounting.prices import table
from callspan.accounting.reservations import in_scope, input_size
from callspan.clients import CLIENTS
from callspan.content.capture import Capture, chosen
from callspan.decorators import operation as decorators
from callspan.events import Call
from callspan.frameworks import INTEGRATIONS
from callspan.frameworks.integration import Integration
from callspan.frameworks.native import NATIVES
from callspan.hooks.client import Client, Request
from callspan.hooks.native import LatestCall, policy
from callspan.lifecycle.client_options import NO_OPTIONS, ClientOptions, options_by_client
from callspan.lifecycle.dispatch import Dispatch
from callspan.lifecycle.observation import Observation, Reader
from callspan.runtime import guard
from callspan.runtime.background import outside_loop
from callspan.runtime.patching import Patch, Patches
from callspan.runtime.plain import valid
from callspan.runtime.scope import NOTHING, Scope, context, current, look
from callspan.settings.settings import Settings, disabled_instrumentations, sdk_disabled
from callspan.setup.bypass import lines_about
from callspan.setup.conflicts import other_instrumentations
from callspan.setup.inspection import installed_version, older
from callspan.setup.muting import Muting
from callspan.setup.subscription import FrameworkSubscription
from callspan.telemetry.agents import AgentMetrics
from callspan.telemetry.logs import LogEvents
from callspan.telemetry.metrics import Metrics
from callspan.telemetry.spans import Spans


class ClientSubscription:
    """One client being watched: its patches, its version, and what else watches it."""

    def __init__(self, adapter: Client, owner: Installation) -> None:
        self.adapter = adapter
        self.version = ""
        self.others: tuple[str, ...] = ()
        self.deferred = False
        self._owner = owner
        self._applying = False
        self.patches = Patches(adapter.hook(adapter, self.open), adapter.module, self._imported)

    def apply(self) -> None:
        """Patch it, now or when it is imported."""
        self._applying = True
        self.patches.apply()
        self._applying = False

    def undo(self) -> None:
        """Leave it as it was."""
        self.patches.undo()

    def _imported(self) -> None:
        """Look at what is installed; not in an event loop in which the client is imported."""
        if self._applying:
            self._look()
        else:
            outside_loop(self._look)

    def _look(self) -> None:
        """Look, once the client is there, at its version and at who else has patched it."""
        self.version = installed_version(self.adapter) or ""
        if self.version and older(self.version, self.adapter.versions[0]):
            self.patches.refuse(
                f"{self.adapter.name} {self.version} is too old to be seen: "
                f"callspan needs {self.adapter.name}>={self.adapter.versions[0]}"
            )
            return
        for line in lines_about(self.patches.patches):
            guard.say_once(line)
        self.others = other_instrumentations(self.adapter.name)
        if self.others:
            self.deferred = self._owner.settings.on_conflict == "defer"
            then = (
                "callspan makes no span or token metric for it"
                if self.deferred
                else "its calls are seen twice"
            )
            guard.say_once(
                f"{self.adapter.name} is instrumented by {', '.join(self.others)} too: {then}"
            )

    def open(self, request: Request) -> Observation | None:
        """Begin an observation, unless telemetry is suppressed here.

        Where a framework makes the call in one of its models, this is what the model's run stands for.
        """
        owner = self._owner
        off, around, scope = look(context())
        if (
            off or not self.patches.active
        ):  # where others stand around our wrapper it cannot be taken out
            return None
        owner.ready()
        run = around.adopt(request.wire_format.operation) if around is not None else None
        within = run.base if run is not None and run.moved else None
        if within is not None:
            scope = current(within)
        options = NO_OPTIONS
        if options_by_client.used and request.client_object is not None:
            options = options_by_client.get(request.client_object, NO_OPTIONS)
        call = _call(request, self.version)
        observation = owner.observation(
            call, request.wire_format.read, scope, options, self.deferred
        )
        if run is not None:
            call.framework, observation.start_context = run.framework, within
        if request.stream:
            observation.asks_usage = owner.settings.request_usage
            observation.awaits_usage = request.wire_format.usage_follows(request.body)
        if scope.budgets or owner.budgets or options.budgets:
            observation.budgets = in_scope(scope, owner.budgets, options.budgets)
            observation.size = lambda: input_size(request.body)
        return observation


def _call(request: Request, version: str) -> Call:
    client, wire_format, body = request.client, request.wire_format, request.body
    model = body.get("model")
    host, port = request.server
    return Call(
        wire_format.operation,
        client.provider(request.client_object, host or "", port),
        valid(model) if isinstance(model, str) else None,
        wire_format.parameters(body),
        stream=request.stream,
        asynchronous=request.asynchronous,
        server=request.server,
        client=(client.name, version),
        content=lambda: wire_format.content(body),
    )


def _given(provider: Any) -> Callable[[], Any] | None:
    return None if provider is None else lambda: provider


class Providers:
    """The providers given, else the global ones, looked up at each use."""

    def __init__(
        self, tracer_provider: Any = None, meter_provider: Any = None, logger_provider: Any = None
    ) -> None:
        self.tracer = _given(tracer_provider) or trace.get_tracer_provider
        self.meter = _given(meter_provider) or metrics.get_meter_provider
        self.logger = _given(logger_provider) or logs.get_logger_provider

    def handlers(self, settings: Settings) -> tuple[Any, ...]:
        """What turns calls into telemetry, unless OpenTelemetry is switched off."""
        if sdk_disabled():
            return ()
        return (
            Spans(settings, self.tracer),
            Metrics(settings, self.meter),
            AgentMetrics(settings, self.meter),
            LogEvents(settings, self.logger),
        )

    def in_force(self) -> list[Any]:
        """Return the three providers, in the order in which they are flushed, without those that cannot be loaded."""
        providers: list[Any] = []
        for look_up in (self.tracer, self.logger, self.meter):
            try:
                providers.append(look_up())
            except Exception as error:  # noqa: BLE001  OTEL_PYTHON_..._PROVIDER may name what is not there
                guard.report("looking for a provider", error)
        return providers


class NoTelemetry(Providers):
    """For a program that counts or listens, and has not asked for telemetry."""

    def handlers(self, settings: Settings) -> tuple[Any, ...]:
        """Nothing that makes spans, metrics or log events."""
        return ()


class Installation:
    """What one `instrument()` put in place. `ready` is called before each observation.

    Without `watch` nothing is watched but what `hear` names.
    """

    def __init__(
        self,
        settings: Settings,
        providers: Providers,
        handlers: tuple[Any, ...],
        ready: Callable[[], None],
        watch: bool = True,
    ) -> None:
        self.settings = settings
        self.budgets: tuple[Budget, ...] = ()
        self.ready = ready
        self.heard: tuple[str, ...] = ()
        self.providers = providers
        table.use(prices := table.Prices(settings.prices))
        if settings.cost:
            prices.begin()
        self._telemetry = providers.handlers(settings)
        self._chosen = chosen(settings)
        self._capture = self._chosen if self._chosen.on else None
        self._estimates = settings.estimate == "missing"
        self._handlers = handlers
        self.natives: list[Muting] = []
        self.listen()
        wanted = _wanted(settings) if watch else ()
        self.clients: list[ClientSubscription | FrameworkSubscription] = [
            *(ClientSubscription(adapter, self) for adapter in CLIENTS if adapter.name in wanted),
            *(
                FrameworkSubscription(source, self.begin)
                for source in INTEGRATIONS
                if source.name in wanted
            ),
        ]
        muting = settings.on_native == "mute" and bool(self._telemetry) and bool(self.clients)
        self.natives = [Muting(native, self.listen) for native in NATIVES if muting]

    def listen(self) -> None:
        """Work out who is told, also of what `configure()` has added."""
        self._handlers_only = Dispatch((*self._handlers, *_house_handlers()))
        counted = [native for native in self.natives if native.muted and native.native.metrics]
        latest = (LatestCall(),) if counted else ()
        self._all = Dispatch((*self._telemetry, *latest, *self._handlers_only.handlers))

    def begin(self, call: Call, read: Reader, scope: Scope) -> Observation:
        """Begin an observation of what a framework tells of itself."""
        self.ready()
        observation = self.observation(call, read, scope, NO_OPTIONS, False)
        observation.budgets = in_scope(scope, self.budgets)
        return observation

    def observation(
        self, call: Call, read: Reader, scope: Scope, options: ClientOptions, handlers_only: bool
    ) -> Observation:
        """Return an observation of a call of a client with these options in this scope."""
        dispatch = self._handlers_only if handlers_only else self._all
        estimates = self._estimates
        call.capture = self._capture
        if scope is not NOTHING or options is not NO_OPTIONS:
            call.attributes = scope.attributes
            call.capture = self._capture_for(options, scope)
            if options.handlers or scope.handlers:
                dispatch = dispatch.plus((*options.handlers, *scope.handlers))
            estimates = estimates or bool(scope.counters)
        return Observation(call, dispatch, scope, read, estimates=estimates and call.uses_tokens)

    def _capture_for(self, options: ClientOptions, scope: Scope) -> Capture | None:
        found = self._chosen
        for choice in (*options.choices, *((scope.capture,) if scope.capture else ())):
            found = choice.of(found)
        return found if found.on else None

    def apply(self) -> None:
        """Patch the clients, now or when they are imported."""
        for client in self.clients:
            client.apply()
        decorators.subscribe(self.begin if self.clients else None)
        if self.settings.on_native == "mute":
            policy.mute(self._framework_takes_content_out)
        for native in self.natives:
            native.apply()

    def _framework_takes_content_out(self) -> bool:
        """Whether content that a framework records would reach a provider that only callspan has set up."""
        if self._chosen.on:
            return False
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider):
            return True  # `callspan run` sets one up with the first span
        providers = sys.modules.get("callspan.export.providers")
        return providers is not None and providers.owned()

    def hear(self, framework: str) -> None:
        """Hear the handlers that the app itself gives to a framework which is not watched everywhere."""
        self.heard = (*self.heard, framework)
        if framework not in [client.adapter.name for client in self.clients]:
            source = next(source for source in INTEGRATIONS if source.name == framework)
            self.clients.append(FrameworkSubscription(source, self.begin, everywhere=False))
            self.clients[-1].apply()

    def undo(self) -> None:
        """Leave them as they were."""
        for client in self.clients:
            client.undo()
        decorators.subscribe(None)
        policy.keep()
        for native in self.natives:
            native.undo()


def known_clients() -> list[str]:
    """The names of the clients that there are adapters for."""
    return [adapter.name for adapter in (*CLIENTS, *INTEGRATIONS)]


def patched(installation: Installation | None) -> dict[Client | Integration, list[Patch]]:
    """The patches of each client, those in place and those that there would be."""
    watched = (
        {client.adapter.name: client.patches.patches for client in installation.clients}
        if installation
        else {}
    )
    found: dict[Client | Integration, list[Patch]] = {}
    for adapter in CLIENTS:
        found[adapter] = watched.get(adapter.name) or adapter.hook(adapter, lambda _request: None)
    for source in INTEGRATIONS:
        found[source] = watched.get(source.name) or source.patches()
    return found


def _house_handlers() -> tuple[Any, ...]:
    """The handlers that a destination needs to hear, such as the table of tokens."""
    providers = sys.modules.get("callspan.export.providers")
    return providers.handlers() if providers is not None else ()


def _wanted(settings: Settings) -> set[str]:
    known = set(known_clients())
    off = disabled_instrumentations()
    all_off = not off.isdisjoint(("*", "callspan"))
    named = {name for name in known if all_off or f"callspan_{name}" in off}
    return set(settings.clients or known) - set(settings.disabled_clients) - named
