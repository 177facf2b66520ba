"""Patches round LangChain's own telling of callbacks: ours is told first, in the place where the event happens.

Everything is heard without a handler of ours among the app's: LangChain merges, counts and copies handlers, and so do
programs. Starts are told by two functions, also where there is no handler; for ends LangChain's managers look first
whether there is one, so each of their methods is wrapped.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from callspan.frameworks.langchain.handler import Heard, everywhere
from callspan.frameworks.langchain.tree import tree
from callspan.frameworks.run_context import ModelRunContext, OpaqueRunContext
from callspan.runtime import scope

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def handle(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """Wrap the telling of all handlers: others do not keep ours from hearing, nor ours others."""
    others = _told(args, kwargs)
    if others is None:
        return None
    mark = _mute()
    if mark is None:
        return wrapped(*others, **kwargs)
    try:
        return wrapped(*others, **kwargs)
    finally:
        scope.leave(mark)


def ahandle(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Coroutine[Any, Any, Any]:
    """Wrap the telling in asynchronous code. Ours is told at once, without a thread or a task."""
    others = _told(args, kwargs)
    if others is None:
        return _nothing()
    if isinstance(scope.run_context(), ModelRunContext):
        return _muted(wrapped, others, kwargs)
    return wrapped(*others, **kwargs)


async def _nothing() -> None:
    """Nobody else is to be told."""


async def _muted(wrapped: Any, args: Args, kwargs: Kwargs) -> None:
    mark = _mute()
    try:
        await wrapped(*args, **kwargs)
    finally:
        if mark is not None:
            scope.leave(mark)


def _told(args: Args, kwargs: Kwargs) -> Args | None:
    """Tell ours, and give the arguments to tell the others by; `None` if there are no others."""
    handlers = args[0] if args else None
    if not isinstance(handlers, list):
        return args
    others = [handler for handler in handlers if not isinstance(handler, Heard)]
    has_ours = len(others) < len(handlers)
    if has_ours or tree.everywhere:
        tree.hear(args[1], args[3:], kwargs)
    if not others:
        return None
    return (others, *args[1:]) if has_ours else args


def end(event: str, parameter: str, asynchronous: bool) -> Callable[..., Any]:
    """Return a wrapper for a method by which a run manager tells an event, which it does only if it has handlers.

    `parameter` is the name of what is told.
    """

    def hear(wrapped: Any, manager: Any, args: Args, kwargs: Kwargs) -> Any:
        if manager.handlers or not tree.everywhere:
            return wrapped(*args, **kwargs)
        told = {**kwargs, "run_id": manager.run_id, "parent_run_id": manager.parent_run_id}
        tree.hear(event, args or (kwargs.get(parameter),), told)
        return _nothing() if asynchronous else None

    return hear


def start(wrapped: Any, _manager: Any, args: Args, kwargs: Kwargs) -> Any:
    """Wrap the start of runs."""
    args, kwargs = _with_own_id(args, kwargs)
    started = wrapped(*args, **kwargs)
    _note_managers(started)
    return started


async def astart(wrapped: Any, _manager: Any, args: Args, kwargs: Kwargs) -> Any:
    """Wrap the start of runs in asynchronous code."""
    args, kwargs = _with_own_id(args, kwargs)
    started = await wrapped(*args, **kwargs)
    _note_managers(started)
    return started


def amodel_start(event: str) -> Callable[..., Any]:
    """Return a wrapper for the asynchronous start of a model's runs.

    LangChain tells handlers of chats one by one, so nobody where there is none; and of old models, if a handler wants
    to be told inline, the inline ones alone.
    """

    async def started(wrapped: Any, manager: Any, args: Args, kwargs: Kwargs) -> Any:
        args, kwargs = _with_own_id(args, kwargs)
        run_managers = await wrapped(*args, **kwargs)
        if tree.everywhere or any(isinstance(handler, Heard) for handler in manager.handlers):
            _hear_starts(event, run_managers, args, kwargs)
        _note_managers(run_managers)
        return run_managers

    return started


def _hear_starts(event: str, run_managers: Any, args: Args, kwargs: Kwargs) -> None:
    """Hear of the runs that have begun; what has been heard of before is not heard twice."""
    serialized = args[0] if args else kwargs.get("serialized")
    requests = args[1] if len(args) > 1 else kwargs.get("prompts") or kwargs.get("messages") or ()
    for request, manager in zip(requests, run_managers, strict=False):
        told = {**kwargs, "run_id": manager.run_id, "parent_run_id": manager.parent_run_id}
        told.update(tags=manager.tags, metadata=manager.metadata)
        tree.hear(event, (serialized, [request]), told)


def _with_own_id(args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Return the arguments of a start with an id that no other run has, though the app may give one id to many.

    It is equal to the app's, and another object: LangChain hands the very object on to the run's children and its end.
    """
    if len(args) > 2:
        return (*args[:2], _own_id(args[2]), *args[3:]), kwargs
    if kwargs.get("run_id") is None:
        return args, kwargs
    return args, {**kwargs, "run_id": _own_id(kwargs["run_id"])}


def _own_id(run_id: Any) -> Any:
    if type(run_id) not in (uuid.UUID, str):
        return run_id
    if tree.runs.exact(run_id) is not None:
        return run_id  # LangGraph starts one run twice, with some of its handlers each time
    if isinstance(run_id, uuid.UUID):
        return uuid.UUID(int=run_id.int, is_safe=run_id.is_safe)
    return "".join(list(run_id))


def _note_managers(started: Any) -> None:
    """Keep track of the objects that will tell the ends."""
    for manager in started if isinstance(started, list) else (started,):
        run = tree.runs.exact(getattr(manager, "run_id", None))
        if run is not None:
            run.manager = weakref.ref(manager)


def hear_open_ends() -> None:
    """Put a handler of ours among those of the runs that are open: from now on LangChain alone tells their ends."""
    for run in tree.runs:
        manager = run.manager() if run.manager is not None else None
        if manager is not None:
            manager.handlers = [*manager.handlers, everywhere()]


def _mute() -> Any:
    """Whoever calls a model in a callback does not do so for the model that the callback is about."""
    run_context = scope.run_context()
    return (
        scope.enter(scope.at(OpaqueRunContext(run_context)))
        if isinstance(run_context, ModelRunContext)
        else None
    )


def set_context(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """Wrap what LangChain and LangGraph do in the context that they copy for the code of a run.

    The copy is thrown away after it, so what is attached there need not be detached.
    """
    config = args[0] if args else kwargs.get("config")
    callbacks = config.get("callbacks") if isinstance(config, dict) else None
    run = tree.runs.get(getattr(callbacks, "parent_run_id", None))
    if run is not None and scope.run_context() is not run:
        scope.enter(run.context)
    return wrapped(*args, **kwargs)
