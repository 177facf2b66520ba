"""Replace values that a package keeps under a name, such as a tracer, and undo exactly that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

from callspan.runtime.patching import Patch

Change = Callable[[Any], Any]
"""A function that makes the new value of the old one."""


class Swap(Patch):
    """The patch of a value of a module or a class: a change of the value stands in its place."""

    __slots__ = ()

    def _wrap(self, original: Any, home: tuple[object, str]) -> object:
        return self.wrapper(original)  # type: ignore[call-arg]  # a change takes the value alone


class InstanceSwap(Patch):
    """The patch of an attribute that each object of a class has itself: readers get the new value.

    The objects themselves are left alone, so those that were made before are reached too, and
    undoing leaves no trace.
    """

    __slots__ = ()

    def _resolve(self) -> tuple[Any, str, Any]:
        # nothing stands on the class under this name: undoing only takes the descriptor away
        path, _, name = self.path.rpartition(".")
        parent = sys.modules[self.module]
        return resolve_name(f"{parent.__name__}:{path}"), name, None

    def _wrap(self, original: Any, home: tuple[object, str]) -> object:
        return _ChangedAttribute(home[1], self.wrapper)  # type: ignore[arg-type]  # see Swap


class _ChangedAttribute:
    """A descriptor that reads and writes the attribute in the object's own dictionary."""

    def __init__(self, name: str, change: Change) -> None:
        self._name = name
        self._change = change

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        try:
            value = vars(instance)[self._name]
        except KeyError:
            raise AttributeError(
                f"{owner.__name__!r} object has no attribute {self._name!r}"
            ) from None
        # anew at each read, so that the object itself keeps the value that it had
        return self._change(value)

    # with this method the descriptor comes before the object's dictionary, else after it
    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self._name] = value

    def __delete__(self, instance: object) -> None:
        try:
            del vars(instance)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None


def swap(module: str, path: str, change: Change) -> Patch:
    """Return the patch for a value of a module or a class, which some versions may lack."""
    return Swap(module, path, change, optional=True)  # type: ignore[arg-type]  # see Swap


def swap_in_instances(module: str, path: str, change: Change) -> Patch:
    """Return the patch for an attribute of the objects of a class, which some versions may lack."""
    return InstanceSwap(module, path, change, optional=True)  # type: ignore[arg-type]  # see Swap
