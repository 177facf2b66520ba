"""The installation of one `instrument()`: subscriptions to clients and frameworks, and handlers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from opentelemetry import trace

from callspan.accounting.prices import table
from callspan.content.capture import Capture, chosen
from callspan.decorators import operation as decorators
from callspan.frameworks.native import NATIVES
from callspan.hooks.native import LatestCall, policy
from callspan.lifecycle.dispatch import Dispatch
from callspan.lifecycle.opening import CallOpener
from callspan.runtime.patching import Patch
from callspan.settings.settings import Settings
from callspan.setup.muting import Muting
from callspan.setup.providers import Providers
from callspan.setup.registry import (
    patches_of,
    subscription_to,
    subscription_to_handlers,
    wanted_targets,
)
from callspan.setup.subscription import LateSubscription, Target
from callspan.telemetry import completion_hook

process_handlers: list[Any] = []
"""Handlers for all calls of the process; they stay when an installation is replaced."""


class Installation:
    """Everything that one `instrument()` has put in place.

    Args:
        settings: The resolved settings.
        providers: The providers that telemetry goes to.
        handlers: The app's handlers for all calls.
        ready: Called before each call is opened.
        watch: Without it only those frameworks are watched that `subscribe` names.
    """

    def __init__(
        self,
        settings: Settings,
        providers: Providers,
        handlers: tuple[Any, ...],
        ready: Callable[[], None],
        watch: bool = True,
    ) -> None:
        prices = table.Prices(settings.prices)
        table.use(prices)
        # to load the prices takes most of a second, so it begins in the background now
        if settings.cost:
            prices.begin()
        self.settings = settings
        self.providers = providers
        self.subscribed_frameworks: tuple[str, ...] = ()
        self.subscriptions: list[LateSubscription] = []
        self.natives: list[Muting] = []
        self.capture = _with_hook(chosen(settings))
        self.opener = CallOpener(self.capture, settings.estimate == "missing", ready)
        self.evaluations = providers.evaluations(settings)
        self._telemetry = providers.handlers(settings)
        self._handlers = handlers
        self.refresh_handlers()
        if watch:
            for target in wanted_targets(settings):
                self.subscriptions.append(subscription_to(target, settings, self.opener))
        # telemetry of frameworks gives way only where ours takes its place
        if settings.on_native == "mute" and self._telemetry and self.subscriptions:
            self.natives = [Muting(native, self.refresh_handlers) for native in NATIVES]

    def refresh_handlers(self) -> None:
        """Collect the handlers anew: destinations, muted frameworks and tests may have added some."""
        shows_estimates = self.settings.estimate != "off"
        handlers_only = Dispatch(
            (*self._handlers, *self._handlers_of_destinations(), *process_handlers),
            allows_estimates=shows_estimates,
        )
        handlers = [*self._telemetry]
        if any(muting.muted and muting.native.metrics for muting in self.natives):
            handlers.append(LatestCall())
        self.opener.session_handlers = Dispatch(
            handler for handler in self._telemetry if getattr(handler, "records_sessions", False)
        )
        # both are replaced as a whole: other threads open calls with them meanwhile
        self.opener.handlers_only = handlers_only
        self.opener.all_handlers = Dispatch(
            (*handlers, *handlers_only.handlers), allows_estimates=shows_estimates
        )

    def _handlers_of_destinations(self) -> list[Any]:
        """Return the handlers that a destination needs, such as the table of tokens, each of them once."""
        providers = sys.modules.get("callspan.export.providers")
        if providers is None:
            return []
        # under `callspan run` one of our handlers tells those whose destination came with the first call
        informed: list[Any] = []
        for handler in self._handlers:
            informed += getattr(handler, "passes_on", ())
        return [handler for handler in providers.handlers() if handler not in informed]

    def apply(self) -> None:
        """Patch the clients and frameworks, now or when they are imported."""
        for subscription in self.subscriptions:
            subscription.apply()
        # without subscriptions nothing is to be recorded, the app's own functions neither
        decorators.subscribe(self.opener.open if self.subscriptions else None)
        if self.settings.on_native == "mute":
            policy.mute(self._framework_takes_content_out)
        for native in self.natives:
            native.apply()

    def _framework_takes_content_out(self) -> bool:
        """Whether content that a framework records would reach a provider of callspan's alone."""
        if self.capture.on:
            return False
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider):
            return True  # `callspan run` sets one up with the first span
        providers = sys.modules.get("callspan.export.providers")
        return providers is not None and providers.owns_provider()

    def subscribe(self, framework: str) -> None:
        """Call our handlers that the app gives to a framework which is not watched everywhere."""
        self.subscribed_frameworks = (*self.subscribed_frameworks, framework)
        if any(subscription.name == framework for subscription in self.subscriptions):
            return
        subscription = subscription_to_handlers(framework, self.opener)
        self.subscriptions.append(subscription)
        subscription.apply()

    def patches(self) -> dict[Target, list[Patch]]:
        """Return the patches of each client and framework: those in place, else those to come."""
        return patches_of(self.subscriptions)

    def undo(self) -> None:
        """Leave all clients and frameworks as they were."""
        # the other way round, as two of them may have wrapped one function
        for subscription in reversed(self.subscriptions):
            subscription.undo()
        decorators.subscribe(None)
        policy.keep()
        for native in self.natives:
            native.undo()


def _with_hook(capture: Capture) -> Capture:
    """Return the capture with the completion hook that the environment names, if any."""
    hook = completion_hook.load()
    if hook is None:
        return capture
    # the hook of that package reads the same variables as our uploads
    return replace(capture, hook=hook, uploads=None)
