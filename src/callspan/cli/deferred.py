"""Providers for a program that runs under `callspan run`, set up when they are first needed.

Not before: by the first span the app has set up its own OpenTelemetry, if it ever does, and worker processes have
been forked, so that each has connections of its own. And most processes never come to have a span.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from callspan.cli import ending, last_calls
from callspan.cli.ending import Ending
from callspan.cli.preparation import Preparation
from callspan.runtime import guard, private, process
from callspan.runtime.requirements import advice
from callspan.settings.settings import flush_timeout

if TYPE_CHECKING:
    from callspan.events import Call, Response
    from callspan.export.destinations import Destinations


def _ignore(_message: str) -> None:
    """Say nothing of a wrong variable, which was told of before."""


SERVICE_NAME = "CALLSPAN_RUN_SERVICE"
"""The variable with a service name for programs that have none."""
LINES = "CALLSPAN_RUN_LINES"
"""The variable with the lines that were printed when the program was started, and need not be logged again."""
_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")


class LateProviders:
    """Sets providers up once; as a handler it passes calls on to the handlers that destinations bring with them."""

    needs_text = False

    def __init__(self) -> None:
        self._lock = process.own_lock(self, "_lock", awaited=True)
        self._begun = False
        self._done = False
        self._brought: tuple[Any, ...] = ()
        self.ending: Ending | None = None
        self.awaited = False
        process.in_child(self._forked)

    def _forked(self) -> None:
        """Let the child set up by itself what another thread of the parent has not finished."""
        self._begun = self._done

    def set_up(self) -> None:
        """Set up what the environment asks for, unless that has been done; a second thread waits for the first."""
        if self._done:
            return
        PREPARATION.end()
        with self._lock:
            if self._begun:
                return
            self._begun = True
            try:
                self._brought = self._set_up()
            except ModuleNotFoundError as error:
                guard.say_once(f"{advice(error) or error}; nothing is recorded")
            except Exception as error:  # noqa: BLE001  the program must run as if callspan were not there
                guard.say_once(f"{str(error) or type(error).__name__}; nothing is recorded")
            finally:
                self._done = True

    def _set_up(self) -> tuple[Any, ...]:
        """Set up, and return the handlers that have to hear calls because of it; the core tells those there before."""
        from callspan.export import providers

        told = providers.handlers()
        wanted = _wanted()
        if wanted.any:
            providers.setup(wanted, strict=False, by="operator")
            if flush_timeout() > 0:
                self.ending = Ending(_end, _flush, _LAST_CALLS.hold)
                self.ending.watch()
        return tuple(handler for handler in providers.handlers() if handler not in told)

    def on_start(self, call: Call) -> None:
        """Set up for an app with a provider of its own, and be ready for the end of a child."""
        self.set_up()
        if self.ending is not None:
            self.ending.watch()

    def on_end(self, call: Call, response: Response) -> None:
        """Pass it on."""
        for handler in self._brought:
            handler.on_end(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Pass it on."""
        for handler in self._brought:
            handler.on_error(call, error)


def _modules() -> Iterator[str]:
    """Return the names of the modules that the set-up imports, as the environment is now."""
    from callspan.export import opening

    return opening.modules(destinations(os.environ))


PREPARATION = Preparation(_modules)
PROVIDERS = LateProviders()
_LAST_CALLS = last_calls.LastCalls()


def instrument() -> None:
    """Instrument the clients, with providers to come; once, whichever client is imported first."""
    import callspan

    if not PROVIDERS.awaited:
        PROVIDERS.awaited = True
        guard.expect(os.environ.get(LINES, "").splitlines())
        if flush_timeout() > 0:
            ending.reserve()
        callspan.instrument(handlers=[PROVIDERS])
        PREPARATION.begin()


def _wanted() -> Destinations:
    """What the environment asks for, and the app does not do itself; the file is this process's own."""
    from callspan.export import providers
    from callspan.export.destinations import from_environment

    wanted = (
        from_environment(os.environ, guard.say_once)
        if providers.is_configured()
        else destinations(os.environ, guard.say_once)
    )
    if not providers.unset() and not providers.owned():
        wanted = asked_of_us(wanted, os.environ)
    elif name := os.environ.get(SERVICE_NAME):
        os.environ.setdefault("OTEL_SERVICE_NAME", name)
    return replace(wanted, file=_own_file(wanted.file)) if wanted.file else wanted


def _own_file(path: str) -> str | None:
    """Return the path of this process's own file, or `None` where it cannot be written: the rest goes on."""
    try:
        return private.claimed(path)
    except OSError as error:
        guard.say_once(f"{path} cannot be written ({error.strerror}), so nothing goes there")
        return None


def _end() -> None:
    from callspan.export import providers
    from callspan.lifecycle.shutdown import abandon_all

    _LAST_CALLS.settle(min(last_calls.SECONDS, flush_timeout() / 2))
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
    """Return where telemetry goes under `callspan run`: where the environment says, else to the console.

    `complain` is given a line about each wrong variable, which counts as not set.
    """
    from callspan.export.destinations import from_environment, switch

    wanted = from_environment(environ, complain)
    decided = switch(environ, "CALLSPAN_CONSOLE", _ignore) is not None or any(
        map(environ.get, _EXPORTERS)
    )
    return wanted if wanted.any or decided else replace(wanted, console=True)


def asked_of_us(found: Destinations, environ: Mapping[str, str]) -> Destinations:
    """Without what OTEL_* ask for, as an app with providers of its own sees to that, and sends nothing twice."""
    ours = {
        name: environ.get(f"CALLSPAN_{name.upper()}") for name in ("console", "file", "prometheus")
    }
    return replace(
        found,
        console=found.console and bool(ours["console"]),
        otlp=False,
        prometheus=found.prometheus if ours["prometheus"] else None,
    )
