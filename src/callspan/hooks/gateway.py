"""What gateways state in the headers of an answer: LiteLLM's proxy what the call cost."""

from __future__ import annotations

from typing import Any

from callspan.events import Delta
from callspan.formats.fields import dollars
from callspan.lifecycle.observation import active
from callspan.runtime import guard
from callspan.semconv.providers import provider

_COST = "x-litellm-response-cost"


def process(wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In place of the making of an answer, the one place at which a client still has its headers.

    Those of a stream are sent before anybody can know what it costs.
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


def may_be_gateway(call: Any) -> bool:
    """Return whether a call goes to a proxy, or to an address of which nobody knows what is there."""
    return provider(call.server_address or "", call.server_port, "litellm") == "litellm"
