"""The callback handler, made once LangChain is there."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from callspan.frameworks.langchain.tree import EVENTS, tree

_DOC = """A LangChain callback handler that turns runs into spans, metrics and events.

Give it in a constructor (all runs of that object) or in a request's config (that run and what it calls); `instrument()`
hears everything without one. All feed one tree of runs, so a run that several hear of counts once. Without
`instrument()` settings are read from the environment, and telemetry goes to the global providers; `uninstrument()` ends
that too, until another handler is made.
"""


class Heard:
    """What tells our handlers from those of others; LangChain's own base class is not to be had before its import."""

    run_inline = False


def handler_class(made: Callable[[], None] | None = None) -> type:
    """A class of callback handlers for LangChain; `made` is called when one is made."""
    base = importlib.import_module("langchain_core.callbacks.base").BaseCallbackHandler
    body: dict[str, Any] = {event: _method(event) for event in EVENTS}
    if made is not None:
        body["__init__"] = lambda self: made()
    return type(
        "CallspanHandler",
        (Heard, base),
        {"__doc__": _DOC, "__module__": "callspan.langchain", **body},
    )


def _method(event: str) -> Callable[..., None]:
    def method(_self: Any, *args: Any, **told: Any) -> None:
        tree.hear(event, args, told)

    method.__name__, method.__qualname__ = event, f"CallspanHandler.{event}"
    method.__doc__ = "Take in one callback."
    return method


@functools.cache
def everywhere() -> Any:
    """Return the handler that hears the ends of the runs that are open when nothing is watched any more."""
    return handler_class()()
