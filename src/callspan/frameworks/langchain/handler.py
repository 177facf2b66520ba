"""The callback handler, made once LangChain is there."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from callspan.frameworks.langchain.tree import EVENTS, tree


class Heard:
    """What tells our handlers from those of others; LangChain's own base class is not to be had before its import."""


@functools.cache
def handler_class() -> type:
    """`CallspanHandler`: a callback handler for LangChain, in a constructor, a request's config, or everywhere.

    All its instances feed the one tree of runs, so a run that several of them hear of counts once.
    """
    base = importlib.import_module("langchain_core.callbacks.base").BaseCallbackHandler
    body = {event: _method(event) for event in EVENTS}
    return type("CallspanHandler", (Heard, base), {"__doc__": handler_class.__doc__, "run_inline": False, **body})


def _method(event: str) -> Callable[..., None]:
    def method(_self: Any, *args: Any, **told: Any) -> None:
        tree.hear(event, args, told)

    method.__name__, method.__qualname__ = event, f"CallspanHandler.{event}"
    method.__doc__ = "Take in one callback."
    return method


@functools.cache
def everywhere() -> Any:
    """The handler that is in force for all runs."""
    return handler_class()()
