"""Wrappers of functions that copy, pickle, bind and look as the function itself would.

wrapt's proxies refuse to be copied and pickled, but a client object may hold one of its own
methods, and be copied or sent to another process (docs/decisions/0017;
tests/torture/test_copies.py).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pkgutil import resolve_name
from types import FunctionType, ModuleType
from typing import Any

import wrapt


class _PatchedMethod(wrapt.BoundFunctionWrapper):
    """A patched method taken from its object or class."""

    def _self_source(self) -> tuple[object, str]:
        """Return the object from which the method can be taken again, and its name there."""
        home, name = self._self_parent._self_home
        if self._self_instance is not None:
            home = self._self_instance
        return home, name

    def __reduce_ex__(self, _protocol: object) -> Any:
        # looked up again by whoever unpickles it, patched there or not
        return getattr, self._self_source()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        source, name = self._self_source()
        return getattr(copy.deepcopy(source, memo), name)


class PatchedFunction(wrapt.FunctionWrapper):
    """A function of another package, patched at a place that it knows.

    Args:
        wrapped: The function.
        wrapper: The function that is called for it.
        home: The class, module or cell where it stands, and the name there.
        enabled: While this returns false the function is called as it is.
    """

    __bound_function_wrapper__ = _PatchedMethod

    def __init__(
        self,
        wrapped: Any,
        wrapper: Callable[..., Any],
        home: tuple[object, str],
        enabled: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(wrapped, wrapper, enabled)
        # wrapt keeps attributes of this prefix on the proxy, all others on the function
        self._self_home = home

    def __reduce_ex__(self, _protocol: object) -> Any:
        home, name = self._self_home
        if isinstance(home, ModuleType):  # which cannot be pickled
            return resolve_name, (f"{home.__name__}:{name}",)
        return getattr, self._self_home

    # as `copy` and `deepcopy` do with any function
    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Any:
        return self


class _AppMethod(_PatchedMethod):
    """A wrapped method of the app's own."""

    def _self_source(self) -> tuple[object, str]:
        home = getattr(self.__wrapped__, "__self__", None)
        if home is None:
            home = resolve_name(f"{self.__module__}:{self.__qualname__.rpartition('.')[0]}")
        return home, self.__name__


class _AppFunction(PatchedFunction):
    """A wrapped function of the app's own, which pickle finds by its name, as any function."""

    __bound_function_wrapper__ = _AppMethod

    def __init__(
        self, wrapped: Any, wrapper: Callable[..., Any], enabled: Callable[[], bool]
    ) -> None:
        super().__init__(wrapped, wrapper, (None, ""), enabled)

    def __reduce_ex__(self, _protocol: object) -> Any:
        if isinstance(self.__wrapped__, FunctionType) and _find_by_name(self) is self:
            # pickle takes a text for the name of a global
            return self.__qualname__
        # The wrapper has another name than its function, so only the function can be found.
        return _itself, (self.__wrapped__,)


def _find_by_name(function: Any) -> object:
    """Return the object that stands under the name of a function, or `None`."""
    try:
        return resolve_name(f"{function.__module__}:{function.__qualname__}")
    except (ImportError, AttributeError, ValueError):
        return None


def _itself(function: object) -> object:
    return function


def wrap(function: Any, wrapper: Callable[..., Any], enabled: Callable[[], bool]) -> Any:
    """Wrap a function of the app's own.

    Args:
        function: The function, or what else a decorator may be applied to.
        wrapper: The function that is called for it.
        enabled: While this returns false the function is called at once, at the cost of asking.
    """
    return _AppFunction(function, wrapper, enabled)
