"""Wrappers for LangChain's callback dispatch: the tree of runs hears of each event first.

The tree hears everything without a handler of ours among the app's, for LangChain merges, counts
and copies handlers, and so do programs. Two functions dispatch the starts, also where there is no
handler. For the ends LangChain's run managers look first whether there is one, so each of their
methods is wrapped.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from callspan.frameworks.langchain.handler import OwnHandler, end_handler
from callspan.frameworks.langchain.run_events import handle
from callspan.frameworks.langchain.tree import tree
from callspan.frameworks.run import RunId
from callspan.frameworks.run_context import ModelRunContext, OpaqueRunContext
from callspan.runtime import scope

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Manager = Any
"""A callback manager of LangChain's, which starts runs, or a run manager, which reports on one."""


def handle_event(
    wrapped: Callable[..., object], _instance: object, args: Args, kwargs: Kwargs
) -> object:
    """Wrap `handle_event`, which calls all handlers: ours comes first, whatever others do."""
    other_args = _handle_own(args, kwargs)
    if other_args is None:
        return None
    token = _leave_model()
    if token is None:
        return wrapped(*other_args, **kwargs)
    try:
        return wrapped(*other_args, **kwargs)
    finally:
        scope.leave(token)


def ahandle_event(
    wrapped: Callable[..., Any], _instance: object, args: Args, kwargs: Kwargs
) -> Coroutine[Any, Any, object]:
    """Wrap `ahandle_event`. Our handlers run at once, without a thread or a task."""
    # at the call: LangChain makes these coroutines in order and may await them later
    other_args = _handle_own(args, kwargs)
    if other_args is None:
        return _nothing()
    if isinstance(scope.run_context(), ModelRunContext):
        return _outside_model(wrapped, other_args, kwargs)
    return wrapped(*other_args, **kwargs)


async def _nothing() -> None:
    """Do nothing: there are no other handlers."""


async def _outside_model(wrapped: Callable[..., Any], args: Args, kwargs: Kwargs) -> None:
    token = _leave_model()
    try:
        await wrapped(*args, **kwargs)
    finally:
        if token is not None:
            scope.leave(token)


def _leave_model() -> Any:
    """Enter an opaque run context: calls in a callback do not belong to the model's run."""
    run_context = scope.run_context()
    if not isinstance(run_context, ModelRunContext):
        return None
    return scope.enter(scope.at(OpaqueRunContext(run_context)))


def _handle_own(args: Args, kwargs: Kwargs) -> Args | None:
    """Report an event to the tree.

    Returns:
        The arguments with which to call the other handlers; `None` if there are no others.
    """
    handlers = args[0] if args else None
    # another signature than that of langchain-core 0.3 to 1.8: the call is left alone
    if not isinstance(handlers, list):
        return args
    others = [handler for handler in handlers if not isinstance(handler, OwnHandler)]
    has_own = len(others) < len(handlers)
    if has_own or _is_watched(kwargs.get("run_id")):
        # LangChain passes handlers, event, an attribute to ignore it, and the arguments
        handle(args[1], args[3:], kwargs)
    if not others:
        return None
    if not has_own:
        return args
    return (others, *args[1:])


def end(event: str, parameter: str, asynchronous: bool) -> Callable[..., Any]:
    """Return a wrapper for a run manager's method that reports an event.

    LangChain's method does nothing without handlers; then the wrapper reports it to the tree.

    Args:
        event: The name of the callback, which is the method's as well.
        parameter: The name of the method's argument.
        asynchronous: Whether the method is.
    """

    def report(
        wrapped: Callable[..., object], manager: Manager, args: Args, kwargs: Kwargs
    ) -> object:
        # with handlers LangChain goes on to `handle_event`, which is wrapped as well
        if manager.handlers or not _is_watched(manager.run_id):
            return wrapped(*args, **kwargs)
        arguments = {**kwargs, "run_id": manager.run_id, "parent_run_id": manager.parent_run_id}
        handle(event, args or (kwargs.get(parameter),), arguments)
        # LangChain awaits what its own method would have returned
        return _nothing() if asynchronous else None

    return report


def _is_watched(run_id: RunId) -> bool:
    """Whether a run is reported though no handler of ours was passed to it.

    A run in the tree is reported to its end, whatever is instrumented by then.
    """
    return tree.everywhere or tree.runs.get_exact(run_id) is not None


def start(wrapped: Callable[..., object], _manager: Manager, args: Args, kwargs: Kwargs) -> object:
    """Wrap the start of runs: give each an id of its own, and remember its run manager."""
    args, kwargs = _with_own_id(args, kwargs)
    run_managers = wrapped(*args, **kwargs)
    _note_managers(run_managers)
    return run_managers


async def astart(
    wrapped: Callable[..., Any], _manager: Manager, args: Args, kwargs: Kwargs
) -> object:
    """Wrap the start of runs in asynchronous code."""
    args, kwargs = _with_own_id(args, kwargs)
    run_managers = await wrapped(*args, **kwargs)
    _note_managers(run_managers)
    return run_managers


def amodel_start(event: str) -> Callable[..., Any]:
    """Return a wrapper for the asynchronous start of a model's runs, for one callback.

    For chats LangChain calls the handlers one by one, and so nobody where there is none. For
    completions it calls the inline handlers alone, if there is one.
    """

    async def start_model(
        wrapped: Callable[..., Any], manager: Manager, args: Args, kwargs: Kwargs
    ) -> object:
        args, kwargs = _with_own_id(args, kwargs)
        run_managers = await wrapped(*args, **kwargs)
        if tree.everywhere or any(isinstance(each, OwnHandler) for each in manager.handlers):
            _report_starts(event, run_managers, args, kwargs)
        _note_managers(run_managers)
        return run_managers

    return start_model


def _report_starts(event: str, run_managers: list[Manager], args: Args, kwargs: Kwargs) -> None:
    """Report runs to the tree; it ignores those that it has heard of before."""
    serialized = args[0] if args else kwargs.get("serialized")
    requests = kwargs.get("prompts") or kwargs.get("messages") or ()
    if len(args) > 1:
        requests = args[1]
    for request, manager in zip(requests, run_managers, strict=False):
        arguments = {
            **kwargs,
            "run_id": manager.run_id,
            "parent_run_id": manager.parent_run_id,
            "tags": manager.tags,
            "metadata": manager.metadata,
        }
        # LangChain reports each conversation by itself, as a list of one
        handle(event, (serialized, [request]), arguments)


def _with_own_id(args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Return a start's arguments with an id that no other run has, though the app may repeat one.

    The new id is equal to the app's and another object. LangChain hands the very object on to the
    run's children and to its end. `tests/frameworks/langchain/test_run_ids.py` shows it.
    """
    if len(args) > 2:
        return (*args[:2], _own_id(args[2]), *args[3:]), kwargs
    if kwargs.get("run_id") is None:
        return args, kwargs
    return args, {**kwargs, "run_id": _own_id(kwargs["run_id"])}


def _own_id(run_id: RunId) -> RunId:
    if type(run_id) not in (uuid.UUID, str):
        return run_id
    if tree.runs.get_exact(run_id) is not None:
        # LangGraph starts one run twice, with some of its handlers each time
        return run_id
    if isinstance(run_id, uuid.UUID):
        return uuid.UUID(int=run_id.int, is_safe=run_id.is_safe)
    # `str(text)` and slices would return the very object
    return "".join(list(run_id))


def _note_managers(run_managers: object) -> None:
    """Remember the run managers, which will report the ends."""
    for manager in run_managers if isinstance(run_managers, list) else (run_managers,):
        run = tree.runs.get_exact(getattr(manager, "run_id", None))
        if run is None:
            continue
        run.manager = weakref.ref(manager)
        # another thread may have undone the patches since the run began
        if tree.create_observation is None:
            _attach_end_handler(manager)


def attach_end_handlers() -> None:
    """Give a handler of ours to the open runs, whose ends LangChain alone reports from now on."""
    for run in tree.runs:
        manager = None if run.manager is None else run.manager()
        if manager is not None:
            _attach_end_handler(manager)


def _attach_end_handler(manager: Manager) -> None:
    # a new list: the managers of other runs may share the old one
    manager.handlers = [*manager.handlers, end_handler()]


def set_context(
    wrapped: Callable[..., object], _instance: object, args: Args, kwargs: Kwargs
) -> object:
    """Wrap `_set_config_context`: enter the run's context where LangChain prepares for its code.

    LangChain (from 0.3) and LangGraph call it in a copy of the context, which they throw away
    after the code of the run, so it need not be left. `tests/frameworks/langchain/test_contexts.py`
    shows it.
    """
    config = args[0] if args else kwargs.get("config")
    callbacks = config.get("callbacks") if isinstance(config, dict) else None
    run = tree.runs.get(getattr(callbacks, "parent_run_id", None))
    if run is not None and scope.run_context() is not run:
        scope.enter(run.context)
    return wrapped(*args, **kwargs)
