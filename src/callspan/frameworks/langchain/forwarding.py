"""Forward the calls of all clients to LangChain's callback handlers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from callspan.events import Call
from callspan.runtime import guard
from callspan.runtime.errors import SettingsError
from callspan.runtime.reentry import outside

if TYPE_CHECKING:
    from callspan.frameworks.langchain.callback_mapping import (
        Callback,
        CallbackMapping,
        Callbacks,
    )


def from_langchain(handler: Any) -> Any:
    """Wrap a LangChain callback handler as a handler of callspan, which hears all clients' models.

    The handler is told of a call as LangChain would tell it of a model, with LangChain's messages
    and results. A handler of chains only, such as `StdOutCallbackHandler`, is told of each call
    as of a chain of one step. Asynchronous methods are awaited as callspan's are; `run_inline`
    makes an asynchronous call wait for them. An exception of the handler's is logged and never
    reaches the program, not even with `raise_error`.

    Args:
        handler: A `BaseCallbackHandler` or an `AsyncCallbackHandler`.

    Returns:
        A handler for `instrument()`, `use_handlers()` and `attach()`.

    Raises:
        SettingsError: langchain-core is not installed, or the object is no such handler.
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
    # it imports LangChain, so not before it is known to be there
    from callspan.frameworks.langchain.callback_mapping import CHAIN, MODEL

    bases = (BaseCallbackHandler, AsyncCallbackHandler)
    mapping = MODEL
    if not _implements(handler, MODEL, bases) and _implements(handler, CHAIN, bases):
        mapping = CHAIN
    return _ForwardingHandler(handler, mapping, bases)


def _implements(handler: object, mapping: CallbackMapping, bases: tuple[type, ...]) -> bool:
    """Whether a handler has a method of a mapping that it does not inherit from LangChain."""
    for methods in mapping.methods.values():
        for method in methods:
            if _is_own_method(handler, method, bases):
                return True
    return False


def _is_own_method(handler: object, method: str, bases: tuple[type, ...]) -> bool:
    own = getattr(type(handler), method)
    return all(own is not getattr(base, method) for base in bases)


class _ForwardingHandler:
    """A handler of callspan that calls the methods of a LangChain handler.

    The mapping yields the methods to call; they are called in plain or in asynchronous code.
    """

    def __init__(self, handler: Any, mapping: CallbackMapping, bases: tuple[type, ...]) -> None:
        self.inline = bool(getattr(handler, "run_inline", False))
        self._handler = handler
        self._is_supported = mapping.is_supported
        self.on_start = self._forward(mapping.start, mapping.methods["on_start"])
        self.on_end = self._forward(mapping.end, mapping.methods["on_end"])
        self.on_error = self._forward(mapping.error, mapping.methods["on_error"])
        token_methods = mapping.methods["on_token"]
        # a handler with `on_token` makes formats read the text of each chunk
        if any(_is_own_method(handler, method, bases) for method in token_methods):
            self.on_token = self._forward(mapping.token, token_methods)

    def _forward(
        self, callbacks: Callable[..., Callbacks], methods: tuple[str, ...]
    ) -> Callable[..., Any]:
        """Return a method for one event, asynchronous if one that it calls is."""

        def forward(call: Call, *event: Any) -> None:
            if self._is_supported(call):
                self._call_all(callbacks(call, *event))

        async def aforward(call: Call, *event: Any) -> None:
            if self._is_supported(call):
                await self._acall_all(callbacks(call, *event))

        for method in methods:
            # asked once: our dispatch has to know before the call which of its handlers are awaited
            if inspect.iscoroutinefunction(getattr(self._handler, method)):
                return aforward
        return forward

    def _call_all(self, callbacks: Callbacks) -> None:
        callback = next(callbacks, None)
        while callback is not None:
            try:
                self._call(callback)
            except NotImplementedError as error:
                callback = _alternative(callbacks, error)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                return self._report(callback, error)
            else:
                callback = next(callbacks, None)

    async def _acall_all(self, callbacks: Callbacks) -> None:
        callback = next(callbacks, None)
        while callback is not None:
            try:
                result = self._call(callback)
                if inspect.isawaitable(result):
                    await result
            except NotImplementedError as error:
                callback = _alternative(callbacks, error)
            except Exception as error:  # noqa: BLE001  a handler's fault is never the app's
                return self._report(callback, error)
            else:
                callback = next(callbacks, None)

    def _call(self, callback: Callback) -> Any:
        # LangChain's own way to leave out callbacks
        if getattr(self._handler, callback.ignored_by, False):
            return None
        method = getattr(self._handler, callback.method)
        # `outside`: the handler's own calls do not count as ours, should a signal interrupt it
        return outside(method, *callback.arguments, **callback.fields)

    def _report(self, callback: Callback, error: Exception) -> None:
        guard.report(f"{type(self._handler).__name__}.{callback.method}", error)


def _alternative(callbacks: Callbacks, error: NotImplementedError) -> Callback | None:
    """Return the method to call instead of one that the handler does not implement."""
    try:
        # the mapping decides: prompts for a chat, or nothing (docs/decisions/0070)
        return callbacks.throw(error)
    except StopIteration:
        return None
