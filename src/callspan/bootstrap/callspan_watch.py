"""Do something when a module has been loaded, and cost nothing until then.

A search for a module (`importlib.util.find_spec`, `pkgutil`, `runpy`) loads nothing, and a load may
fail and be tried again. So the finder answers every search, and only the end of a load calls back
(docs/decisions/0018).
"""

from __future__ import annotations

import os
import sys
import time

# importlib.machinery and threading have the same names, but take time to import
from _frozen_importlib import ModuleSpec
from _thread import RLock, get_ident

# not `typing`'s, whose import takes time; type checkers know the name
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any

_CALLBACKS = "_callspan_loaded"
"""The attribute in which the spec of a module that is being loaded keeps our callbacks."""
_PATIENCE = 0.02
"""Seconds to wait for an import of another thread that is about to run its module."""


def when_imported(module: str, then: Callable[[], None]) -> None:
    """Call `then` once: now if the module is loaded, else as soon as it is."""

    def once() -> None:
        if unwatch(module, once):
            then()

    watch(module, once)


def watch(module: str, then: Callable[[], None]) -> None:
    """Call `then` now if the module is loaded, and after each later load of it, until `unwatch`."""
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
    loaded = sys.modules.get(module)
    if loaded is None or _is_lazy(loaded):
        return False
    spec = _spec(loaded)
    is_running = isinstance(spec, ModuleSpec) and getattr(spec, "_initializing", False)
    return not is_running


class _Finder:
    """The first finder on `sys.meta_path` while modules are watched; it asks the other finders."""

    def __init__(self) -> None:
        self._watched: dict[str, tuple[Callable[[], None], ...]] = {}
        # with the thread, as another one may search for the same module at the same time
        self._searches: set[tuple[int, str]] = set()
        # a signal handler may come here while its own thread holds it
        self._lock = RLock()

    def add(self, module: str, then: Callable[[], None]) -> bool:
        """Watch a module; false if the same callback watches it already."""
        with self._lock:
            callbacks = self._watched.get(module, ())
            if then in callbacks:
                return False
            self._watched[module] = (*callbacks, then)
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
            return True

    def remove(self, module: str, then: Callable[[], None]) -> bool:
        """Watch a module no longer for this callback; false if it did not."""
        with self._lock:
            callbacks = self._watched.get(module, ())
            if then not in callbacks:
                return False
            self._watched[module] = tuple(each for each in callbacks if each is not then)
            if not self._watched[module]:
                del self._watched[module]
            if not self._watched and self in sys.meta_path:
                sys.meta_path.remove(self)
            return True

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of the other finders, which will call back when its module is loaded."""
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

    def _spec_of_others(self, *search: Any) -> ModuleSpec | None:
        # a copy, as a finder may add or remove others while it searches
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(*search)
            if spec is not None:
                return spec
        return None

    def loaded(self, module: str) -> None:
        """Call back for a module whose load has ended."""
        loaded = sys.modules.get(module)
        if loaded is None:
            return  # the load failed, or somebody has loaded a copy for a purpose of their own
        if _is_lazy(loaded) and not _is_loading_lazily(loaded):
            _follow(_spec(loaded))
            return
        for then in self._watched.get(module, ()):
            then()


_FINDER = _Finder()
if hasattr(os, "register_at_fork"):
    # a thread that holds it is not there in a forked child (private, CPython 3.9 to 3.14)
    renew = _FINDER._lock._at_fork_reinit  # pyright: ignore[reportAttributeAccessIssue]  private
    os.register_at_fork(after_in_child=renew)


class _ExecModule:
    """Replace one loader's `exec_module`, as an attribute of that loader, until it has run.

    A loader of another type would change how inspect, pkgutil and importlib.resources treat the
    module. One loader may serve several modules: that of a zip file does.
    """

    def __init__(self, loader: Any) -> None:
        self.modules: set[str] = set()
        self._loader = loader
        self._before = vars(loader).get("exec_module")
        self._original = loader.exec_module

    def __call__(self, module: ModuleType) -> None:
        """Execute a module; then call back, if it is one of those that are watched."""
        name = _spec_name(module)
        is_watched = name in self.modules
        self.modules.discard(name)
        # before the module runs, which may look at its own loader
        if not self.modules:
            self._restore()
        self._original(module)
        if is_watched:
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
    """The class of a spec while its module is being loaded, which notices the end of that.

    CPython sets `_initializing` before and after a load, whether that failed or not, and before it
    lets other threads go on (private, CPython 3.10 to 3.13; tests/cli/test_bootstrap.py).
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
    """Be called back at the end of the load that begins with this spec."""
    loader: Any = getattr(spec, "loader", None)
    while hasattr(loader, "__wrapped__"):  # a proxy, whose attributes are those of its loader
        loader = loader.__wrapped__
    if not _takes_attribute(loader):
        _follow_spec(spec)
        return
    execution = vars(loader).get("exec_module")
    if not isinstance(execution, _ExecModule):
        execution = _ExecModule(loader)
        loader.exec_module = execution
    execution.modules.add(spec.name)


def _takes_attribute(loader: object) -> bool:
    """Whether a loader executes modules, and can have another `exec_module` of its own."""
    if isinstance(loader, type):
        return False  # a class as a loader, such as that of frozen modules, serves very many
    # a namespace package has no loader yet
    return hasattr(loader, "exec_module") and hasattr(loader, "__dict__")


def _follow_spec(spec: Any) -> bool:
    """Be called back by the spec itself; return false if it is of another kind than Python's."""
    callbacks = vars(spec).setdefault(_CALLBACKS, [])
    callbacks.append(_FINDER.loaded)
    if type(spec) is ModuleSpec:
        spec.__class__ = _LoadingSpec
    return hasattr(type(spec), "_initializing")


def _follow_load_under_way(module: str) -> None:
    """Be called back at the end of a load that began before the module was watched.

    This thread may be in the middle of it, or another one.
    """
    _wait_while_about_to_run(module)
    loading = sys.modules.get(module)
    if loading is None:
        return
    spec = _spec(loading)
    if _is_lazy(loading):
        _follow(spec)
        return
    if _follow_spec(spec) and getattr(spec, "_initializing", False):
        return
    _FINDER.loaded(module)  # it ended meanwhile


def _wait_while_about_to_run(module: str) -> None:
    """Wait while another thread has the spec of a module and has not begun to run it.

    It had the spec from another finder, before ours was there, so nothing would call back.
    """
    deadline = time.monotonic() + _PATIENCE
    while module not in sys.modules and _locked_elsewhere(module):
        if time.monotonic() >= deadline:
            return
        time.sleep(0.001)


def _locked_elsewhere(module: str) -> bool:
    """Whether another thread holds the lock that CPython has for the import of a module."""
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    reference = locks.get(module)
    lock = None if reference is None else reference()
    return getattr(lock, "owner", None) not in (None, get_ident())


def _is_lazy(module: object) -> bool:
    """Whether a module loads at the first use of an attribute (`importlib.util.LazyLoader`)."""
    lazy = getattr(sys.modules.get("importlib.util"), "_LazyModule", None)
    return lazy is not None and type(module) is lazy


def _is_loading_lazily(module: object) -> bool:
    """Whether the code of a lazy module runs now.

    Since Python 3.12.3 a lazy module keeps its class until its code has run.
    """
    state = getattr(_spec(module), "loader_state", None)
    return isinstance(state, dict) and bool(state.get("is_loading"))


def _spec(module: object) -> Any:
    """Return the spec of a module without the module's own code, which would load a lazy one."""
    if _is_lazy(module):
        return object.__getattribute__(module, "__spec__")
    try:
        return getattr(module, "__spec__", None)
    except Exception:  # noqa: BLE001  anything may stand in sys.modules, and answer in any way
        return None


def _spec_name(module: object) -> str:
    return getattr(_spec(module), "name", None) or getattr(module, "__name__", "")
