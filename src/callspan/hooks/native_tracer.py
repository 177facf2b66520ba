"""The tracer of a client that makes spans of its own, while ours stand for them."""

from __future__ import annotations

from contextlib import nullcontext

from callspan.events import Call
from callspan.hooks.calls import call_with_span
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.native import policy
from callspan.runtime import guard
from callspan.runtime.patching import Wrapper
from callspan.telemetry.propagation import (
    STAND_IN_TRACER,
    StandInTracer,
    is_provider_set,
    sends_context,
)


def mute_block(client_name: str) -> Wrapper:
    """Return a wrapper for `start_as_current_span` of a tracer that a client keeps in a module.

    While our span replaces the client's own, the block gets one that records nothing.
    """

    def start_block(wrapped: Function, _tracer: object, args: Args, kwargs: Kwargs) -> Result:
        if policy.spans and call_with_span(client_name) is not None:
            return nullcontext(STAND_IN_TRACER.start_span())
        return wrapped(*args, **kwargs)

    return start_block


class NativeTracer:
    """Wraps the property by which a client finds its tracer."""

    def __init__(self, client: Client) -> None:
        self._client_name = client.name
        self._wants_spans = client.wants_own_spans
        self._propagates = client.propagates

    def find(self, wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
        """Wrap the property: while our span replaces the client's own, no tracer starts that.

        Where the client would send the context of its span, it gets a tracer that lends it the
        context of ours; else `None`, as where its spans are switched off.
        """
        call = call_with_span(self._client_name)
        if call is None:
            return wrapped(*args, **kwargs)
        try:
            # the getter of a property is a plain function, so its object is an argument
            client_object = args[0]
            wants_spans = self._wants_spans is not None and self._wants_spans(client_object)
            if policy.spans and not wants_spans:
                return self._stand_in(client_object, call)
            if not wants_spans and _would_send_ours(call):
                return None
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report(f"looking at the options of {self._client_name}", error)
            return None
        return wrapped(*args, **kwargs)

    def _stand_in(self, client_object: ClientObject, call: Call) -> StandInTracer | None:
        if not sends_context(call):
            return None
        if self._propagates is None or self._propagates(client_object):
            return STAND_IN_TRACER
        return None


def _would_send_ours(call: Call) -> bool:
    """Whether the client's tracer would send the context of our span, which is not to be sent."""
    # a tracer of no provider makes no span of its own, but passes on the context that it finds
    return not sends_context(call) and not is_provider_set()
