"""Wrap functions of other packages, as soon as they are imported, and undo exactly that."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pkgutil import resolve_name
from types import CellType, FunctionType, ModuleType
from typing import Any

import wrapt

from callspan.bootstrap.callspan_watch import unwatch, watch
from callspan.runtime import guard, process

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

    def __init__(
        self, wrapped: Any, wrapper: Wrapper, home: tuple[Any, str], enabled: Any = None
    ) -> None:
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
        return _itself, (
            self.__wrapped__,
        )  # it has another name than its function, so only that can be found


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
    _replacements: list[Replacement] = field(default_factory=list, repr=False)

    @property
    def target(self) -> str:
        """The dotted path as a person would write it."""
        return f"{self.module}.{self.path}"

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """What was replaced and stands in place now; several where the module was executed again."""
        return tuple(self._replacements)

    def apply(self) -> None:
        """Put the wrapper in place; a target that has moved is reported and skipped.

        A module that was executed again has new functions, which are patched beside the old ones.
        """
        try:
            parent, name, original = self._resolve()
        except (AttributeError, KeyError):
            self._missing()
            return
        with _replacing:
            if any(each.stands_in(parent, name) for each in self._replacements):
                return
            owned = not isinstance(parent, type) or name in vars(parent)
            if owned and isinstance(parent, type):
                original = vars(parent)[name]
            wrapped = self._around(original, (parent, name))
            setattr(parent, name, wrapped)
            self._replacements.append(Replacement(parent, name, original, wrapped, owned))
        self.state = "patched" if _kept(parent, name) is wrapped else "missing"

    def _resolve(self) -> tuple[Any, str, Any]:
        """Return the object that holds the function, the name it holds it by, and the function."""
        parent, name, original = wrapt.resolve_path(sys.modules[self.module], self.path)
        if self.variable is None:
            return parent, name, original
        cell = _cell(original, self.variable)
        return cell, "cell_contents", cell.cell_contents

    def _around(self, original: Any, home: tuple[Any, str]) -> Any:
        if not isinstance(original, property):
            return _Wrapper(original, self.wrapper, home)
        getter = _Wrapper(original.fget, self.wrapper, home)
        return property(getter, original.fset, original.fdel, original.__doc__)

    def _missing(self) -> None:
        self.state = "missing"
        if not self.optional:
            guard.say_once(
                f"{self.target} is not there in the installed version, so its calls are not seen"
            )

    def undo(self) -> None:
        """Take the wrapper out, if it is still ours that stands there; wrappers put around it by others stay."""
        with _replacing:
            while self._replacements:
                self._replacements.pop().undo()
        self.state = "not instrumented"


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a patch has done: the place, what stood there, what stands there now, and if the place had it of its own."""

    parent: Any
    name: str
    original: Any
    wrapped: Any
    owned: bool

    def stands_in(self, parent: Any, name: str) -> bool:
        """Whether it was made at this place and is still there, be it inside of what others have put around it."""
        if parent is not self.parent or name != self.name:
            return False
        return any(each is self.wrapped for each in _chain(_kept(parent, name)))

    def undo(self) -> None:
        """Put back what stood there."""
        if _kept(self.parent, self.name) is not self.wrapped:
            return
        if self.owned:
            setattr(self.parent, self.name, self.original)
        else:
            delattr(self.parent, self.name)


_replacing = process.own_lock(sys.modules[__name__], "_replacing")
"""Held while one function is replaced: the thread that imports a client and one that instruments may do so at once."""


def _chain(function: Any) -> Iterator[Any]:
    """The function and what it wraps, from the outside in."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def _cell(function: Any, variable: str) -> CellType:
    """Where a function, or one that it wraps, keeps a variable of its closure."""
    while variable not in function.__code__.co_freevars:
        function = function.__wrapped__
    return function.__closure__[function.__code__.co_freevars.index(variable)]


def _kept(parent: Any, name: str) -> Any:
    return parent.cell_contents if isinstance(parent, CellType) else vars(parent).get(name)


class Patches:
    """The patches of one client: applied at once where its modules are loaded, else when they have been."""

    def __init__(self, patches: list[Patch], package: str, then: Callable[[], None]) -> None:
        self.patches = patches
        self.active = False
        self._modules = [*dict.fromkeys(patch.module for patch in patches), package]
        self._then = then
        self._watches: list[tuple[str, Callable[[], None]]] = []

    def apply(self) -> None:
        """Apply all, now or after the import; `then` is called after each module's, and after the whole package."""
        self.active = True
        for patch in self.patches:
            patch.state = "waiting"
        for module in self._modules:
            self._watch(module)

    def _watch(self, module: str) -> None:
        def apply() -> None:
            self._apply_module(module)

        self._watches.append((module, apply))
        watch(module, apply)

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
        if not self.active:  # undone by another thread meanwhile
            self.undo()

    def refuse(self, reason: str) -> None:
        """Leave a package alone that cannot be patched, and say why."""
        self.undo()
        guard.say_once(reason)

    def undo(self) -> None:
        """Undo all of them, and none of what others did."""
        self.active = False
        while self._watches:
            unwatch(*self._watches.pop())
        for patch in self.patches:
            patch.undo()
