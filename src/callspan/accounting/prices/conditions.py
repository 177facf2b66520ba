"""The conditions of a call on which its price may depend: its tier, its speed, its region."""

from __future__ import annotations

from collections.abc import Mapping

from callspan.events import Call

Conditions = tuple[tuple[str, str], ...]
"""Names of conditions with their values."""
NAMES = (
    "service_tier",
    "processing",
    "speed",
    "latency",
    "inference_geo",
    "search_type",
    "search_context_size",
    "repricing",
)
"""The conditions by the names that formats give them, in a request and in an answer.

Each is also the reason for an unknown cost where there is no price for it, and the name that
genai-prices has for it, if it has one.
"""
BATCH = ("processing", "batch")
"""The condition of a request that was handed over in a batch."""
# the words of all providers together: Anthropic's `standard` and `global`, OpenAI's `default`, ...
_NEUTRAL = frozenset(
    {
        "",
        "auto",
        "default",
        "standard",
        "standard_only",
        "on_demand",
        "unspecified",
        "global",
        "not_available",
    }
)
"""Values of a call that costs the list price."""
_RESIDENCE = ".api.openai.com"
"""The end of the addresses at which OpenAI keeps data in a region, whose name is in front of it.

Newer models cost more there.
"""


def conditions(call: Call) -> Conditions:
    """Return the conditions of a call that may change its price.

    An answer goes before a request: a provider may serve the call by another tier than requested.
    """
    answer: Mapping[str, object] = call.response.details
    request: Mapping[str, object] = call.parameters
    result: list[tuple[str, str]] = []
    for name in NAMES:
        value = answer.get(name)
        if value is None:
            value = request.get(name)
        if value is None:
            continue
        condition = _condition(name, value)
        # Anthropic states the tier `batch` for what the request's processing says as well
        if condition is not None and condition not in result:
            result.append(condition)
    address = call.server_address
    # `api.openai.com` itself has no region, and no dot, in front
    if address is not None and address.endswith(_RESIDENCE):
        result.append(("inference_geo", address.removesuffix(_RESIDENCE)))
    return tuple(result)


def _condition(name: str, value: object) -> tuple[str, str] | None:
    """Return a condition as genai-prices names it; `None` for a value that changes no price."""
    if not isinstance(value, str):
        return None
    value = value.lower()
    if value in _NEUTRAL:
        return None
    # genai-prices takes batches for a way of processing, not for a tier
    if name == "service_tier" and value == "batch":
        return BATCH
    return name, value
