"""Wrappers for LangChain's model methods: provider calls inside belong to the model's run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from callspan.formats.fields import all_fields, get
from callspan.frameworks.langchain.tree import tree
from callspan.frameworks.run import ModelRun
from callspan.frameworks.run_context import ModelRunContext, OpaqueRunContext, acall_in, call_in
from callspan.lifecycle.generators import AsyncShell
from callspan.runtime import scope
from callspan.runtime.background import outside_collector, watch_collector

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Stream = Any
"""A generator of LangChain's, plain or asynchronous."""


def _model_run_context(model: object) -> ModelRunContext:
    """Return the run context of a model's method.

    A model with the interface of `BaseLLM` answers all prompts by one request, unless it is an
    `LLM`, which makes a request for each prompt.
    """
    module = sys.modules.get("langchain_core.language_models.llms")
    # where it is not imported no model is of these classes: `isinstance` takes `()`
    base: type | tuple[()] = getattr(module, "BaseLLM", ())
    single: type | tuple[()] = getattr(module, "LLM", ())
    shared = isinstance(model, base) and not isinstance(model, single)
    return ModelRunContext(scope.run_context(), shared)


def _close(run_context: ModelRunContext, error: BaseException | None) -> None:
    """End the open runs on the way out: LangChain does not report cancellations."""
    for run in run_context.runs:
        if not run.closed:
            tree.close(run, error)


def generate(wrapped: Callable[..., object], model: object, args: Args, kwargs: Kwargs) -> object:
    """Answer prompts or conversations: clients called inside belong to the runs that begin here."""
    run_context, failure = _model_run_context(model), None
    try:
        return call_in(scope.at(run_context), wrapped, args, kwargs)
    except BaseException as error:
        failure = error
        raise
    finally:
        _close(run_context, failure)


async def agenerate(
    wrapped: Callable[..., object], model: object, args: Args, kwargs: Kwargs
) -> object:
    """Answer prompts or conversations in asynchronous code, inside a run context of the model."""
    run_context, failure = _model_run_context(model), None
    try:
        return await acall_in(scope.at(run_context), wrapped, args, kwargs)
    except BaseException as error:
        failure = error
        raise
    finally:
        _close(run_context, failure)


def stream(wrapped: Callable[..., Stream], model: object, args: Args, kwargs: Kwargs) -> Stream:
    """Return the stream of a model, each step of which is made inside its run context."""
    # made at the call: what is around the first step may be another run
    return _steps(wrapped(*args, **kwargs), _model_run_context(model))


def astream(wrapped: Callable[..., Stream], model: object, args: Args, kwargs: Kwargs) -> Stream:
    """Return the asynchronous stream of a model, whose steps are made inside its run context."""
    watch_collector()
    return _AsyncSteps(wrapped(*args, **kwargs), _model_run_context(model))


def generate_one(
    wrapped: Callable[..., object], _model: object, args: Args, kwargs: Kwargs
) -> object:
    """Wrap `_generate_with_cache`, which answers one list of messages for a run that it names."""
    run_context = _exact_run_context(args, kwargs)
    if run_context is None:
        return wrapped(*args, **kwargs)
    return call_in(_context_of(run_context), wrapped, args, kwargs)


async def agenerate_one(
    wrapped: Callable[..., Any], _model: object, args: Args, kwargs: Kwargs
) -> object:
    """Wrap `_agenerate_with_cache`, which runs for many lists of messages at once."""
    run_context = _exact_run_context(args, kwargs)
    if run_context is None:
        return await wrapped(*args, **kwargs)
    return await acall_in(_context_of(run_context), wrapped, args, kwargs)


def stream_events(
    wrapped: Callable[..., Stream], _model: object, args: Args, kwargs: Kwargs
) -> Stream:
    """Wrap `_iter_v2_events`, which streams events for a run that it names."""
    run_context, source = _exact_run_context(args, kwargs), wrapped(*args, **kwargs)
    if run_context is None:
        return source
    return _steps(source, run_context, ends_runs=False)


def astream_events(
    wrapped: Callable[..., Stream], _model: object, args: Args, kwargs: Kwargs
) -> Stream:
    """Wrap `_aiter_v2_events`, which streams events for a run that it names, in async code."""
    run_context, source = _exact_run_context(args, kwargs), wrapped(*args, **kwargs)
    if run_context is None:
        return source
    return _AsyncSteps(source, run_context, ends_runs=False)


def _exact_run_context(args: Args, kwargs: Kwargs) -> ModelRunContext | None:
    """Return a run context for the run whose manager is among the arguments."""
    manager = kwargs.get("run_manager")
    if not manager and len(args) > 2:
        manager = args[2]
    run = tree.runs.get(getattr(manager, "run_id", None))
    if not isinstance(run, ModelRun):
        return None
    outer = scope.run_context()
    if isinstance(outer, ModelRunContext):
        # it stands for all runs of `generate`, and this one for one of them
        outer = outer.outer
    return ModelRunContext(outer, runs=[run])


def _context_of(run_context: ModelRunContext) -> Any:
    """Return the context of a run context with one run, on top of the run's if that was moved."""
    run = run_context.runs[0]
    # the context in force is inside the run's, unless LangChain lost it; the app may have opened
    # spans in it, which must stay around the client's
    return scope.at(run_context, run.base if run.moved else None)


def _steps(source: Stream, run_context: ModelRunContext, ends_runs: bool = True) -> Iterator[Any]:
    """Yield a generator's items; each step runs in the run context, the reader's code does not.

    With `ends_runs` the open runs end with the generator.
    """
    step, failure = source.__next__, None
    try:
        while True:
            try:
                # once a client's call is linked to the run, the context need not be set any more
                item = step() if run_context.is_complete else _step_inside(run_context, step)
            except StopIteration:
                # raised out of a generator it would become a RuntimeError
                return
            try:
                yield item
                step = source.__next__
            except GeneratorExit:
                # the reader stops, or the generator was dropped
                source.close()
                raise
            except BaseException as error:  # noqa: BLE001  the model's own code shall see it
                step = partial(source.throw, error)
    except BaseException as error:
        failure = error
        raise
    finally:
        _close_after_steps(run_context, failure, ends_runs)


def _step_inside(run_context: ModelRunContext, step: Callable[[], Any]) -> Any:
    """Run a step of a generator in the run context."""
    token = scope.enter(scope.at(run_context))
    try:
        return step()
    finally:
        scope.leave(token)


def _close_after_steps(
    run_context: ModelRunContext, failure: BaseException | None, ends_runs: bool
) -> None:
    """End the open runs of a stream that is over, if nothing else ends them.

    LangChain does so for its own streams of events, unless the reader has left or its task is
    cancelled.
    """
    if ends_runs or not isinstance(failure, Exception | None):
        _close(run_context, failure)


class _AsyncSteps(AsyncShell):
    """An asynchronous generator whose steps run in a run context.

    With `ends_runs` the open runs end with it. It is an object and no generator, which the event
    loop would know: at its end a loop closes all generators at once, and ours would close
    LangChain's while the loop is closing that.
    `tests/frameworks/langchain/test_left_streams.py` shows it.
    """

    def __init__(
        self, source: Stream, run_context: ModelRunContext, ends_runs: bool = True
    ) -> None:
        super().__init__(source)
        self._run_context = run_context
        self._ends_runs = ends_runs

    async def _step(self, step: Callable[[], Any]) -> Any:
        token = None
        if not self._run_context.is_complete:
            token = scope.enter(scope.at(self._run_context))
        try:
            return await step()
        except StopAsyncIteration:
            self._end(None)
            raise
        except BaseException as error:
            self._end(error)
            raise
        finally:
            if token is not None:
                scope.leave(token)

    def _end(self, error: BaseException | None) -> None:
        _close_after_steps(self._run_context, error, self._ends_runs)

    async def aclose(self) -> None:
        """Close the generator: the reader stops."""
        # before it is closed: meanwhile other tasks run, and one could report another end
        self._end(GeneratorExit())
        await self._source.aclose()

    def __del__(self) -> None:
        run_context = self._run_context
        # dropped without being read to its end: the garbage collector may have called us
        if any(not run.closed for run in run_context.runs):
            outside_collector(partial(_close, run_context, None))


def search(wrapped: Callable[..., object], retriever: object, args: Args, kwargs: Kwargs) -> object:
    """Search with a retriever: its run begins inside, and its own calls belong to that."""
    # the run begins inside, and its context then stays in force: see `_on_retriever_start`
    run_context = _search_context(retriever, kwargs)
    return call_in(scope.at(run_context), wrapped, args, kwargs)


async def asearch(
    wrapped: Callable[..., object], retriever: object, args: Args, kwargs: Kwargs
) -> object:
    """Search with a retriever in asynchronous code, whose run begins inside."""
    run_context = _search_context(retriever, kwargs)
    return await acall_in(scope.at(run_context), wrapped, args, kwargs)


def _search_context(retriever: object, kwargs: Kwargs) -> OpaqueRunContext:
    return OpaqueRunContext(scope.run_context(), opens=True, limit=_limit(retriever, kwargs))


def _limit(retriever: object, kwargs: Kwargs) -> object:
    """Return the most documents of a search, as the call or the retriever says; or `None`."""
    # the values of its fields, as an attribute of the app's own class may be computed
    fields = all_fields(retriever)
    for source in (kwargs, fields.get("search_kwargs"), fields):
        limit = get(source, "k")
        if limit is not None:
            return limit
    return None
