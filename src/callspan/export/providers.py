"""OpenTelemetry set up for a program that has not done so; else our destinations added to its providers.

The functions are methods of one object, as there is one set of global providers in a process.
"""

from __future__ import annotations

import time

from callspan.export.attachments import ProviderAttachment
from callspan.export.destinations import Destinations
from callspan.export.endpoints import SIGNALS
from callspan.export.exporter import Exporter, seconds_left
from callspan.export.exporter_set import ExporterSet, Openers, merge_openers
from callspan.export.losses import Loss
from callspan.export.meters import Meters
from callspan.export.opening import check_sdk, openers_of
from callspan.export.shared_table import SHARED_TABLE
from callspan.export.span_estimates import ESTIMATES, SpanEstimates
from callspan.export.text.program_table import print_token_table
from callspan.export.token_sums import ModelSums, TokenSums
from callspan.lifecycle.shutdown import abandon_all
from callspan.runtime import process
from callspan.runtime.handler_queue import drain
from callspan.settings.environment import FLUSH_TIMEOUT, flush_timeout
from callspan.telemetry import provider as telemetry


class ExportProviders:
    """Connects exporters with the providers in force, and brings everything out at the exit."""

    def __init__(self) -> None:
        # a fork waits for it: a child with half of a set-up would record nothing
        self._lock = process.own_lock(self, awaited=True)
        # both by the side that chose them, so that neither replaces the other (docs/decisions/0069)
        self._destinations: dict[str, Destinations] = {}
        self._openers: dict[str, Openers] = {}
        self._exporters = ExporterSet()
        self._attachments = tuple(
            ProviderAttachment(signal, self._use_own, self._exporters.flush)
            for signal in ("traces", "logs")
        )
        self._meters = Meters(
            self._own_exporters,
            lambda seconds: self._exporters.flush("metrics", seconds),
            lambda: self._lock,  # looked up, as a forked child has another one
        )
        self._token_sums: TokenSums | None = None
        self._is_hooked = False
        self._has_ended = False

    def setup(
        self, destinations: Destinations, *, strict: bool = True, by: str = "program"
    ) -> None:
        """Let telemetry go to these destinations, and to no others that the same side has set up before.

        Providers that the app has set are kept. The same destinations again change nothing.

        Args:
            destinations: Where telemetry goes.
            strict: Whether a destination that cannot be used raises; else it is a warning.
            by: The side that asks: `program`, or `operator` for the environment. Neither takes
                away from the other.

        Raises:
            ConfigurationError: In one line, before anything is changed.
        """
        check_sdk()
        openers = openers_of(destinations, strict)
        with self._lock:
            merged = merge_openers({**self._openers, by: openers})
            # the keys are compared too: what could not be opened the last time is tried again
            is_same = destinations == self._destinations_of(by)
            if is_same and self._exporters.keys == merged.keys():
                self.follow()
                return
            # a child that configures anew must not close what is its parent's
            self._use_own()
            self._hook()
            # may raise, and then leaves everything as it was
            unwanted = self._exporters.replace(merged, strict)
            self._destinations[by], self._openers[by] = destinations, openers
            self._connect()
            # last, when nothing passes on to them any more
            self._exporters.retire(unwanted, flush_timeout())

    def _destinations_of(self, side: str) -> Destinations:
        return self._destinations.get(side, Destinations())

    def _connect(self) -> None:
        exporters = self._exporters.all
        self._meters.use(exporters)
        for attachment in self._attachments:
            attachment.use(exporters)

    def follow(self) -> None:
        """Attach to the app's own providers, if the app has set some since."""
        with self._lock:
            if self._exporters and self._is_replaced():
                self._connect()

    def _is_replaced(self) -> bool:
        if self._meters.replaced:
            return True
        return any(attachment.replaced for attachment in self._attachments)

    def is_configured(self) -> bool:
        """Whether the program itself has said where telemetry goes."""
        return self._destinations_of("program").any

    def owns_provider(self) -> bool:
        """Whether a provider in force is ours."""
        if self._meters.own is not None:
            return True
        return any(attachment.own is not None for attachment in self._attachments)

    def handlers(self) -> tuple[TokenSums | SpanEstimates, ...]:
        """Return the handlers that must see all calls while the console is a destination."""
        if not self._has_console():
            return ()
        # kept when the console goes and comes again: the table is of the whole program
        if self._token_sums is None:
            self._token_sums = TokenSums()
            process.before_fork(SHARED_TABLE.make)
        return (self._token_sums, ESTIMATES)

    def token_sums(self) -> dict[str, ModelSums] | None:
        """Return the tokens by model that were counted for a console; `None` where there was none."""
        return None if self._token_sums is None else self._token_sums.by_model()

    def _has_console(self) -> bool:
        return any(destinations.console for destinations in self._destinations.values())

    def describe(self) -> list[str]:
        """Return a line for each place to which callspan sends telemetry."""
        lines: list[str] = []
        for exporter in self._own_exporters():
            lines += exporter.describe()
        return lines

    def losses(self) -> list[Loss]:
        """Return the losses of this process, a row for each destination and signal."""
        return self._exporters.losses()

    def problems(self) -> list[str]:
        """Return a line for each destination that has lost something."""
        return self._exporters.problems()

    def begin_flush(self, timeout: float) -> None:
        """Begin to send all signals, for at most `timeout` seconds; `flush` waits for them.

        They go beside each other: a slow collector is waited for once, and not for each signal.
        """
        self._exporters.begin_flush(timeout)

    def give_up_absent(self) -> None:
        """Wait no more for destinations that are not there, as the process is to end by a signal."""
        self._exporters.give_up_absent()

    def flush(self, timeout: float = FLUSH_TIMEOUT) -> bool:
        """Send traces, logs and metrics within `timeout` seconds.

        Returns:
            False if that was too short, or if something was lost.
        """
        deadline = time.monotonic() + timeout
        # all at once; then one after the other is waited for, within one time
        self._exporters.begin_flush(timeout)
        is_complete = True
        for signal in SIGNALS:
            if not self._exporters.flush(signal, seconds_left(deadline)):
                is_complete = False
        return is_complete

    def shutdown(self) -> None:
        """Send everything, close the exporters in the time for the exit, and print the tokens."""
        # `atexit` and an end by a signal may both come here
        if self._has_ended:
            return
        self._has_ended = True
        deadline = process.until_interrupted(self._flush_at_exit)
        # providers of the app's that are shut down after us find nothing of ours any more
        for attachment in self._attachments:
            attachment.use([])
        self._exporters.close(time.monotonic() if deadline is None else deadline)
        self._print_token_table()

    def _flush_at_exit(self) -> float:
        """Send everything; return the time by which the exit has to be over."""
        # open calls end first, so that their spans are among what is sent
        abandon_all()
        # asynchronous handlers of the app's may make telemetry too
        drain(process.patience(flush_timeout()))
        deadline = self._exporters.exit_deadline(process.patience(flush_timeout()))
        self.flush(seconds_left(deadline))
        return deadline

    def _print_token_table(self) -> None:
        if self._token_sums is not None and self._has_console():
            print_token_table(self._token_sums.by_model())

    def _hook(self) -> None:
        """Register for exit and fork, once.

        Functions at the exit run in reverse order: what ends open calls is registered later, and so
        runs before the exporters are closed.
        """
        if self._is_hooked:
            return
        self._is_hooked = True
        process.at_exit(self.shutdown)
        process.in_child(self._after_fork)
        # called when a handler sees another provider than before
        telemetry.listeners.append(self.follow)

    def _after_fork(self) -> None:
        # a child that was forked while its parent ends has an end of its own
        self._has_ended = False
        self._exporters.after_fork()
        for attachment in self._attachments:
            attachment.forked()
        self._meters.renew()

    def _use_own(self) -> None:
        """Connect the exporters of this process; a child opens its own in place of its parent's."""
        with self._lock:
            self._exporters.replace_inherited()
            for attachment in self._attachments:
                attachment.use(self._exporters.all)

    def _own_exporters(self) -> list[Exporter]:
        """Return the exporters of this process, opened now if it is a child that has not done so."""
        if self._exporters.is_inherited:
            self._use_own()
        return self._exporters.all


def app_has_provider() -> bool:
    """Whether the app has set a tracer provider of its own."""
    from opentelemetry import trace

    # the API's stand-in: nobody has set a provider yet
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return False
    return not owns_provider()


_providers = ExportProviders()
setup = _providers.setup
follow = _providers.follow
is_configured = _providers.is_configured
owns_provider = _providers.owns_provider
handlers = _providers.handlers
token_sums = _providers.token_sums
describe = _providers.describe
losses = _providers.losses
problems = _providers.problems
begin_flush = _providers.begin_flush
give_up_absent = _providers.give_up_absent
flush = _providers.flush
shutdown = _providers.shutdown
