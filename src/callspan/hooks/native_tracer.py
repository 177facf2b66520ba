"""The tracer of a client that makes spans of its own, while ours stand for them."""

from __future__ import annotations

from callspan.hooks.calls import call_with_span
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Function, Kwargs, Result
from callspan.hooks.native import policy
from callspan.runtime import guard
from callspan.telemetry.propagation import STAND_IN_TRACER, is_provider_set, sends_context


class NativeTracer:
    """Wraps the property by which a client finds its tracer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def find(self, wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
        """Wrap the property: while our span replaces the client's own, no tracer starts that.

        Where the client would send the context of its span, it gets a tracer that lends it the
        context of ours; else `None`, as where its spans are switched off.
        """
        call = call_with_span(self._client.name)
        client_object = args[0]
        if call is None or self._wants_spans(client_object):
            return wrapped(*args, **kwargs)
        try:
            is_sent = sends_context(call)
            if policy.spans:
                return STAND_IN_TRACER if is_sent and self._propagates(client_object) else None
            if not is_sent and not is_provider_set():
                return None  # a tracer of no provider would pass on the context of our span
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report(f"handing on the context of a call of {self._client.name}", error)
            return None
        return wrapped(*args, **kwargs)

    def _wants_spans(self, client_object: ClientObject) -> bool:
        wants_own_spans = self._client.wants_own_spans
        if wants_own_spans is None:
            return False
        try:
            return wants_own_spans(client_object)
        except Exception as error:  # noqa: BLE001  the app must reach its model
            guard.report(f"looking at the options of {self._client.name}", error)
            return False

    def _propagates(self, client_object: ClientObject) -> bool:
        propagates = self._client.propagates
        return propagates is None or propagates(client_object)
