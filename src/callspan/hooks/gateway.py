"""The headers of an answer, in which a gateway may state what it costs."""

from __future__ import annotations

from callspan.formats.gateway import may_state_cost, read_headers
from callspan.hooks.client_types import Args, Function, Kwargs, Result
from callspan.lifecycle.observation import active
from callspan.runtime import guard


def process(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap the parsing of a response, the one place at which a client still has its headers.

    The headers of a stream are sent before its cost is known, so they are not read.
    """
    observation = active.get()
    if observation is None or kwargs.get("stream"):
        return wrapped(*args, **kwargs)
    call = observation.call
    # only LiteLLM's proxy, or a server of which the address tells nothing, may state a cost
    if may_state_cost(call.server_address or "", call.server_port):
        try:
            # before the parsing, which may raise: the answer has its cost all the same
            delta = read_headers(kwargs["response"].headers)
            if delta is not None:
                call.response.add(delta)
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
            guard.report("reading the headers of a gateway", error)
    return wrapped(*args, **kwargs)
