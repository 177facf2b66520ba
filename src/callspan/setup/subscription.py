"""Clients whose calls are observed, and frameworks whose runs are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from callspan.accounting.reservations import input_size
from callspan.decorators.run_context import OperationContext
from callspan.events import Call
from callspan.frameworks.integration import Integration, read_versions
from callspan.hooks.client import Client, Request, Subscriber
from callspan.lifecycle.client_options import options_of
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.opening import CallOpener
from callspan.lifecycle.reading import Reading, awaiting_usage
from callspan.runtime import guard, process
from callspan.runtime.background import outside_loop, running_loop
from callspan.runtime.listing import Listing
from callspan.runtime.patching import Patch, Patches
from callspan.runtime.plain import valid
from callspan.runtime.scope import context, current, look, suppressed
from callspan.runtime.searches import before_import, forget
from callspan.settings.settings import Settings
from callspan.setup.bypass import lines_about
from callspan.setup.conflicts import other_instrumentations
from callspan.setup.inspection import installed_version, older

Target = Client | Integration
"""A client or a framework: both have a name, a package, a module, versions and operations."""
T = TypeVar("T", bound=Target)
_loading = process.own_lock(sys.modules[__name__], "_loading")
"""Held while a subscription is made: two imports and `status()` may come at once."""


class LateSubscription:
    """The subscription to a client or framework, made just before that is imported.

    Args:
        listing: The client or framework.
        subscribe: Makes the subscription.
    """

    def __init__(self, listing: Listing[T], subscribe: Callable[[T], Subscription]) -> None:
        self.name = listing.name
        self._modules = listing.modules
        self._make = lambda: subscribe(listing.load())
        self._subscription: Subscription | None = None
        self._is_active = False

    def apply(self) -> None:
        """Patch it, now or when it is imported."""
        self._is_active = True
        before_import(self._modules, self._load)

    def patches(self) -> list[Patch]:
        """Return its patches, in place or waiting."""
        self._load()
        return [] if self._subscription is None else self._subscription.patches.patches

    def undo(self) -> None:
        """Leave it as it was; calls that have begun still end."""
        forget(self._modules, self._load)
        with _loading:
            self._is_active = False
            if self._subscription is not None:
                self._subscription.undo()

    def _load(self) -> None:
        """Make the subscription, the first time, and apply it."""
        with _loading:
            if self._subscription is None and self._is_active:
                self._subscription = self._make()
                self._subscription.apply()


class Subscription:
    """The patches of one client or framework, applied at once or when it is imported."""

    def __init__(self, target: Target, patches: list[Patch]) -> None:
        self.target = target
        self.patches = Patches(patches, target.module, self._on_import)
        self._is_applying = False

    def apply(self) -> None:
        """Patch it, now or when it is imported."""
        self._is_applying = True
        self.patches.apply()
        self._is_applying = False

    def undo(self) -> None:
        """Leave it as it was; calls that have begun still end."""
        self.patches.undo()

    def check(self) -> None:
        """Check the version that is installed.

        Called when the modules are loaded, and never in an event loop that imports them, as it
        reads versions from files.
        """

    def refuse_if_too_old(self, version: str) -> bool:
        """Undo the patches where a version is too old for them, and return whether it is."""
        oldest = self.target.versions[0]
        if not version or not older(version, oldest):
            return False
        name = self.target.name
        self.patches.refuse(
            f"{name} {version} is too old to be seen: callspan needs {name}>={oldest}"
        )
        return True

    def _on_import(self) -> None:
        if self._is_applying:
            self.check()
        else:
            outside_loop(self.check)


class ClientSubscription(Subscription):
    """A client whose calls are observed."""

    def __init__(self, client: Client, settings: Settings, opener: CallOpener) -> None:
        self._client = client
        self._settings = settings
        self._opener = opener
        self._version = ""
        self._handlers_only = False
        subscriber = Subscriber(self.open, settings.request_usage, settings.batches)
        super().__init__(client, client.hook(client, subscriber))

    def check(self) -> None:
        """Check the client's version, and warn of other packages that have patched it."""
        self._version = installed_version(self._client) or ""
        if self.refuse_if_too_old(self._version):
            return
        for line in lines_about(self.patches.patches):
            guard.say_once(line)
        name = self._client.name
        others = other_instrumentations(self._client)
        if not others:
            return
        self._handlers_only = self._settings.on_conflict == "defer"
        result = "its calls are seen twice"
        if self._handlers_only:
            result = "callspan makes no span or token metric for it"
        guard.say_once(f"{name} is instrumented by {', '.join(others)} too: {result}")

    def open(self, request: Request) -> Observation | None:
        """Begin an observation of a request; return `None` where telemetry is suppressed.

        Where a framework makes the request for one of its model runs, the observation stands for
        that run.
        """
        # three questions by one look, as each call asks them
        off, around, scope = look(context())
        # where others stand around our wrapper it cannot be taken out, so the patch may be inactive
        if off or not self.patches.active:
            return None
        # such as registering the exit hook, which has to come late (`setup/flush.py`)
        self._opener.ready()
        # all that may raise comes before the run is adopted, which then has no record of its own
        call = _call(request, self._version)
        reading = request.reading
        if request.stream and request.wire_format.usage_follows(request.body):
            reading = awaiting_usage(reading)
        run = None
        start_context = None
        if around is not None:
            run = around.adopt(request.wire_format.operation)
        # the run's own context then, as the framework's code may run in another one
        if run is not None and run.moved:
            start_context = run.base
            scope = current(start_context)
        if run is not None:
            call.framework = run.framework
        elif isinstance(around, OperationContext):
            call.framework = around.framework
        return self._opener.observe(
            call,
            reading,
            scope,
            options_of(request.client_object),
            self._handlers_only,
            # worked out only where a budget is in tokens or in US dollars
            lambda: input_size(request.body),
            start_context,
        )


def _call(request: Request, version: str) -> Call:
    client, wire_format, body = request.client, request.wire_format, request.body
    model = body.get("model")
    host, port = request.server
    return Call(
        wire_format.operation,
        client.provider(request.client_object, host or "", port),
        # the app's text may hold lone surrogates, which no exporter can encode
        valid(model) if isinstance(model, str) else None,
        wire_format.parameters(body),
        stream=request.stream,
        asynchronous=request.asynchronous,
        in_process=client.in_process,
        server=request.server,
        client=(client.name, version),
        # made only where it is needed: for captured content, and for estimates
        content=lambda: wire_format.content(body),
    )


class FrameworkSubscription(Subscription):
    """A framework whose runs are observed.

    Args:
        integration: The framework.
        opener: The opener of calls.
        everywhere: Whether all runs are observed, or only those for which the app has given the
            framework a handler of ours.
    """

    def __init__(
        self, integration: Integration, opener: CallOpener, everywhere: bool = True
    ) -> None:
        self._integration = integration
        self._opener = opener
        self._everywhere = everywhere
        super().__init__(integration, integration.patches())

    def apply(self) -> None:
        """Patch the framework, now or when it is imported, and observe its runs."""
        super().apply()
        self._integration.subscribe(self.observe, self._everywhere)

    def undo(self) -> None:
        """Leave the framework as it was; the runs that have begun still end."""
        # first, while the patches still report the ends of runs in other threads
        self._integration.subscribe(None, False)
        super().undo()

    def check(self) -> None:
        """Read the versions that spans name, and refuse a framework that is too old."""
        read_versions(self._integration.packages)
        if self._integration.prepare is not None:
            self._integration.prepare()
        self.refuse_if_too_old(installed_version(self._integration) or "")

    def observe(self, call: Call, reading: Reading, call_context: Any) -> Observation | None:
        """Begin an observation of a run in a context; return `None` where nobody wants it."""
        if not self.patches.active or suppressed():
            return None
        # its handlers are awaited where there is a loop, whatever the framework's function is
        call.asynchronous = running_loop() is not None
        return self._opener.open(call, reading, current(call_context), call_context)


def unused_patches(target: Target) -> list[Patch]:
    """Return the patches that a client or framework would have, for the report of `status()`."""
    if isinstance(target, Client):
        return target.hook(target, Subscriber(_open_nothing))
    return target.patches()


def _open_nothing(_request: Request) -> None:
    return None
