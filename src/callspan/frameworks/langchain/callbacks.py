"""Patches round LangChain's own telling of callbacks: ours is told first, in the place where the event happens."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from callspan import scope
from callspan.frameworks.langchain.handler import Heard, everywhere
from callspan.frameworks.langchain.tree import tree
from callspan.frameworks.place import Bystander, ModelPlace

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def configure(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of the making of a callback manager: ours is among its handlers, once."""
    manager = wrapped(*args, **kwargs)
    handler = everywhere()
    if handler not in manager.handlers:
        manager.add_handler(handler, inherit=True)
    elif handler not in manager.inheritable_handlers:
        manager.inheritable_handlers.append(handler)
    return manager


def handle(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of telling all handlers: others do not keep ours from hearing, nor ours others."""
    others = _others(args, kwargs)
    if others is None:
        return wrapped(*args, **kwargs)
    if not others:
        return None
    mark = _mute()
    try:
        return wrapped(others, *args[1:], **kwargs)
    finally:
        if mark is not None:
            scope.leave(mark)


def ahandle(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Coroutine[Any, Any, Any]:
    """The same for asynchronous code. Ours is told at once, without a thread or a task."""
    others = _others(args, kwargs)
    if others is None:
        return wrapped(*args, **kwargs)
    return _rest(wrapped, others, args, kwargs)


async def _rest(wrapped: Any, others: list[Any], args: Args, kwargs: Kwargs) -> None:
    if not others:
        return
    mark = _mute()
    try:
        await wrapped(others, *args[1:], **kwargs)
    finally:
        if mark is not None:
            scope.leave(mark)


def _others(args: Args, kwargs: Kwargs) -> list[Any] | None:
    """Tell ours, and give the handlers that are left; `None` if ours is not among them."""
    handlers = args[0] if args and isinstance(args[0], list) else None
    if handlers is None:
        return None
    others = [handler for handler in handlers if not isinstance(handler, Heard)]
    if len(others) == len(handlers):
        return None
    tree.hear(args[1], args[3:], kwargs)
    return others


def _mute() -> Any:
    """Whoever calls a model in a callback does not do so for the model that the callback is about."""
    place = scope.place()
    return scope.enter(scope.at(Bystander(place))) if isinstance(place, ModelPlace) else None


def set_context(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of what LangChain and LangGraph do in the context that they copy for the code of a run.

    The copy is thrown away after it, so what is attached there need not be detached.
    """
    result = wrapped(*args, **kwargs)
    config = args[0] if args else kwargs.get("config")
    callbacks = config.get("callbacks") if isinstance(config, dict) else None
    run = tree.runs.get(getattr(callbacks, "parent_run_id", None))
    if run is not None and scope.place() is not run:
        scope.enter(run.context)
    return result
