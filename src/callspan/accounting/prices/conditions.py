"""The conditions of a call on which its price may depend: its tier, its speed, where it was served."""

from __future__ import annotations

from typing import Any

from callspan.events import Call

Conditions = tuple[tuple[str, str], ...]
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
"""What formats call these conditions, among the settings of a request and the details of an answer.

Each is also the reason that is given where a price for it is not known, and the name that genai-prices has for it, if
it has one.
"""
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
"""What is said of a call that costs the list price."""
_RESIDENCE = ".api.openai.com"
"""The end of the addresses at which OpenAI keeps data in a region, whose name is in front; newer models cost more."""


def conditions(call: Call) -> Conditions:
    """Return what may change the price of a call; the answer knows better than the request, which only wishes."""
    answer, request = call.response.details, call.parameters
    result = []
    for name in NAMES:
        value = answer.get(name)
        if value is None:
            value = request.get(name)
        if value is not None and (condition := _condition(name, value)) is not None:
            result.append(condition)
    address = call.server_address
    if address is not None and address.endswith(_RESIDENCE):
        result.append(("inference_geo", address.removesuffix(_RESIDENCE)))
    return tuple(result)


def _condition(name: str, value: Any) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return None
    value = value.lower()
    if value in _NEUTRAL:
        return None
    if value == "batch" and name == "service_tier":
        return "processing", value
    return name, value
