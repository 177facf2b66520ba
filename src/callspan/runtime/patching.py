"""Patch functions of other packages, as soon as they are imported, and undo exactly that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CellType
from typing import Any

from callspan.bootstrap.callspan_watch import unwatch, watch
from callspan.runtime import guard, process

__all__ = ["Patch", "Patches", "Replacement", "Wrapper"]

Wrapper = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]
"""A function of the wrapped function, its object, and the arguments of the call."""


@dataclass(slots=True)
class Patch:
    """One function of another package, and the wrapper that is put around it.

    Attributes:
        module: The module that has the function.
        path: The dotted path of the function in the module.
        wrapper: The function that is called for it.
        optional: Whether some versions lack the function; else a missing one is reported.
        variable: The name under which the function keeps another one in its closure, which is the
            one to patch. The function of a decorator calls the decorated one from there, also for
            those who have taken it before it was patched, and under other names.
        elsewhere: A module that stands for `module` in other versions, with functions of its own
            to patch; `None` where each version has the module.
        state: `not instrumented`, `waiting` for the import, `patched` or `missing`.
    """

    module: str
    path: str
    wrapper: Wrapper
    optional: bool = False
    variable: str | None = None
    elsewhere: str | None = None
    state: str = "not instrumented"
    _replacements: list[Replacement] = field(default_factory=list, repr=False)

    @property
    def target(self) -> str:
        """The dotted path as a person would write it."""
        return f"{self.module}.{self.path}"

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """The replacements in place now; several where the module was executed again."""
        return tuple(self._replacements)

    def apply(self) -> None:
        """Put the wrapper in place; a target that has moved is reported and skipped.

        A module that was executed again has new functions, which are patched beside the old ones.
        """
        try:
            parent, name, original = self._resolve()
        except (AttributeError, KeyError):
            self._report_missing()
            return
        with _replacing:
            # both the import and `instrument()` may come here, one after the other
            if any(each.stands_in(parent, name) for each in self._replacements):
                return
            is_own = not isinstance(parent, type) or name in vars(parent)
            if is_own and isinstance(parent, type):
                # as the class keeps it, which may be a descriptor such as a static method's
                original = vars(parent)[name]
            original = self._without_own_wrapper(original)
            # its home is what the wrapper is pickled by
            wrapped = self._wrap(original, (parent, name))
            setattr(parent, name, wrapped)
            self._replacements.append(Replacement(parent, name, original, wrapped, is_own))
        # read back, as a class may decide for itself how its attributes are set
        self.state = "patched" if _current_value(parent, name) is wrapped else "missing"

    def _resolve(self) -> tuple[Any, str, Any]:
        """Return the object that holds the function, the name it holds it by, and the function."""
        # loaded by the first patch alone, as wrapt loads asyncio
        import wrapt

        parent, name, original = wrapt.resolve_path(sys.modules[self.module], self.path)
        if self.variable is None:
            return parent, name, original
        cell = _closure_cell(original, self.variable)
        return cell, "cell_contents", cell.cell_contents

    def _without_own_wrapper(self, function: Any) -> Any:
        """Return a function that a module has imported by name from one where it was patched already.

        It gets the same wrapper here, which would act twice, and stay when it is undone there.
        """
        from callspan.runtime.wrappers import PatchedFunction

        if isinstance(function, PatchedFunction) and function._self_wrapper is self.wrapper:
            return function.__wrapped__
        return function

    def _wrap(self, original: Any, home: tuple[object, str]) -> object:
        from callspan.runtime.wrappers import PatchedFunction

        if not isinstance(original, property):
            return PatchedFunction(original, self.wrapper, home)
        # a property has to stay one, to be asked when the attribute is read
        getter = PatchedFunction(original.fget, self.wrapper, home)
        return property(getter, original.fset, original.fdel, original.__doc__)

    def _report_missing(self) -> None:
        self.state = "missing"
        if not self.optional:
            guard.say_once(
                f"{self.target} is not there in the installed version, so its calls are not seen"
            )

    def undo(self) -> None:
        """Take the wrapper out where it still stands; wrappers that others put around it stay."""
        with _replacing:
            while self._replacements:
                self._replacements.pop().undo()
        self.state = "not instrumented"


@dataclass(frozen=True, slots=True)
class Replacement:
    """One function that a patch has replaced.

    Attributes:
        parent: The class, module or cell that holds the function.
        name: The name by which it holds it.
        original: The function that stood there.
        wrapped: The wrapper that stands there now.
        is_own: Whether the parent had the function itself, and did not inherit it.
    """

    parent: Any
    name: str
    original: Any
    wrapped: Any
    is_own: bool

    def stands_in(self, parent: object, name: str) -> bool:
        """Whether the wrapper is in this place still, perhaps inside wrappers of others."""
        if parent is not self.parent or name != self.name:
            return False
        return any(each is self.wrapped for each in _chain(_current_value(parent, name)))

    def undo(self) -> None:
        """Put the original back, unless others have put a wrapper around ours."""
        if _current_value(self.parent, self.name) is not self.wrapped:
            return
        if self.is_own:
            setattr(self.parent, self.name, self.original)
        else:
            delattr(self.parent, self.name)


_replacing = process.own_lock(sys.modules[__name__], "_replacing")
"""Held while one function is replaced: an import and `instrument()` may do so at once."""


def _chain(function: Any) -> Iterator[object]:
    """Yield a function and all that it wraps, from the outside in."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def _closure_cell(function: Any, variable: str) -> CellType:
    """Return the cell of a closure's variable, of a function or of one that it wraps."""
    # other decorators may stand around the one with the variable
    while variable not in function.__code__.co_freevars:
        function = function.__wrapped__
    return function.__closure__[function.__code__.co_freevars.index(variable)]


def _current_value(parent: object, name: str) -> object:
    """Return the value that a place holds itself, without what it inherits."""
    if isinstance(parent, CellType):
        return parent.cell_contents
    return vars(parent).get(name)


class Patches:
    """The patches of one client: applied at once where its modules are loaded, else after that.

    Args:
        patches: The patches.
        package: The package of the client, whose import is waited for as well.
        then: Called after the patches of each module, and after the whole package.
    """

    def __init__(self, patches: list[Patch], package: str, then: Callable[[], None]) -> None:
        self.patches = patches
        self.active = False
        self._modules = [*dict.fromkeys(patch.module for patch in patches), package]
        self._then = then
        self._watches: list[tuple[str, Callable[[], None]]] = []

    def apply(self) -> None:
        """Apply each patch, now or after the import of its module."""
        self.active = True
        for patch in self.patches:
            # before the watch, which patches at once what is loaded already
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
                _apply_guarded(patch)
        try:
            self._then()
        except Exception as error:  # noqa: BLE001  a client that cannot be patched must still import
            guard.report(f"looking at {module}", error)
        if not self.active:  # undone by another thread meanwhile
            self.undo()

    def refuse(self, reason: str) -> None:
        """Leave a package alone that cannot be patched, and say why."""
        self.undo()
        guard.say_once(reason)

    def undo(self) -> None:
        """Undo all patches, and nothing that others did."""
        # first: another thread that is patching a module asks for it afterwards (`_apply_module`)
        self.active = False
        while self._watches:
            unwatch(*self._watches.pop())
        for patch in self.patches:
            patch.undo()


def _apply_guarded(patch: Patch) -> None:
    try:
        patch.apply()
    except Exception as error:  # noqa: BLE001  a client that cannot be patched must still import
        patch.state = "missing"
        guard.report(f"patching {patch.target}", error)
