"""All clients and frameworks that can be observed: one list, and the subscription to each.

Their data is loaded when they are imported, as most programs import very few of them.
What a framework's module keeps besides is one for the process: see docs/decisions/0098.
"""

from __future__ import annotations

from callspan.clients import CLIENTS
from callspan.frameworks import INTEGRATIONS
from callspan.frameworks.integration import Integration
from callspan.hooks.client import Client
from callspan.lifecycle.opening import CallOpener
from callspan.runtime.listing import Listing
from callspan.runtime.patching import Patch
from callspan.settings.environment import disabled_instrumentations
from callspan.settings.settings import Settings
from callspan.setup.subscription import (
    ClientSubscription,
    FrameworkSubscription,
    LateSubscription,
    Subscription,
    Target,
    unused_patches,
)

TARGETS: tuple[Listing[Target], ...] = (*CLIENTS, *INTEGRATIONS)
"""The listings of all clients and frameworks."""


def target_names() -> list[str]:
    """Return the names of all clients and frameworks."""
    return [target.name for target in TARGETS]


def _default_names(settings: Settings) -> list[str]:
    """Return the names of the clients and frameworks that are watched where none are named."""
    return [target.name for target in TARGETS if _is_on(target, settings)]


def _is_on(listing: Listing[Target], settings: Settings) -> bool:
    return listing.setting is None or getattr(settings, listing.setting)


def wanted_targets(settings: Settings) -> list[Listing[Target]]:
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


def subscription_to(
    listing: Listing[Target], settings: Settings, opener: CallOpener
) -> LateSubscription:
    """Return the subscription to all calls of a client, or to all runs of a framework."""

    def subscribe(target: Target) -> Subscription:
        if isinstance(target, Client):
            return ClientSubscription(target, settings, opener)
        return FrameworkSubscription(target, opener)

    return LateSubscription(listing, subscribe)


def subscription_to_handlers(framework: str, opener: CallOpener) -> LateSubscription:
    """Return the subscription to those runs alone for which an app passes a handler of ours.

    Raises:
        KeyError: There is no framework of this name.
    """
    listings = {listing.name: listing for listing in INTEGRATIONS}

    def subscribe(integration: Integration) -> Subscription:
        return FrameworkSubscription(integration, opener, everywhere=False)

    return LateSubscription(listings[framework], subscribe)


def patches_of(subscriptions: list[LateSubscription]) -> dict[Target, list[Patch]]:
    """Return the patches of each client and framework: those in place, else those to come."""
    patches: dict[Target, list[Patch]] = {}
    by_name = {subscription.name: subscription for subscription in subscriptions}
    for listing in TARGETS:
        target = listing.load()
        subscription = by_name.get(listing.name)
        patches[target] = [] if subscription is None else subscription.patches()
        if not patches[target]:
            patches[target] = unused_patches(target)
    return patches
