"""All clients and frameworks that can be observed: one list, and the subscription to each.

What a framework's module keeps besides is one for the process: see docs/decisions/0098.
"""

from __future__ import annotations

from callspan.clients import CLIENTS
from callspan.frameworks import INTEGRATIONS
from callspan.frameworks.integration import Integration
from callspan.hooks.client import Client
from callspan.lifecycle.opening import CallOpener
from callspan.runtime.patching import Patch
from callspan.settings.environment import disabled_instrumentations
from callspan.settings.settings import Settings
from callspan.setup.subscription import (
    AnySubscription,
    ClientSubscription,
    FrameworkSubscription,
    unused_patches,
)

Target = Client | Integration
"""A client or a framework: both have a name, a package, a module, versions and operations."""
TARGETS: tuple[Target, ...] = (*CLIENTS, *INTEGRATIONS)


def target_names() -> list[str]:
    """Return the names of all clients and frameworks."""
    return [target.name for target in TARGETS]


def _default_names(settings: Settings) -> list[str]:
    """Return the names of the clients and frameworks that are watched where none are named."""
    return [
        target.name for target in TARGETS if isinstance(target, Client) or _is_on(target, settings)
    ]


def _is_on(integration: Integration, settings: Settings) -> bool:
    # a search is a call to a database for many users, who would pay for its spans
    return integration.setting is None or getattr(settings, integration.setting)


def wanted_targets(settings: Settings) -> list[Target]:
    """Return the clients and frameworks that are not switched off."""
    names = set(settings.clients or _default_names(settings)) - set(settings.disabled_clients)
    # OpenTelemetry's switch: `callspan` is all of it, `callspan_openai` one client
    disabled = disabled_instrumentations()
    if not disabled.isdisjoint(("*", "callspan")):
        return []
    return [
        target
        for target in TARGETS
        if target.name in names and f"callspan_{target.name}" not in disabled
    ]


def subscription_to(target: Target, settings: Settings, opener: CallOpener) -> AnySubscription:
    """Return the subscription to all calls of a client, or to all runs of a framework."""
    if isinstance(target, Client):
        return ClientSubscription(target, settings, opener)
    return FrameworkSubscription(target, opener)


def subscription_to_handlers(framework: str, opener: CallOpener) -> FrameworkSubscription:
    """Return the subscription to those runs alone for which an app passes a handler of ours.

    Raises:
        KeyError: There is no framework of this name.
    """
    integrations = {integration.name: integration for integration in INTEGRATIONS}
    return FrameworkSubscription(integrations[framework], opener, everywhere=False)


def patches_of(subscriptions: list[AnySubscription]) -> dict[Target, list[Patch]]:
    """Return the patches of each client and framework: those in place, else those to come."""
    patches: dict[Target, list[Patch]] = {}
    by_name = {subscription.target.name: subscription for subscription in subscriptions}
    for target in TARGETS:
        subscription = by_name.get(target.name)
        if subscription is not None and subscription.patches.patches:
            patches[target] = subscription.patches.patches
        else:
            patches[target] = unused_patches(target)
    return patches
