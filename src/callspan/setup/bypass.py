"""Find functions of others that replace a client's and call the original without our wrapper.

A subclass that got its own copy of a method before we patched the base class never calls our
wrapper; OpenInference and logfire make such copies (tests/test_bypass.py). The functions themselves
are read: nothing is called, so nothing of anybody's begins (docs/decisions/0038).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

from callspan.runtime.patching import Patch, Replacement

_MOST_STEPS = 200
"""The most objects that a search looks at; beyond it, the function counts as harmless."""

_INNER = ("__wrapped__", "__func__", "func", "_self_wrapper", "_self_parent")
"""Attributes by which methods, partial functions and wrapt's wrappers refer to what they call."""


def bypasses(patch: Patch) -> list[str]:
    """Return one line about each function that replaces a patched one and bypasses our wrapper."""
    lines: list[str] = []
    for replacement in patch.replacements:
        for home, function in _substitutes(replacement):
            if _goes_past(function, replacement):
                lines.append(_line(home, replacement.name, function))
    return lines


def _line(home: Any, name: str, function: object) -> str:
    target = home.__name__
    if isinstance(home, type):
        target = f"{home.__module__}.{home.__qualname__}"
    return (
        f"calls of {target}.{name} go past callspan, as {_author(function)} has replaced it: "
        "call callspan.instrument() before that, or use callspan run"
    )


def lines_about(patches: Iterable[Patch]) -> list[str]:
    """Return the lines of `bypasses` for many patches, each line once."""
    lines: list[str] = []
    for patch in patches:
        for line in bypasses(patch):
            if line not in lines:
                lines.append(line)
    return lines


def _substitutes(replacement: Replacement) -> Iterator[tuple[Any, Any]]:
    """Yield each class or module whose function under the patched name is not our wrapper.

    The class that was patched comes first, then all subclasses that have a method of their own.
    """
    waiting = [replacement.parent]
    seen: set[int] = set()
    while waiting:
        home = waiting.pop()
        if id(home) in seen:
            continue
        seen.add(id(home))
        # of its own alone: what it inherits is looked at where that stands
        function = getattr(home, "__dict__", {}).get(replacement.name)
        if function is not None and function is not replacement.wrapped:
            yield home, function
        if isinstance(home, type):
            # by `type`, as a metaclass may have a method of that name
            waiting += type.__subclasses__(home)


def _goes_past(function: Any, replacement: Replacement) -> bool:
    """Whether a function calls the original, but not our wrapper or its base class's method."""
    waiting = [function]
    # The objects themselves are kept, as the id of one that is gone may be given to another.
    seen = {id(function): function}
    finds_original = False
    while waiting:
        if len(seen) > _MOST_STEPS:
            return False
        caller = waiting.pop()
        if caller is replacement.wrapped:
            return False
        if _calls_base(caller, replacement):
            return False  # the method of the base class is our wrapper
        if caller is replacement.original:
            finds_original = True
            continue
        for inner in _callees(caller):
            if id(inner) not in seen:
                seen[id(inner)] = inner
                waiting.append(inner)
    return finds_original


def _calls_base(function: object, replacement: Replacement) -> bool:
    """Whether a function looks the method up at each call, by `super()` or its base class."""
    if not isinstance(function, FunctionType):
        return False
    names = function.__code__.co_names
    # a method with `super()` finds our wrapper, which stands on its base class
    if "super" in names:
        return True
    return replacement.name in names and replacement.parent in _globals_of(function)


def _callees(function: object) -> list[Any]:
    """Return the functions that a function may call, of its closure, defaults and globals too."""
    values = [getattr(function, name, None) for name in _INNER]
    if isinstance(function, FunctionType):
        values += _closure_of(function)
        values += function.__defaults__ or ()
        values += (function.__kwdefaults__ or {}).values()
        values += _globals_of(function)
    return [value for value in values if callable(value)]


def _closure_of(function: FunctionType) -> list[Any]:
    values: list[Any] = []
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:
            continue  # a variable that has no value yet
    return values


def _globals_of(function: FunctionType) -> list[Any]:
    code: CodeType = function.__code__
    return [function.__globals__[name] for name in code.co_names if name in function.__globals__]


def _author(function: object) -> str:
    """Return the module in which a function was written.

    Its globals say so; its `__module__` may be another's, which `functools.wraps` has copied.
    """
    wrapper = getattr(function, "_self_wrapper", None)
    for candidate in (wrapper, getattr(wrapper, "__func__", None), function):
        if isinstance(candidate, FunctionType):
            return str(candidate.__globals__.get("__name__", "another package"))
    if wrapper is not None:
        return type(wrapper).__module__
    return type(function).__module__
