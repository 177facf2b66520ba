"""Functions that others have put in place of a client's, and that go past our wrapper to the original.

A subclass that was given its own copy of a method before we patched the base class (as some instrumentations do) never
calls ours. That is read from the functions themselves: nothing is called, so nothing of anybody's begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

from callspan.runtime.patching import Patch, Replacement

_MOST_STEPS = 200
"""Objects that are looked at before the search is given up, and the function counts as one that passes."""


_INNER = ("__wrapped__", "__func__", "func", "_self_wrapper", "_self_parent")
"""Attributes by which functions, methods, partial ones and wrapt's wrappers refer to what they call."""


def bypasses(patch: Patch) -> list[str]:
    """Return one line about each function in place of a patched one by which calls go past us."""
    lines: list[str] = []
    for replacement in patch.replacements:
        for home, function in _stand_ins(replacement):
            if _goes_past(function, replacement):
                target = (
                    f"{home.__module__}.{home.__qualname__}"
                    if isinstance(home, type)
                    else home.__name__
                )
                lines.append(
                    f"calls of {target}.{replacement.name} go past callspan, as {_author(function)} has replaced it: "
                    "call callspan.instrument() before that, or use callspan run"
                )
    return lines


def lines_about(patches: Iterable[Patch]) -> list[str]:
    """Return the lines about all functions of a client by which calls go past us, each once."""
    return list(dict.fromkeys(line for patch in patches for line in bypasses(patch)))


def _stand_ins(replacement: Replacement) -> Iterator[tuple[Any, Any]]:
    """What stands under the name now, where it was patched and in each subclass that has its own, if it is not ours."""
    waiting = [replacement.parent]
    seen: set[int] = set()
    while waiting:
        home = waiting.pop()
        if id(home) in seen:
            continue
        seen.add(id(home))
        function = getattr(home, "__dict__", {}).get(replacement.name)
        if function is not None and function is not replacement.wrapped:
            yield home, function
        if isinstance(home, type):
            waiting += type.__subclasses__(home)


def _goes_past(function: Any, replacement: Replacement) -> bool:
    """Whether a function leads to the original, and by no way to ours or to the method of its base class."""
    waiting, seen = [function], {id(function): function}
    finds_original = False
    while waiting:
        if len(seen) > _MOST_STEPS:
            return False
        each = waiting.pop()
        if each is replacement.wrapped or _calls_base(each, replacement):
            return False
        if each is replacement.original:
            finds_original = True
            continue
        for inner in _called_from(each):
            if id(inner) not in seen:
                seen[id(inner)] = inner
                waiting.append(inner)
    return finds_original


def _calls_base(function: Any, replacement: Replacement) -> bool:
    """Whether a function asks for the method anew at each call, by `super()` or by the base class's name."""
    if not isinstance(function, FunctionType):
        return False
    names = function.__code__.co_names
    return "super" in names or (
        replacement.name in names and replacement.parent in _globals_of(function)
    )


def _called_from(function: Any) -> list[Any]:
    """What a function wraps or holds: by attribute, in its closure, its defaults, or its module."""
    inner = [getattr(function, name, None) for name in _INNER]
    if isinstance(function, FunctionType):
        inner += [cell.cell_contents for cell in function.__closure__ or () if _is_full(cell)]
        inner += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        inner += _globals_of(function)
    return [each for each in inner if callable(each)]


def _globals_of(function: FunctionType) -> list[Any]:
    code: CodeType = function.__code__
    return [function.__globals__[name] for name in code.co_names if name in function.__globals__]


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _author(function: Any) -> str:
    """The module of the code that stands there, by its globals: `functools.wraps` copies the name of another."""
    wrapper = getattr(function, "_self_wrapper", None)
    for each in (wrapper, getattr(wrapper, "__func__", None), function):
        if isinstance(each, FunctionType):
            return str(each.__globals__.get("__name__", "another package"))
    return type(function if wrapper is None else wrapper).__module__
