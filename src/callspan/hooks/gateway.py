"""The cost that a gateway states in the headers of an answer, as LiteLLM's proxy does."""

from __future__ import annotations

from callspan.events import Call, Delta
from callspan.formats.fields import dollars
from callspan.hooks.client_types import Args, Function, Kwargs, Result
from callspan.lifecycle.observation import active
from callspan.runtime import guard
from callspan.semconv.providers import provider

_COST = "x-litellm-response-cost"


def process(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> Result:
    """Wrap the parsing of a response, the one place at which a client still has its headers.

    The headers of a stream are sent before its cost is known, so they are not read.
    """
    observation = active.get()
    if observation is not None and not kwargs.get("stream") and may_be_gateway(observation.call):
        try:
            cost = dollars(kwargs["response"].headers.get(_COST))
            if cost is not None:
                observation.call.response.add(Delta(details={"cost_usd": cost}))
        except Exception as error:  # noqa: BLE001  our fault must not cost the app its answer
            guard.report("reading the headers of a gateway", error)
    return wrapped(*args, **kwargs)


def may_be_gateway(call: Call) -> bool:
    """Whether a call goes to LiteLLM's proxy, or to an address that says nothing."""
    return provider(call.server_address or "", call.server_port, "litellm") == "litellm"
