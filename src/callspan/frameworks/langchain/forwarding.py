"""LangChain's callback handlers as handlers of callspan, so that they hear any client."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from callspan.events import Call
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.runtime.reentry import outside

if TYPE_CHECKING:
    from callspan.frameworks.langchain.callback_mapping import Step, Steps, Voice


def from_langchain(handler: Any) -> Any:
    """A LangChain callback handler, sync or async, as a handler of callspan: it hears the models of all clients.

    It is told what LangChain would tell it of a model, with LangChain's messages and results. A handler that listens
    to chains only, as StdOutCallbackHandler and FileCallbackHandler do, is told of each call as of a chain of one step.
    Asynchronous methods are awaited as callspan's are; `run_inline` makes an asynchronous call wait for them. What the
    handler raises is logged and never reaches the program, also with `raise_error`.
    """
    try:
        from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
    except ImportError:
        raise SettingsError(
            "from_langchain needs langchain-core: pip install 'callspan[langchain]'"
        ) from None
    if isinstance(handler, type):
        raise SettingsError(
            f"handler {handler.__name__} is a class: give an object, {handler.__name__}()"
        )
    if not isinstance(handler, BaseCallbackHandler):
        raise SettingsError(f"{type(handler).__name__} is no callback handler of LangChain's")
    from callspan.frameworks.langchain.callback_mapping import CHAIN, MODEL

    bases = (BaseCallbackHandler, AsyncCallbackHandler)
    chains_only = _own(handler, CHAIN.methods, bases) and not _own(handler, MODEL.methods, bases)
    voice = CHAIN if chains_only else MODEL
    return _Listener(
        handler, voice, bool(_own(handler, {"on_token": voice.methods["on_token"]}, bases))
    )


def _own(handler: Any, voice: dict[str, tuple[str, ...]], bases: tuple[type, ...]) -> set[str]:
    """The methods of a voice that a handler has of its own."""
    names = {name for methods in voice.values() for name in methods}
    return {
        name
        for name in names
        if all(getattr(type(handler), name) is not getattr(base, name) for base in bases)
    }


class _Listener:
    """Tells a LangChain handler of calls: the steps are worked out once, and walked in plain or in async code."""

    def __init__(self, handler: Any, voice: Voice, hears_tokens: bool) -> None:
        self.inline = bool(getattr(handler, "run_inline", False))
        self._handler = handler
        self._audible = voice.audible
        self.on_start = self._walker(voice.start, voice.methods["on_start"])
        self.on_end = self._walker(voice.end, voice.methods["on_end"])
        self.on_error = self._walker(voice.error, voice.methods["on_error"])
        if hears_tokens:
            self.on_token = self._walker(voice.token, voice.methods["on_token"])

    def _walker(self, steps: Callable[..., Steps], methods: tuple[str, ...]) -> Callable[..., Any]:
        """A method for one event; asynchronous if any that it calls is."""

        def walk(call: Call, *event: Any) -> None:
            if self._audible(call):
                self._walk(steps(call, *event))

        async def walk_async(call: Call, *event: Any) -> None:
            if self._audible(call):
                await self._walk_async(steps(call, *event))

        waits = any(
            inspect.iscoroutinefunction(getattr(self._handler, method)) for method in methods
        )
        return walk_async if waits else walk

    def _walk(self, steps: Steps) -> None:
        step = next(steps, None)
        while step is not None:
            try:
                self._call(step)
            except NotImplementedError as error:
                step = _otherwise(steps, error)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                return self._report(step, error)
            else:
                step = next(steps, None)

    async def _walk_async(self, steps: Steps) -> None:
        step = next(steps, None)
        while step is not None:
            try:
                answer = self._call(step)
                if inspect.isawaitable(answer):
                    await answer
            except NotImplementedError as error:
                step = _otherwise(steps, error)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                return self._report(step, error)
            else:
                step = next(steps, None)

    def _call(self, step: Step) -> Any:
        if not getattr(self._handler, step.ignored_by, False):
            return outside(getattr(self._handler, step.method), *step.arguments, **step.facts)

    def _report(self, step: Step, error: Exception) -> None:
        guard.report(f"{type(self._handler).__name__}.{step.method}", error)


def _otherwise(steps: Steps, error: NotImplementedError) -> Step | None:
    """The step to take in place of one that the handler does not implement."""
    try:
        return steps.throw(error)
    except StopIteration:
        return None
