"""Functions and blocks of the app's own that are marked as workflows, agents or tools."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from callspan.decorators import operation as operations
from callspan.decorators.operation import Operation
from callspan.decorators.operation_types import AGENT, TOOL, WORKFLOW, Kind
from callspan.decorators.running import called, lazily
from callspan.events import Call
from callspan.runtime.errors import SettingsError
from callspan.runtime.patching import wrapped
from callspan.runtime.plain import valid

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, ..., Any]")


class Mark:
    """Marks functions, as a decorator, and blocks, as a context manager, sync and async; as many as one likes."""

    def __init__(
        self, kind: Kind, name: str | None, parameters: dict[str, Any], arguments: Any = None
    ) -> None:
        if name == "":
            raise SettingsError(
                f"callspan.{kind.word} has an empty name: give one that tells it from others"
            )
        self._kind = kind
        self._name = name
        self._parameters = parameters
        self._arguments = arguments
        self._open: list[Operation] = []

    def __call__(self, function: F) -> F:
        """The function, marked."""
        _check(self._kind.word, function)
        if self._arguments is not None or "tool_call_id" in self._parameters:
            raise SettingsError(
                "arguments and call_id are those of a block: a function is given its own at each call"
            )
        told = self._told(self._name or _name(function))
        if self._kind is TOOL and (line := _first_line(function)):
            told.setdefault("tool_description", line)
        run = lazily if _is_lazy(function) else called

        def marked(
            function: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            return run(
                function,
                args,
                kwargs,
                partial(self._begin, told, partial(_bound, function, args, kwargs)),
            )

        return wrapped(function, marked, operations.heard)

    def _told(self, name: str) -> dict[str, Any]:
        return {f"{self._kind.word}_name": valid(name), **self._parameters}

    def _begin(
        self, told: dict[str, Any], given: Callable[[], Any], asynchronous: bool
    ) -> Operation | None:
        kind = self._kind
        call = Call(
            kind.operation,
            "",
            None,
            told,
            asynchronous=asynchronous,
            content=lambda: kind.sent(given()),
        )
        return operations.begin(call, kind.given)

    def _block(self, asynchronous: bool) -> Operation:
        if self._name is None:
            word = self._kind.word
            raise SettingsError(
                f"a block has no name of its own: give it one, `with callspan.{word}('name'):`"
            )
        heard = operations.heard()
        begun = (
            self._begin(self._told(self._name), lambda: self._arguments, asynchronous)
            if heard
            else None
        )
        operation = begun or Operation()
        self._open.append(operation)
        return operation

    def _left(self) -> Operation:
        """The block that is left here: others of the same mark may be open in other threads and tasks."""
        operation = next((one for one in self._open if one.here), self._open[-1])
        self._open.remove(operation)
        return operation

    def __enter__(self) -> Operation:
        return self._block(False).__enter__()

    def __exit__(self, *error: Any) -> None:
        operation = self._left()
        operation.__exit__(*error)
        operation.end()

    async def __aenter__(self) -> Operation:
        operation = self._block(True).__enter__()
        await operation.settle()
        return operation

    async def __aexit__(self, *error: Any) -> None:
        operation = self._left()
        operation.__exit__(*error)
        operation.end()
        await operation.settle()


def _bound(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What a function is given, by the names of its parameters as far as they are known."""
    try:
        found = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return {"arguments": args, **kwargs}
    # since Python 3.13 `@classmethod` hands its class on as an argument
    return {name: value for name, value in found.items() if name not in ("self", "cls")}


def _check(word: str, function: Any) -> None:
    if isinstance(function, type):
        raise SettingsError(
            f"callspan.{word} marks functions, and {function.__name__} is a class: mark one of its methods"
        )
    if isinstance(function, property):
        raise SettingsError(
            f"callspan.{word} marks functions: put it below @property, next to the function"
        )
    if not callable(function) and not isinstance(function, classmethod):
        raise SettingsError(
            f"callspan.{word} takes a function or a name, not {type(function).__name__}"
        )


def _inner(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return function.__func__ if isinstance(function, (staticmethod, classmethod)) else function


def _name(function: Any) -> str:
    inner = _inner(function)
    return getattr(inner, "__name__", None) or type(inner).__name__


def _first_line(function: Any) -> str | None:
    return (_inner(function).__doc__ or "").strip().partition("\n")[0] or None


def _is_lazy(function: Any) -> bool:
    inner = _inner(function)
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(is_kind(inner) for is_kind in kinds)


@overload
def workflow(function: F, /) -> F: ...
@overload
def workflow(name: str | None = None, *, arguments: Any = None) -> Mark: ...
def workflow(name: Any = None, *, arguments: Any = None) -> Any:
    """Mark a function or a block as a workflow: a run of several agents, tools and models that belong together.

    `@workflow`, `@workflow("name")`, `with workflow("name"):`; the name must not differ from run to run.
    """
    return _mark(WORKFLOW, name, {}, arguments)


@overload
def agent(function: F, /) -> F: ...
@overload
def agent(name: str | None = None, *, arguments: Any = None) -> Mark: ...
def agent(name: Any = None, *, arguments: Any = None) -> Any:
    """Mark a function or a block as an agent: the models and tools that are called in it count as the agent's.

    `@agent`, `@agent("name")`, `with agent("name"):`; a function's own name is the default. Arguments and result are
    content, captured as `input` and `output`: a function's own, or for a block the arguments given here and what is set
    as `result` on the object that `with agent("name") as run:` gives.
    """
    return _mark(AGENT, name, {}, arguments)


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    name: str | None = None,
    *,
    description: str | None = None,
    call_id: str | None = None,
    arguments: Any = None,
) -> Mark: ...
def tool(
    name: Any = None,
    *,
    description: str | None = None,
    call_id: str | None = None,
    arguments: Any = None,
) -> Any:
    """Mark a function or a block as a tool.

    `@tool`, `@tool("name")`, `with tool("name"):`; the defaults are a function's own name and the first line of its
    docstring. `call_id` is the model's id for the call that the tool answers. Arguments and result are content as those
    of an agent are, captured as `arguments` and `results`; the arguments may be the JSON text that a model gave.
    """
    given = {"tool_type": "function", "tool_description": description, "tool_call_id": call_id}
    return _mark(
        TOOL, name, {key: value for key, value in given.items() if value is not None}, arguments
    )


def _mark(kind: Kind, name: Any, parameters: dict[str, Any], arguments: Any) -> Any:
    if name is None or isinstance(name, str):
        return Mark(kind, name, parameters, arguments)
    return Mark(kind, None, parameters, arguments)(name)
