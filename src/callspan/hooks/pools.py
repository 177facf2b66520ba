"""Requests made from a thread pool of the client's own: they run in their caller's context."""

from __future__ import annotations

import inspect
import sys

from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.runtime.bound_function import carry
from callspan.runtime.patching import Wrapper


def submit_from(*modules: str) -> Wrapper:
    """Return a wrapper for the `submit` of thread pools that carries the context of these modules.

    A library that makes a pool for each call leaves no other place to reach it. What is submitted
    from any other module is passed on as it is.
    """

    def submit(wrapped: Function, _pool: object, args: Args, kwargs: Kwargs) -> Result:
        # the frame that called `submit`; see tests/frameworks/litellm
        caller = sys._getframe(1).f_globals.get("__name__")
        if caller not in modules or not args:
            return wrapped(*args, **kwargs)
        return wrapped(carry(args[0]), *args[1:], **kwargs)

    return submit


class _ContextPool:
    """A thread pool that runs functions in the context of whoever submits them."""

    def __init__(self, pool: ClientObject) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> object:
        return getattr(self._pool, name)

    def map(self, function: Function, *items: object, **options: object) -> Result:
        # the one method that cohere's `embed` uses
        return self._pool.map(carry(function), *items, **options)


class _StandIn:
    """An object of a client or a framework with another value for one of its attributes.

    Other threads may use the object itself at the same time.
    """

    def __init__(self, instance: ClientObject, name: str, value: object) -> None:
        self._callspan_instance = instance
        # found before `__getattr__` is asked, which goes to the object
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> object:
        return getattr(self._callspan_instance, name)


def carry_context(
    wrapped: Function, client_object: ClientObject, args: Args, kwargs: Kwargs
) -> Result:
    """Wrap a method that makes requests from the pool in the client object's `_executor`.

    The method runs on a stand-in for the client object (`Client.embed` of cohere 5.16 to 7; see
    tests/test_cohere.py).
    """
    # the plain function of a bound method, which can be called with the stand-in as `self`
    function = getattr(wrapped, "__func__", None)
    pool = getattr(client_object, "_executor", None)
    if function is None or pool is None:
        return wrapped(*args, **kwargs)
    return function(_StandIn(client_object, "_executor", _ContextPool(pool)), *args, **kwargs)


def carry_into(attribute: str) -> Wrapper:
    """Return a wrapper for a method that runs the function in an attribute in another thread.

    The function gets the context in which the method is called. The method runs on a stand-in
    (`CrewStructuredTool.ainvoke` of crewai 1.15, `FunctionTool.run` of autogen-core 0.7).
    """

    def wrapper(wrapped: Function, instance: object, args: Args, kwargs: Kwargs) -> Result:
        method = getattr(wrapped, "__func__", None)
        function = getattr(instance, attribute, None)
        # a coroutine function is awaited in the caller's own thread
        if method is None or function is None or inspect.iscoroutinefunction(function):
            return wrapped(*args, **kwargs)
        return method(_StandIn(instance, attribute, carry(function)), *args, **kwargs)

    return wrapper
