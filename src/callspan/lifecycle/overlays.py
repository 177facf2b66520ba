"""Overlays: subclasses of a client's class, to which the class of a client's object is changed.

The object stays the very one that the client has made: callers hold it already, and test for its
type. So an overlay passes for the class that it stands over. What follows the object, which is its
observation in most cases, stands in its attribute `_callspan`.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from types import FunctionType
from typing import Any


def as_overlay(kind: Any, overlay: Any) -> type:
    """Give an overlay the name of its class, without methods that this class lacks.

    Old versions of clients lack some; an overlay must not add what callers test for.
    """
    # so that `repr`, logs and tracebacks name the class that the app knows
    overlay.__name__ = kind.__name__
    overlay.__qualname__ = kind.__qualname__
    overlay.__module__ = kind.__module__
    for name, value in list(vars(overlay).items()):
        # after the class was made: one text of an overlay serves every class and version
        if isinstance(value, FunctionType) and not _fits(kind, name, value):
            delattr(overlay, name)
    return overlay


def follower_of(instance: object) -> Any:
    """Return what follows a client's object, or `None` if its class was not changed."""
    return getattr(instance, "_callspan", None)


def _fits(kind: Any, name: str, method: FunctionType) -> bool:
    """Whether a class has a method of this name; `close` must be async in both or in none."""
    own = getattr(kind, name, None)
    if own is None:
        return False
    # else a caller would not await a coroutine, or would await `None`
    if name in ("close", "aclose"):
        return iscoroutinefunction(own) == iscoroutinefunction(method)
    return True
