"""Where telemetry goes: the providers given, else the global ones, looked up so that one set later is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
listeners: list[Callable[[], object]] = []
"""Told when another provider is in force than before."""


class FollowsProvider(Generic[T]):
    """Something made from a provider, and made anew when the provider in force is another."""

    __slots__ = ("_look_up", "_made", "_make", "_provider")

    def __init__(self, look_up: Callable[[], Any], make: Callable[[Any], T]) -> None:
        self._look_up = look_up
        self._make = make
        self._provider: Any = None
        self._made: T | None = None

    def get(self) -> T:
        """What belongs to the provider in force."""
        provider = self._look_up()
        if self._made is None or provider is not self._provider:
            for listener in listeners if self._made is not None else ():
                listener()
            self._made, self._provider = self._make(provider), provider
        return self._made
