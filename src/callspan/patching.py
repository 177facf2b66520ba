"""Wrap functions of other packages, as soon as they are imported, and undo exactly that."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pkgutil import resolve_name
from types import CellType, FunctionType, ModuleType
from typing import Any

import wrapt

from callspan import guard

Wrapper = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]


class _BoundWrapper(wrapt.BoundFunctionWrapper):
    """A wrapped method taken from its object or class. It copies and pickles as the plain method would."""

    def _self_source(self) -> tuple[Any, str]:
        home, name = self._self_parent._self_home
        return (home if self._self_instance is None else self._self_instance), name

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return getattr, self._self_source()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        source, name = self._self_source()
        return getattr(copy.deepcopy(source, memo), name)


class _Wrapper(wrapt.FunctionWrapper):
    """A wrapped function that knows where it stands."""

    __bound_function_wrapper__ = _BoundWrapper

    def __init__(self, wrapped: Any, wrapper: Wrapper, home: tuple[Any, str], enabled: Any = None) -> None:
        super().__init__(wrapped, wrapper, enabled)
        self._self_home = home

    def __reduce_ex__(self, _protocol: Any) -> Any:
        home, name = self._self_home
        if isinstance(home, ModuleType):  # which cannot be pickled
            return resolve_name, (f"{home.__name__}:{name}",)
        return getattr, self._self_home

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Any:
        return self


class _OwnMethod(_BoundWrapper):
    """The same for a method of the app's own."""

    def _self_source(self) -> tuple[Any, str]:
        home = getattr(self.__wrapped__, "__self__", None)
        if home is None:
            home = resolve_name(f"{self.__module__}:{self.__qualname__.rpartition('.')[0]}")
        return home, self.__name__


class _OwnFunction(_Wrapper):
    """A wrapped function of the app's own, which is found by its name, as functions are."""

    __bound_function_wrapper__ = _OwnMethod

    def __init__(self, wrapped: Any, wrapper: Wrapper, enabled: Callable[[], bool]) -> None:
        super().__init__(wrapped, wrapper, (None, ""), enabled)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        if isinstance(self.__wrapped__, FunctionType) and _named(self) is self:
            return self.__qualname__
        return _itself, (self.__wrapped__,)  # it has another name than its function, so only that can be found


def _named(function: Any) -> Any:
    """What is found under the name of a function."""
    try:
        return resolve_name(f"{function.__module__}:{function.__qualname__}")
    except (ImportError, AttributeError, ValueError):
        return None


def _itself(function: Any) -> Any:
    return function


def wrapped(function: Any, wrapper: Wrapper, enabled: Callable[[], bool]) -> Any:
    """A function of the app's own in a wrapper that looks, binds, copies and pickles as the function would.

    While it is not `enabled` the function is called at once, at the cost of asking.
    """
    return _OwnFunction(function, wrapper, enabled)


@dataclass(slots=True)
class Patch:
    """One function of another package, by module and dotted path, and what takes its place.

    `optional` ones may be missing in some versions; a missing one that is not optional is reported. With `variable`
    it is what the function keeps under that name in its closure: a decorator's function calls the one that it decorates
    from there, also for those who have taken it before it was patched, and under other names.
    """

    module: str
    path: str
    wrapper: Wrapper
    optional: bool = False
    variable: str | None = None
    state: str = "not instrumented"
    _undo: tuple[Any, str, Any, Any, bool] | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """The dotted path as a person would write it."""
        return f"{self.module}.{self.path}"

    def apply(self) -> None:
        """Put the wrapper in place; a target that has moved is reported and skipped."""
        if self._undo is not None:
            return
        try:
            parent, name, original = wrapt.resolve_path(sys.modules[self.module], self.path)
            if self.variable is not None:
                parent, name = _cell(original, self.variable), "cell_contents"
                original = parent.cell_contents
        except (AttributeError, KeyError):
            self._missing()
            return
        owned = not isinstance(parent, type) or name in vars(parent)
        if owned and isinstance(parent, type):
            original = vars(parent)[name]
        wrapped = self._around(original, (parent, name))
        setattr(parent, name, wrapped)
        self._undo = (parent, name, original, wrapped, owned)
        self.state = "patched" if _kept(parent, name) is wrapped else "missing"

    def _around(self, original: Any, home: tuple[Any, str]) -> Any:
        if not isinstance(original, property):
            return _Wrapper(original, self.wrapper, home)
        getter = _Wrapper(original.fget, self.wrapper, home)
        return property(getter, original.fset, original.fdel, original.__doc__)

    def _missing(self) -> None:
        self.state = "missing"
        if not self.optional:
            guard.say_once(f"{self.target} is not there in the installed version, so its calls are not seen")

    def undo(self) -> None:
        """Take the wrapper out, if it is still ours that stands there; wrappers put around it by others stay."""
        if self._undo is not None:
            parent, name, original, wrapped, owned = self._undo
            if _kept(parent, name) is wrapped:
                if owned:
                    setattr(parent, name, original)
                else:
                    delattr(parent, name)
            self._undo = None
        self.state = "not instrumented"


def _cell(function: Any, variable: str) -> CellType:
    """Where a function, or one that it wraps, keeps a variable of its closure."""
    while variable not in function.__code__.co_freevars:
        function = function.__wrapped__
    return function.__closure__[function.__code__.co_freevars.index(variable)]


def _kept(parent: Any, name: str) -> Any:
    return parent.cell_contents if isinstance(parent, CellType) else vars(parent).get(name)


class Patches:
    """The patches of one client: applied at once where its modules are loaded, else when they are imported."""

    def __init__(self, patches: list[Patch], package: str, then: Callable[[], None]) -> None:
        self.patches = patches
        self.active = False
        self._modules = [*dict.fromkeys(patch.module for patch in patches), package]
        self._then = then
        self._hooked: set[str] = set()

    def apply(self) -> None:
        """Apply all, now or on import; `then` is called after each module's, and after the whole package."""
        self.active = True
        for module in self._modules:
            if module in sys.modules and not _loading(module):
                self._apply_module(module)
            else:
                self._wait_for(module)

    def _wait_for(self, module: str) -> None:
        for patch in self.patches:
            if patch.module == module:
                patch.state = "waiting"
        if module not in self._hooked:
            # a hook cannot be taken back, so it is left once a module and asks whether it is still wanted
            self._hooked.add(module)
            wrapt.register_post_import_hook(lambda _loaded: self._apply_module(module), module)

    def _apply_module(self, module: str) -> None:
        if not self.active:
            return
        for patch in self.patches:
            if patch.module == module:
                try:
                    patch.apply()
                except Exception as error:  # noqa: BLE001  a client that cannot be patched must still import
                    patch.state = "missing"
                    guard.report(f"patching {patch.target}", error)
        try:
            self._then()
        except Exception as error:  # noqa: BLE001  same
            guard.report(f"looking at {module}", error)

    def refuse(self, reason: str) -> None:
        """Leave a package alone that cannot be patched, and say why."""
        self.undo()
        guard.say_once(reason)

    def undo(self) -> None:
        """Undo all of them, and none of what others did."""
        self.active = False
        for patch in self.patches:
            patch.undo()


def _loading(module: str) -> bool:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))
