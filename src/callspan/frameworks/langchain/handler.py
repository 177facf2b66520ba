"""The class `CallspanHandler`, made once LangChain is imported."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from callspan.frameworks.langchain.run_events import EVENTS, handle

_DOC = """A LangChain callback handler that turns runs into spans, metrics and events.

Give it in a constructor (all runs of that object) or in a request's config (that run and what it
calls); `instrument()` hears everything without one. All feed one tree of runs, so a run that
several hear of counts once. Without `instrument()` settings are read from the environment, and
telemetry goes to the global providers; `uninstrument()` ends that too, until another handler is
made.
"""


class OwnHandler:
    """Base of our handlers, which tells them from those of others.

    LangChain's own base class is not to be had before its import.
    """

    # LangChain's asynchronous dispatch would tell inline handlers alone of a completion's start
    run_inline = False


def handler_class(on_create: Callable[[], None] | None = None) -> type:
    """Return a class of LangChain callback handlers; `on_create` is called for each object."""
    # not imported at the top: callspan imports nothing that the app has not imported
    base = importlib.import_module("langchain_core.callbacks.base").BaseCallbackHandler
    body: dict[str, Any] = {event: _method(event) for event in EVENTS}
    if on_create is not None:
        body["__init__"] = lambda self: on_create()
    return type(
        "CallspanHandler",
        (OwnHandler, base),
        {"__doc__": _DOC, "__module__": "callspan.langchain", **body},
    )


def _method(event: str) -> Callable[..., None]:
    def method(_self: object, *args: Any, **arguments: Any) -> None:
        handle(event, args, arguments)

    method.__name__, method.__qualname__ = event, f"CallspanHandler.{event}"
    method.__doc__ = "Take in one callback."
    return method


# one object for all runs, as it has no state
@functools.cache
def end_handler() -> Any:
    """Return the handler that reports the ends of the runs open when the patches are undone."""
    return handler_class()()
