"""What OpenAI's APIs, and those that follow them, call a failure."""

from __future__ import annotations

from typing import Any

from callspan.dialects.dialect import get

OTHER = "_OTHER"


def failure_type(error: Any, *fields: str) -> str:
    """The provider's code for what went wrong, else its type."""
    for name in fields or ("code", "type"):
        value = get(error, name)
        if value is not None and str(value):
            return str(value)
    return OTHER
