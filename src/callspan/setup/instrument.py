"""Begin and end the instrumentation of this process."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from callspan.accounting.budgets import Budget
from callspan.content.capture import ContentField
from callspan.events.handler import AnyHandler
from callspan.lifecycle.dispatch import check_handlers
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.runtime.requirements import require
from callspan.semconv.conventions import EXTRA
from callspan.settings import others
from callspan.settings.choices import (
    CaptureMode,
    ConventionsVersion,
    EstimateMode,
    OnConflict,
    OnNative,
    ReaderName,
    TokenEvents,
)
from callspan.settings.environment import CLIENT_MODULES, sdk_disabled
from callspan.settings.resolution import resolve
from callspan.settings.settings import Settings
from callspan.setup import state
from callspan.setup.flush import register_exit_hook
from callspan.setup.inspection import Status, report
from callspan.setup.installation import Installation
from callspan.setup.providers import NoTelemetry, Providers
from callspan.setup.registry import patches_of, target_names

# it comes with the first patch, which would be in the middle of an import of the app's
require("wrapt")

_START_MODULES = frozenset({"callspan_start", "callspan.bootstrap.callspan_start"})
"""Names of the module that runs at the start of a program: by PYTHONPATH, and in a bundle."""

PriceTable = dict[str, Any] | str | PathLike[str]
"""Prices of your own: a table, or the path of a JSON file that holds one."""


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    clients: Iterable[str] | None = None,
    vector_stores: bool | None = None,
    memory_stores: bool | None = None,
    batches: bool | None = None,
    handlers: Iterable[AnyHandler] = (),
    capture: CaptureMode | None = None,
    capture_fields: Iterable[ContentField] | None = None,
    redact: Callable[[str, str], str | None] | str | None = None,
    content_limit: int | str | None = None,
    upload: str | PathLike[str] | None = None,
    semconv: ConventionsVersion | None = None,
    readers: Iterable[ReaderName] | None = None,
    request_usage: bool | None = None,
    token_events: TokenEvents | None = None,
    chunk_metrics: bool | None = None,
    extra_metrics: Iterable[str] | None = None,
    on_conflict: OnConflict | None = None,
    on_native: OnNative | None = None,
    estimate: EstimateMode | None = None,
    cost: bool | None = None,
    prices: PriceTable | None = None,
    metric_dimensions: Iterable[str] | None = None,
    budget: Budget | None = None,
) -> None:
    """Watch the model clients of this process: those that are imported, and those still to come.

    A setting that is not given is read from the environment, else its default holds. A second call
    replaces the first.

    Args:
        tracer_provider: Where spans go; by default the global provider, also one that is set later.
        meter_provider: Where metrics go; by default the global provider.
        logger_provider: Where log events go; by default the global provider.
        clients: The names of the clients and frameworks to watch, such as `["openai"]`; all by
            default. `callspan clients` prints the names.
        vector_stores: Watch vector stores too, whose searches are retrievals. Off by default.
        memory_stores: Watch stores of memories too: LangGraph's stores and mem0. Off by default.
        batches: Count the results of batches when the app reads them, once a process. Off by default.
        handlers: Objects with one or more of the handler methods, called for every call.
        capture: Where the content of calls goes: `off` (default), `span`, `event` or `both`.
        capture_fields: The kinds of content that are captured; all by default.
        redact: `"common"` takes keys and personal data out of content, as does the path
            `module:function` of a function of yours, or the function itself. It gets a text and
            the kind of its content, and returns the text to record, or `None` for nothing.
        content_limit: The most bytes of content for one call, or `"tempo"` for what Tempo keeps.
        upload: A folder or a bucket to which content beyond that limit is written whole, such as
            `gs://bucket/prompts`; spans and events have its address. Nowhere by default.
        semconv: The version of the conventions: `released` (default), `latest` or `both`.
        readers: What shows the spans, such as `["langfuse"]`: each gets what it needs beyond the
            conventions, and nothing that misleads it. None by default.
        request_usage: Ask providers for token counts of streams, and hide the chunk that holds
            them from the app. Off by default.
        token_events: The tokens that become span events: `first` (default), `all` or `off`.
        chunk_metrics: Record the seconds between the chunks of streams. Off by default.
        extra_metrics: The names of more metrics to record; none by default.
        on_conflict: Where another instrumentation sees the same client, `warn` (default) and
            record as well, or `defer` to it.
        on_native: `mute` (default) or `keep` what clients and frameworks record by themselves.
        estimate: Token counts that no provider gave: `console` (default) shows rough estimates on
            the console alone, `missing` marks better ones on spans too, `off` shows none.
        cost: Put costs in US dollars on spans and into a metric. Off by default.
        prices: Prices of your own, which come before those of genai-prices.
        metric_dimensions: The names of `callspan.attributes(...)` that metrics get as well.
        budget: A budget made by `callspan.budget(...)` for all calls of the process.

    Raises:
        SettingsError: A value is not valid; the message is one line that names the fix.
    """
    arguments = {
        "clients": clients,
        "vector_stores": vector_stores,
        "memory_stores": memory_stores,
        "batches": batches,
        "capture": capture,
        "capture_fields": capture_fields,
        "redact": redact,
        "content_limit": content_limit,
        "upload": upload,
        "semconv": semconv,
        "readers": readers,
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
    _install(arguments, providers, handlers, budget)
    # after the lock: a warning runs the app's own code, its handlers of logging
    for line in others.lines_about():
        guard.say_once(line)
    if tracer_provider is None and _spans_go_nowhere():
        way = _way_to_a_provider()
        guard.say_once(f"no OpenTelemetry provider is set, so spans go nowhere: {way}")


def _install(
    arguments: dict[str, Any],
    providers: Providers,
    handlers: Iterable[AnyHandler],
    budget: Budget | None,
) -> None:
    """Put an installation in place of the former one, which stays if an argument is wrong."""
    with state.lock:
        # all that may raise comes before the former installation is undone
        settings = _resolve(arguments)
        budgets = _check_budget(budget)
        # last, as it puts the prices in force
        installation = Installation(
            settings, providers, check_handlers(handlers), register_exit_hook
        )
        installation.opener.budgets = budgets
        previous = state.current
        # the lock is one that its own thread may take again
        uninstrument()
        state.current = installation
        state.has_instrumented = True
        installation.apply()
        # handlers of ours that the app has given to a framework go on being called
        if previous is not None:
            for framework in previous.subscribed_frameworks:
                installation.subscribe(framework)


def watch() -> None:
    """Watch the clients for counters and handlers alone where `instrument()` was not called.

    Nothing is recorded to OpenTelemetry.
    """
    with state.lock:
        # else an installation of the app's own counts and calls handlers already
        if state.current is None:
            state.current = Installation(_resolve({}), NoTelemetry(), (), register_exit_hook)
            state.current.apply()


def subscribe(framework: str) -> None:
    """Call our handlers that the app gives to a framework, also where nothing is instrumented."""
    with state.lock:
        if state.current is None:
            # without clients and other frameworks, which the app has not asked for
            state.current = Installation(
                _resolve({}), Providers(), (), register_exit_hook, watch=False
            )
        state.current.subscribe(framework)


def uninstrument() -> None:
    """Leave every client as it was; open streams still finish."""
    with state.lock:
        if state.current is not None:
            state.current.undo()
            state.current = None


def _resolve(arguments: dict[str, Any]) -> Settings:
    names = {
        "clients": target_names(),
        "disabled_clients": target_names(),
        "extra_metrics": list(EXTRA),
    }
    return resolve(arguments, names=names)


def _check_budget(budget: Budget | None) -> tuple[Budget, ...]:
    if budget is None:
        return ()
    if not isinstance(budget, Budget):
        raise SettingsError(f"budget is {budget!r}: give one made by callspan.budget(usd=...)")
    return (budget,)


def _spans_go_nowhere() -> bool:
    """Whether no provider is set, and none will come with the first span."""
    if sdk_disabled() or _is_started_by_run():
        return False
    try:
        return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    except Exception as error:  # noqa: BLE001  OTEL_PYTHON_TRACER_PROVIDER may be wrong
        guard.report("looking for a provider", error)
        return False


def _is_started_by_run() -> bool:
    """Whether `callspan run` has entered this process.

    Its variables also reach processes that it cannot enter.
    """
    return bool(os.environ.get(CLIENT_MODULES)) and not _START_MODULES.isdisjoint(sys.modules)


def _way_to_a_provider() -> str:
    try:
        sdk_is_installed = importlib.util.find_spec("opentelemetry.sdk") is not None
    except ImportError:
        sdk_is_installed = False
    if not sdk_is_installed:
        return "pip install opentelemetry-sdk"
    return "call callspan.configure(), set one up, or start the program by `callspan run`"


def before_calls(step: Callable[[], None]) -> Callable[[], None]:
    """Set the step that is taken before each call, and return the former one."""
    # without the lock: the thread that holds it may be one that is just being ended
    installation = state.current
    if installation is None:
        return step
    previous = installation.opener.ready
    installation.opener.ready = step
    return previous


def status() -> Status:
    """Report the state of each patch, checked now rather than remembered, and the destinations.

    Returns:
        The clients with the functions that are patched, the destinations, problems in words, and
        the number of items that did not arrive at each destination.
    """
    installation = state.current
    if installation is None:
        return report(False, patches_of([]), [])
    muted = [muting.native for muting in installation.natives if muting.muted]
    return report(True, installation.patches(), muted)


class Instrumentor:
    """The entry point for `opentelemetry-instrument`, which needs these two methods only."""

    def instrument(self, **options: Any) -> None:
        """Instrument with the providers among the options; never raise."""
        # `opentelemetry-instrument` passes options of its own as well, such as `skip_dep_check`
        names = ("tracer_provider", "meter_provider", "logger_provider")
        providers = {name: options[name] for name in names if name in options}
        try:
            instrument(**providers)
        except Exception as error:  # noqa: BLE001  an agent must not stop an app
            guard.report("instrument", error)

    def uninstrument(self, **_options: Any) -> None:
        """Leave every client as it was."""
        uninstrument()
