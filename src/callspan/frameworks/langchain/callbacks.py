"""Patches round LangChain's own telling of callbacks: ours is told first, in the place where the event happens."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from callspan import guard, scope
from callspan.frameworks.langchain.handler import Heard, everywhere
from callspan.frameworks.langchain.tree import tree
from callspan.frameworks.place import Bystander, ModelPlace

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def configure(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of the making of a callback manager: ours is among its handlers, once."""
    manager = wrapped(*args, **kwargs)
    if tree.everywhere:
        try:
            handler = everywhere()
            if handler not in manager.handlers:
                manager.add_handler(handler, inherit=True)
        except Exception as error:  # noqa: BLE001  our fault must not keep the app's own handlers from hearing
            guard.report("adding a handler to LangChain's", error)
    return manager


def handle(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of telling all handlers: others do not keep ours from hearing, nor ours others."""
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
    """The same for asynchronous code. Ours is told at once, without a thread or a task."""
    others = _told(args, kwargs)
    if others is None:
        return _nothing()
    if isinstance(scope.place(), ModelPlace):
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
    handlers = args[0] if args and isinstance(args[0], list) else ()
    for handler in handlers:
        if isinstance(handler, Heard):
            break
    else:
        return args
    tree.hear(args[1], args[3:], kwargs)
    if len(handlers) == 1:
        return None
    others = [handler for handler in handlers if not isinstance(handler, Heard)]
    return (others, *args[1:]) if others else None


async def llm_start(wrapped: Any, manager: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of the asynchronous start of an old model's runs.

    If a handler wants to be told inline, LangChain tells the inline ones alone, so ours may not have heard yet.
    """
    begun = await wrapped(*args, **kwargs)
    if any(isinstance(handler, Heard) for handler in manager.handlers):
        serialized, prompts = (*args, kwargs.get("serialized"), kwargs.get("prompts"))[:2]
        for prompt, one in zip(prompts or (), begun, strict=False):
            told = {**kwargs, "run_id": one.run_id, "parent_run_id": one.parent_run_id}
            told.update(tags=one.tags, metadata=one.metadata)
            tree.hear("on_llm_start", (serialized, [prompt]), told)
    return begun


def _mute() -> Any:
    """Whoever calls a model in a callback does not do so for the model that the callback is about."""
    place = scope.place()
    return scope.enter(scope.at(Bystander(place))) if isinstance(place, ModelPlace) else None


def set_context(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of what LangChain and LangGraph do in the context that they copy for the code of a run.

    The copy is thrown away after it, so what is attached there need not be detached.
    """
    config = args[0] if args else kwargs.get("config")
    callbacks = config.get("callbacks") if isinstance(config, dict) else None
    run = tree.runs.get(getattr(callbacks, "parent_run_id", None))
    if run is not None and scope.place() is not run:
        scope.enter(run.context)
    return wrapped(*args, **kwargs)
