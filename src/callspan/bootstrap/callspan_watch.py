"""Do something when a module has been loaded, and cost nothing until then.

Who merely asks for a module (`importlib.util.find_spec`, `pkgutil`, `runpy`) loads nothing, and a load may fail and be
tried again. So the finder answers every question, and only the end of a load calls back.
"""

from __future__ import annotations

import sys
import time
from _frozen_importlib import (
    ModuleSpec,
)  # importlib.machinery has the same class, and takes time to import
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CALLBACKS = "_callspan_loaded"
"""Where the spec of a module that is being loaded keeps what to call at the end."""
_PATIENCE = 0.02
"""Seconds to wait for an import of another thread that is about to run its module."""


def when_imported(module: str, then: Callable[[], None]) -> None:
    """Call `then` once: now if the module is loaded, else as soon as it is."""

    def once() -> None:
        if unwatch(module, once):
            then()

    watch(module, once)


def watch(module: str, then: Callable[[], None]) -> None:
    """Call `then` now if the module is loaded, and at the end of each later load of it, until `unwatch`."""
    if not _FINDER.add(module, then):
        return
    if is_loaded(module):
        then()
    else:
        _follow_load_under_way(module)


def unwatch(module: str, then: Callable[[], None]) -> bool:
    """Stop what `watch` began; false if that was done before."""
    return _FINDER.remove(module, then)


def is_loaded(module: str) -> bool:
    """Whether the code of a module has run to its end."""
    found = sys.modules.get(module)
    if found is None or _is_lazy(found):
        return False
    spec = _spec(found)
    return not (isinstance(spec, ModuleSpec) and getattr(spec, "_initializing", False))


class _Finder:
    """Stands first on `sys.meta_path` while modules are watched; finds what the other finders find."""

    def __init__(self) -> None:
        self._watched: dict[str, tuple[Callable[[], None], ...]] = {}
        self._searches: set[tuple[int, str]] = set()

    def add(self, module: str, then: Callable[[], None]) -> bool:
        """Watch a module; false if the same callback watches it already."""
        callbacks = self._watched.get(module, ())
        if then in callbacks:
            return False
        self._watched[module] = (*callbacks, then)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        return True

    def remove(self, module: str, then: Callable[[], None]) -> bool:
        """Watch a module no longer for this callback; false if it did not."""
        callbacks = self._watched.get(module, ())
        if then not in callbacks:
            return False
        rest = tuple(each for each in callbacks if each is not then)
        if rest:
            self._watched[module] = rest
        else:
            del self._watched[module]
        if not self._watched and self in sys.meta_path:
            sys.meta_path.remove(self)
        return True

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec that the other finders give, made to tell when the module has been loaded."""
        if name not in self._watched:
            return None
        search = get_ident(), name
        if search in self._searches:
            return None  # another finder asks all the others in its turn, as this one does
        self._searches.add(search)
        try:
            spec = self._spec_of_others(name, path, target)
        finally:
            self._searches.discard(search)
        if spec is not None:
            _follow(spec)
        return spec

    def _spec_of_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                return spec
        return None

    def loaded(self, module: str) -> None:
        """Call back, if the module is there: its load may have failed, or have been somebody's own experiment."""
        found = sys.modules.get(module)
        if found is None:
            return
        if _is_lazy(found) and not _is_loading_lazily(found):
            _follow(_spec(found))
            return
        for then in self._watched.get(module, ()):
            then()


_FINDER = _Finder()


class _ExecModule:
    """In place of a loader's `exec_module`, as an attribute of that one loader, until it has run.

    A loader of another type would change what inspect, pkgutil and importlib.resources make of the module. One loader
    may stand for several modules: that of a zip file does.
    """

    def __init__(self, loader: Any) -> None:
        self.modules: set[str] = set()
        self._loader = loader
        self._before = vars(loader).get("exec_module")
        self._original = loader.exec_module

    def __call__(self, module: Any) -> None:
        """Execute a module; then call back, if it is one of those that are waited for."""
        name = _spec_name(module)
        waited = name in self.modules
        self.modules.discard(name)
        if not self.modules:
            self._restore()
        self._original(module)
        if waited:
            _FINDER.loaded(name)

    def _restore(self) -> None:
        attributes = vars(self._loader)
        if attributes.get("exec_module") is not self:
            return
        if self._before is None:
            del self._loader.exec_module
        else:
            self._loader.exec_module = self._before


class _LoadingSpec(ModuleSpec):
    """The class of a spec while its module is being loaded; the import system tells it the end of that.

    CPython sets `_initializing` before and after a load, whatever came of it, and before it lets other threads go on.
    """

    @property
    def _initializing(self) -> bool:
        return vars(self).get("_initializing", False)

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        vars(self)["_initializing"] = value
        if not value:
            callbacks = vars(self).pop(_CALLBACKS, ())
            object.__setattr__(self, "__class__", ModuleSpec)
            for callback in callbacks:
                callback(self.name)


def _follow(spec: Any) -> None:
    """Hear of the load that begins with this spec."""
    loader: Any = getattr(spec, "loader", None)
    while hasattr(loader, "__wrapped__"):  # a proxy's attributes are those of what stands behind it
        loader = loader.__wrapped__
    if (
        isinstance(loader, type)
        or not hasattr(loader, "exec_module")
        or not hasattr(loader, "__dict__")
    ):
        _follow_spec(
            spec
        )  # a namespace has no loader yet; a class as a loader stands for very many modules
        return
    execution = vars(loader).get("exec_module")
    if not isinstance(execution, _ExecModule):
        execution = _ExecModule(loader)
        loader.exec_module = execution
    execution.modules.add(spec.name)


def _follow_spec(spec: Any) -> bool:
    """Hear of the end of a load by the spec itself; false if it is of another kind than Python's own."""
    callbacks = vars(spec).setdefault(_CALLBACKS, [])
    callbacks.append(_FINDER.loaded)
    if type(spec) is ModuleSpec:
        spec.__class__ = _LoadingSpec
    return hasattr(type(spec), "_initializing")


def _follow_load_under_way(module: str) -> None:
    """Hear of the end of a load that began before the module was watched, in this thread or in another."""
    _wait_while_about_to_run(module)
    found = sys.modules.get(module)
    if found is None:
        return
    spec = _spec(found)
    if _is_lazy(found):
        _follow(spec)
        return
    if _follow_spec(spec) and getattr(spec, "_initializing", False):
        return
    _FINDER.loaded(module)  # it ended meanwhile


def _wait_while_about_to_run(module: str) -> None:
    """Wait while another thread has the spec of a module, from a finder before us, and has not begun to run it."""
    deadline = time.monotonic() + _PATIENCE
    while module not in sys.modules and _locked_elsewhere(module) and time.monotonic() < deadline:
        time.sleep(0.001)


def _locked_elsewhere(module: str) -> bool:
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    reference = locks.get(module)
    lock = None if reference is None else reference()
    return getattr(lock, "owner", None) not in (None, get_ident())


def _is_lazy(module: Any) -> bool:
    """Whether a module waits for the first use of an attribute, as `importlib.util.LazyLoader` makes it."""
    lazy = getattr(sys.modules.get("importlib.util"), "_LazyModule", None)
    return lazy is not None and type(module) is lazy


def _is_loading_lazily(module: Any) -> bool:
    """Whether the code of a lazy module runs now; since Python 3.12.3 it keeps its class until that has ended."""
    state = getattr(_spec(module), "loader_state", None)
    return isinstance(state, dict) and bool(state.get("is_loading"))


def _spec(module: Any) -> Any:
    """The spec of a module, read without a question to it: a lazy one would be loaded by that."""
    if _is_lazy(module):
        return object.__getattribute__(module, "__spec__")
    try:
        return getattr(module, "__spec__", None)
    except Exception:  # noqa: BLE001  anything may stand in sys.modules, and answer in any way
        return None


def _spec_name(module: Any) -> str:
    spec = _spec(module)
    return getattr(spec, "name", None) or getattr(module, "__name__", "")
