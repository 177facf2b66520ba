"""Put other values in place of those that a package keeps under a name, and undo exactly that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

from callspan.runtime.patching import Patch

Change = Callable[[Any], Any]
"""Makes the value that takes the place of another."""


class Swap(Patch):
    """A value of a module or a class, such as a tracer, in place of which stands what is made of it."""

    __slots__ = ()

    def _around(self, original: Any, home: tuple[Any, str]) -> Any:
        return self.wrapper(original)  # type: ignore[call-arg]  # a change takes the value alone


class InstanceSwap(Patch):
    """An attribute that each object of a class has of its own: whoever reads it gets what is made of it.

    The objects themselves are left alone: those which were made before are reached, and undoing leaves no trace.
    """

    __slots__ = ()

    def _resolve(self) -> tuple[Any, str, Any]:
        path, _, name = self.path.rpartition(".")
        parent = sys.modules[self.module]
        return resolve_name(f"{parent.__name__}:{path}"), name, None

    def _around(self, original: Any, home: tuple[Any, str]) -> Any:
        return _ChangedAttribute(home[1], self.wrapper)  # type: ignore[arg-type]  # see Swap


class _ChangedAttribute:
    """A descriptor that reads and writes the attribute in the object's own dictionary."""

    def __init__(self, name: str, change: Change) -> None:
        self._name = name
        self._change = change

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        try:
            value = vars(instance)[self._name]
        except KeyError:
            raise AttributeError(
                f"{owner.__name__!r} object has no attribute {self._name!r}"
            ) from None
        return self._change(value)

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self._name] = value

    def __delete__(self, instance: Any) -> None:
        try:
            del vars(instance)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None


def swap(module: str, path: str, change: Change) -> Patch:
    """Return the patch for a value of a module or a class; it may be missing in some versions."""
    return Swap(module, path, change, optional=True)  # type: ignore[arg-type]  # see Swap


def swap_in_instances(module: str, path: str, change: Change) -> Patch:
    """Return the patch for an attribute of the objects of a class; it may be missing in some versions."""
    return InstanceSwap(module, path, change, optional=True)  # type: ignore[arg-type]  # see Swap
