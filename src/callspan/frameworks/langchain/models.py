"""Patches round the methods of models: what a client is asked for in them belongs to the runs that begin in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from callspan.frameworks.langchain.tree import tree
from callspan.frameworks.run import ModelRun
from callspan.frameworks.run_context import ModelRunContext, OpaqueRunContext, acall_at, call_at
from callspan.lifecycle.generators import AsyncShell
from callspan.runtime import scope
from callspan.runtime.background import outside_collector, watch_collector

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def _run_context(model: Any) -> ModelRunContext:
    """The place inside a method of a model; an `LLM` asks once for each prompt, any other old model once for all."""
    base = getattr(sys.modules.get("langchain_core.language_models.llms"), "BaseLLM", None)
    single = getattr(sys.modules.get("langchain_core.language_models.llms"), "LLM", None)
    shared = (
        base is not None
        and isinstance(model, base)
        and not (single is not None and isinstance(model, single))
    )
    return ModelRunContext(scope.run_context(), shared)


def _close(run_context: ModelRunContext, error: BaseException | None) -> None:
    """End the runs that are open on the way out, as after a cancellation, of which LangChain tells nothing."""
    for run in run_context.runs:
        if not run.closed:
            tree.close(run, error)


def generate(wrapped: Any, model: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of `generate`."""
    run_context, failure = _run_context(model), None
    try:
        return call_at(scope.at(run_context), wrapped, args, kwargs)
    except BaseException as error:
        failure = error
        raise
    finally:
        _close(run_context, failure)


async def agenerate(wrapped: Any, model: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of `agenerate`."""
    run_context, failure = _run_context(model), None
    try:
        return await acall_at(scope.at(run_context), wrapped, args, kwargs)
    except BaseException as error:
        failure = error
        raise
    finally:
        _close(run_context, failure)


def stream(wrapped: Any, model: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of `stream`."""
    return _steps(wrapped(*args, **kwargs), _run_context(model))


def astream(wrapped: Any, model: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of `astream`."""
    watch_collector()
    return _AsyncSteps(wrapped(*args, **kwargs), _run_context(model))


def exact(wrapped: Any, _model: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of what answers one list of messages, whose run is known by name."""
    run_context = _exact_run_context(args, kwargs)
    if run_context is None:
        return wrapped(*args, **kwargs)
    return call_at(
        scope.at(run_context, run_context.runs[0].base if run_context.runs[0].moved else None),
        wrapped,
        args,
        kwargs,
    )


async def aexact(wrapped: Any, _model: Any, args: Args, kwargs: Kwargs) -> Any:
    """The same in asynchronous code, where many are answered at once."""
    run_context = _exact_run_context(args, kwargs)
    if run_context is None:
        return await wrapped(*args, **kwargs)
    return await acall_at(
        scope.at(run_context, run_context.runs[0].base if run_context.runs[0].moved else None),
        wrapped,
        args,
        kwargs,
    )


def exact_events(wrapped: Any, _model: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of the events of a run that is known by name."""
    run_context, source = _exact_run_context(args, kwargs), wrapped(*args, **kwargs)
    return source if run_context is None else _steps(source, run_context, ends=False)


def aexact_events(wrapped: Any, _model: Any, args: Args, kwargs: Kwargs) -> Any:
    """The same in asynchronous code."""
    run_context, source = _exact_run_context(args, kwargs), wrapped(*args, **kwargs)
    return source if run_context is None else _AsyncSteps(source, run_context, ends=False)


def _exact_run_context(args: Args, kwargs: Kwargs) -> ModelRunContext | None:
    manager = kwargs.get("run_manager") or (args[2] if len(args) > 2 else None)
    run = tree.runs.get(getattr(manager, "run_id", None))
    if not isinstance(run, ModelRun):
        return None
    outer = scope.run_context()
    return ModelRunContext(outer.outer if isinstance(outer, ModelRunContext) else outer, runs=[run])


def _steps(source: Any, run_context: ModelRunContext, ends: bool = True) -> Iterator[Any]:
    """A generator in whose steps the place is in force, and between them not. `ends` says that runs end with it."""
    step, failure = source.__next__, None
    try:
        while True:
            mark = None if run_context.settled else scope.enter(scope.at(run_context))
            try:
                item = step()
            except StopIteration:
                return
            finally:
                if mark is not None:
                    scope.leave(mark)
            try:
                yield item
                step = source.__next__
            except GeneratorExit:
                source.close()
                raise
            except BaseException as error:  # noqa: BLE001  it is the model's own code that shall see it
                step = partial(source.throw, error)
    except BaseException as error:
        failure = error
        raise
    finally:
        if ends or not isinstance(failure, Exception | None):
            _close(run_context, failure)


class _AsyncSteps(AsyncShell):
    """An asynchronous generator in whose steps the place is in force. `ends` says that runs end with it.

    It is an object and no generator, of which the event loop would know: at its end a loop closes all generators at
    once, and one of ours would close LangChain's while the loop is closing that.
    """

    def __init__(self, source: Any, run_context: ModelRunContext, ends: bool = True) -> None:
        super().__init__(source)
        self._run_context = run_context
        self._ends = ends

    async def _step(self, step: Callable[[], Any]) -> Any:
        mark = None if self._run_context.settled else scope.enter(scope.at(self._run_context))
        try:
            return await step()
        except StopAsyncIteration:
            self._end(None)
            raise
        except BaseException as error:
            self._end(error)
            raise
        finally:
            if mark is not None:
                scope.leave(mark)

    def _end(self, error: BaseException | None) -> None:
        if self._ends or not isinstance(error, Exception | None):
            _close(self._run_context, error)

    async def aclose(self) -> None:
        """Close it: the reader stops."""
        self._end(GeneratorExit())
        await self._source.aclose()

    def __del__(self) -> None:
        run_context = self._run_context
        if any(not run.closed for run in run_context.runs):
            outside_collector(partial(_close, run_context, None))


def search(wrapped: Any, _retriever: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of a retriever's `invoke`."""
    return call_at(
        scope.at(OpaqueRunContext(scope.run_context(), opens=True)), wrapped, args, kwargs
    )


async def asearch(wrapped: Any, _retriever: Any, args: Args, kwargs: Kwargs) -> Any:
    """In place of a retriever's `ainvoke`."""
    return await acall_at(
        scope.at(OpaqueRunContext(scope.run_context(), opens=True)), wrapped, args, kwargs
    )
