"""Do something when a module has just been imported, and cost nothing until then."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from typing import Any


def when_imported(module: str, then: Callable[[], None]) -> None:
    """Call `then` once: now if the module is there, else as soon as it has been imported."""
    if module in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Watch(module, then))


class _Watch:
    def __init__(self, module: str, then: Callable[[], None]) -> None:
        self._module = module
        self._then = then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec that the other finders give, told to call back when the module has run."""
        if name != self._module:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None:
            sys.meta_path.insert(0, self)
        elif spec.loader is None:
            self._then()  # a namespace has no code that could be waited for
        else:
            self._follow(spec.loader)
        return spec

    def _follow(self, loader: Any) -> None:
        # An attribute of this one loader, for one call: a loader of another type would change what
        # inspect, pkgutil and importlib.resources make of the module.
        run = loader.exec_module

        def exec_module(module: Any) -> None:
            del loader.exec_module
            run(module)
            self._then()

        loader.exec_module = exec_module
