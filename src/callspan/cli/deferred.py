"""Providers for a program that runs under `callspan run`, set up when they are first needed.

Not before: by the first span the app has set up its own OpenTelemetry, if it ever does, and worker
processes have been forked, so that each has connections of its own. And most processes never come
to have a span (docs/decisions/0019).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from callspan.cli import ending, last_calls
from callspan.cli.ending import Ending
from callspan.cli.preparation import Preparation
from callspan.cli.variables import LINES, SERVICE_NAME
from callspan.runtime import guard, owner_only, process
from callspan.runtime.requirements import advice
from callspan.settings.environment import METRICS_FOLDER, flush_timeout

if TYPE_CHECKING:
    from callspan.events import Call, Response
    from callspan.export.destinations import Destinations


# By any of these the user has decided, be it for `none`.
_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")


def _ignore(_message: str) -> None:
    """Say nothing about a wrong variable, which has been reported before."""


class DeferredProviders:
    """Sets providers up once, when a call or a span first needs them.

    It is a handler of `callspan.instrument()`, which runs before there are any providers. So it
    also passes calls on to the handlers that some destinations, such as the console, need.
    """

    needs_text = False

    def __init__(self) -> None:
        # read before the set-up, once: to look into the environment at each call would take long
        self.needs_estimates = False
        self._lock = process.own_lock(self, "_lock", awaited=True)
        self._is_begun = False
        self._is_done = False
        # the dispatch of a call leaves these out (`setup/installation.py`), as it has this handler
        self.passes_on: tuple[Any, ...] = ()
        self.ending: Ending | None = None
        self.is_instrumented = False
        process.in_child(self._forked)

    def _forked(self) -> None:
        """Set up again in a child that was forked while another thread did it."""
        self._is_begun = self._is_done

    def set_up(self) -> None:
        """Set up the destinations of the environment, once; other threads wait meanwhile."""
        if self._is_done:
            return
        # The thread that imports beforehand stops here: what is missing is imported below.
        PREPARATION.end()
        with self._lock:
            if self._is_begun:
                return
            # Before the set-up: it may make a span, which comes here again in the same thread.
            self._is_begun = True
            try:
                self.passes_on = self._set_up()
            except ModuleNotFoundError as error:
                guard.say_once(f"{advice(error) or error}; nothing is recorded")
            except Exception as error:  # noqa: BLE001  the program must run as if callspan were not there
                guard.say_once(f"{str(error) or type(error).__name__}; nothing is recorded")
            finally:
                self._is_done = True

    def _set_up(self) -> tuple[Any, ...]:
        """Set up, and return the handlers that came with it."""
        from callspan.export import providers

        # Those that `callspan.configure()` in the app has brought are in each dispatch already.
        earlier = providers.handlers()
        wanted = _wanted()
        if wanted.any:
            # Not strict, as the program has begun: a destination that fails must not end it.
            providers.setup(wanted, strict=False, by="operator")
            if flush_timeout() > 0:
                self.ending = Ending(_end, _flush, _LAST_CALLS.hold)
                self.ending.watch()
        return tuple(handler for handler in providers.handlers() if handler not in earlier)

    def on_start(self, call: Call) -> None:
        """Set up, and watch for the signal that ends this process."""
        # An app with a provider of its own has no proxy whose first span would have come here.
        self.set_up()
        if self.ending is not None:
            self.ending.watch()  # a child that was forked since does not watch yet

    def on_end(self, call: Call, response: Response) -> None:
        """Pass the end on to the handlers of destinations."""
        for handler in self.passes_on:
            handler.on_end(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Pass the error on to the handlers of destinations."""
        for handler in self.passes_on:
            handler.on_error(call, error)


def _modules() -> Iterator[str]:
    """Return the names of the modules that the set-up will import in this environment."""
    from callspan.export import opening

    yield from opening.modules(destinations(os.environ))
    if flush_timeout() > 0:
        yield "callspan.cli.signal_action"


PREPARATION = Preparation(_modules)
PROVIDERS = DeferredProviders()
_LAST_CALLS = last_calls.LastCalls()


def instrument() -> None:
    """Instrument the clients once, before there are providers."""
    import callspan

    if not PROVIDERS.is_instrumented:
        PROVIDERS.is_instrumented = True
        # `callspan run` has printed these; each process would say them again.
        guard.expect(os.environ.get(LINES, "").splitlines())
        if flush_timeout() > 0:
            # As early as can be, before the program opens a file at that descriptor.
            ending.reserve()
        PROVIDERS.needs_estimates = destinations(os.environ).console
        callspan.instrument(handlers=[PROVIDERS])
        if os.environ.get(METRICS_FOLDER):
            process.at_exit(_remove_metrics)
        PREPARATION.begin()


def _remove_metrics() -> None:
    """Remove the folder of shared metrics at the end of the program, which may have served none itself."""
    from callspan.export import prometheus_group

    prometheus_group.remove_folder(os.environ.get(METRICS_FOLDER, ""))


def _wanted() -> Destinations:
    """Return the destinations of the environment that the app does not serve itself."""
    from callspan.export import providers
    from callspan.export.destinations import from_environment

    if providers.is_configured():  # by the app, so nothing has to fall back to the console
        wanted = from_environment(os.environ, guard.say_once)
    else:
        wanted = destinations(os.environ, guard.say_once)
    service_name = os.environ.get(SERVICE_NAME)
    if providers.app_has_provider():
        wanted = without_standard_destinations(wanted, os.environ)
    elif service_name:
        # Only where nobody names the service: its own variable and its own provider win.
        os.environ.setdefault("OTEL_SERVICE_NAME", service_name)
    if wanted.file is None:
        return wanted
    return replace(wanted, file=_own_file(wanted.file))


def _own_file(path: str) -> str | None:
    """Return the path of this process's own file, or `None` if it cannot be written."""
    try:
        return owner_only.claim(path)
    except OSError as error:
        guard.say_once(f"{path} cannot be written ({error.strerror}), so nothing goes there")
        return None


def _end() -> None:
    """Send all telemetry that is waiting, before a signal ends the process."""
    from callspan.export import providers
    from callspan.lifecycle.shutdown import abandon_all

    # Half at most: the rest of the time is for what has to be sent.
    _LAST_CALLS.settle(min(last_calls.SECONDS, flush_timeout() / 2))
    # Streams end here, with the part of the answer that they have.
    abandon_all()
    providers.give_up_absent()
    _flush()
    providers.shutdown()


def _flush() -> None:
    import callspan

    callspan.flush(flush_timeout())


def destinations(
    environ: Mapping[str, str], complain: Callable[[str], None] = _ignore
) -> Destinations:
    """Return where telemetry goes under `callspan run`.

    That is the console, unless the environment names a destination or switches telemetry off.

    Args:
        environ: The environment of the program.
        complain: Called with a line about each wrong variable, which counts as not set.
    """
    from callspan.export.destinations import console_choice, from_environment

    wanted = from_environment(environ, complain)
    is_decided = console_choice(environ, _ignore) is not None
    has_exporters = any(environ.get(variable) for variable in _EXPORTERS)
    if wanted.any or is_decided or has_exporters:
        return wanted
    return replace(wanted, console=True)


def without_standard_destinations(wanted: Destinations, environ: Mapping[str, str]) -> Destinations:
    """Return only the destinations that variables of callspan's own ask for.

    An app with providers of its own reads the `OTEL_*` variables itself, and telemetry that we
    sent there too would arrive twice.
    """
    console = wanted.console and bool(environ.get("CALLSPAN_CONSOLE"))
    prometheus = wanted.prometheus if environ.get("CALLSPAN_PROMETHEUS") else None
    return replace(wanted, console=console, otlp=False, prometheus=prometheus)
