"""Runtimes that pass messages between agents by a queue: a message carries its sender's context.

AutoGen's runtime and that of Semantic Kernel, which is made of it, handle messages in the context
in which the runtime was started, so that the agents of a team would begin traces of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callspan.decorators.run_context import OperationContext
from callspan.decorators.running import Args, Kwargs
from callspan.frameworks.integration import Context
from callspan.frameworks.run_context import acall_in
from callspan.runtime import scope
from callspan.runtime.patching import Patch

_AGENT = "invoke_agent"
_ATTRIBUTE = "_callspan_context"
_ENVELOPES = ("SendMessageEnvelope", "PublishMessageEnvelope", "ResponseMessageEnvelope")
_METHODS = ("_process_send", "_process_publish", "_process_response")


def _context_of_message() -> Context:
    """Return the context of a message that is sent here: that of the run in which agents take turns.

    An agent hands on to the next while its own run is open, and they stand side by side.
    """
    context = scope.context()
    sender = run_context = scope.run_context(context)
    while isinstance(run_context, OperationContext) and run_context.call.operation == _AGENT:
        run_context = run_context.outer
    call = getattr(run_context, "call", None)
    # sent by no agent, or by one that stands in no run: there is nothing to step out to
    if run_context is sender or call is None:
        return context
    return scope.at(run_context, call.context)


def make_envelope(
    wrapped: Callable[..., None], envelope: object, args: Args, kwargs: Kwargs
) -> None:
    """Make the envelope of a message, which is a plain data class, and keep the context with it."""
    wrapped(*args, **kwargs)
    setattr(envelope, _ATTRIBUTE, _context_of_message())


async def process(
    wrapped: Callable[..., Any], _runtime: object, args: Args, kwargs: Kwargs
) -> object:
    """Hand a message to its receivers in the context of its sender."""
    envelope = args[0] if args else kwargs.get("message_envelope")
    context = getattr(envelope, _ATTRIBUTE, None)
    # messages outside of our runs stay in the context that the runtime has chosen
    if context is None or scope.run_context(context) is None:
        return await wrapped(*args, **kwargs)
    return await acall_in(context, wrapped, args, kwargs)


def message_patches(module: str, runtime: str) -> list[Patch]:
    """Return the patches of a runtime's class and of its envelopes."""
    # optional, as these names are private to the runtimes
    patches = [Patch(module, f"{name}.__init__", make_envelope, True) for name in _ENVELOPES]
    return patches + [Patch(module, f"{runtime}.{name}", process, True) for name in _METHODS]
