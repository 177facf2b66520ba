"""Functions that make their requests from a pool of threads of the client's own: they run in their caller's context."""

from __future__ import annotations

import sys
from typing import Any

from callspan.runtime.patching import Wrapper
from callspan.runtime.scope import carry


def submit_from(*modules: str) -> Wrapper:
    """Return a wrapper for the `submit` of thread pools: what these modules submit runs in its caller's context.

    A library that makes a pool for each call leaves no other place to reach it. Pools of everybody else stay as they
    are: what is submitted from another module is passed on.
    """

    def submit(wrapped: Any, _pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__")
        if caller not in modules or not args:
            return wrapped(*args, **kwargs)
        return wrapped(carry(args[0]), *args[1:], **kwargs)

    return submit


class _Pool:
    """A pool of threads that runs what it is given in the context of whoever gives it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def map(self, function: Any, *items: Any, **options: Any) -> Any:
        return self._pool.map(carry(function), *items, **options)


class _Carrying:
    """A client's object with such a pool in place of its own."""

    def __init__(self, client_object: Any, pool: Any) -> None:
        self._callspan_client = client_object
        self._executor = _Pool(pool)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._callspan_client, name)


def run_with_context(
    wrapped: Any, client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """In place of a method of a client whose pool is its `_executor`."""
    function, pool = getattr(wrapped, "__func__", None), getattr(client_object, "_executor", None)
    if function is None or pool is None:
        return wrapped(*args, **kwargs)
    return function(_Carrying(client_object, pool), *args, **kwargs)
