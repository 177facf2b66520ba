"""Do something just before a module of another package is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from callspan.bootstrap.callspan_watch import unwatch, watch
from callspan.runtime import guard

Step = Callable[[], None]


class _Finder:
    """A finder on `sys.meta_path` that finds nothing, and takes steps when it is asked."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[Step, ...]] = {}

    def add(self, module: str, step: Step) -> None:
        """Take a step before this module is imported."""
        self._steps[module] = (*self._steps.get(module, ()), step)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self, module: str, step: Step) -> None:
        """Take a step no longer."""
        steps = tuple(each for each in self._steps.get(module, ()) if each != step)
        self._steps[module] = steps
        if not steps:
            del self._steps[module]
        if not self._steps and self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Take the steps of a module that is searched for, and leave the search to others."""
        # the import system has a lock for each module, so no second search is under way
        for step in self._steps.get(name, ()):
            try:
                step()
            except Exception as error:  # noqa: BLE001  the app must get its module
                guard.report(f"getting ready for {name}", error)
        return None


_FINDER = _Finder()


def before_import(modules: Iterable[str], step: Step) -> None:
    """Call `step` before one of the modules is imported, or now where one of them is there.

    It is called before each of these imports, and before each mere search for one of the modules,
    until `forget`.
    """
    names = tuple(modules)
    for name in names:
        # so that the finder of what `step` watches is on the path while a search goes along it
        watch(name, _nothing)
        _FINDER.add(name, step)
    if any(name in sys.modules for name in names):
        step()


def forget(modules: Iterable[str], step: Step) -> None:
    """Undo `before_import`."""
    for name in modules:
        _FINDER.remove(name, step)
        unwatch(name, _nothing)


def _nothing() -> None:
    """Do nothing."""
