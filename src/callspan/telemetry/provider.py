"""The OpenTelemetry providers in use, looked up each time so that one set later is used.

The path of each call looks a provider up, so this compares identities only (docs/decisions/0033).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
listeners: list[Callable[[], object]] = []
"""Functions that are called when another provider is in use than before."""
own_providers: weakref.WeakSet[Any] = weakref.WeakSet()
"""The providers that callspan has set up for an app that had none."""


class FollowsProvider(Generic[T]):
    """A tracer, meter or logger, made anew when the app sets another provider."""

    __slots__ = ("_look_up", "_make", "_provider", "_value")

    def __init__(self, look_up: Callable[[], Any], make: Callable[[Any], T]) -> None:
        self._look_up = look_up
        self._make = make
        self._provider: Any = None
        self._value: T | None = None

    def get(self) -> T:
        """Return the value that belongs to the provider in use."""
        provider = self._look_up()
        if self._value is None or provider is not self._provider:
            # not at the first look, before which there was no other provider
            if self._value is not None:
                for listener in listeners:
                    listener()
            # the value is set first: a thread that sees the new provider must not get the old value
            self._value, self._provider = self._make(provider), provider
        return self._value
