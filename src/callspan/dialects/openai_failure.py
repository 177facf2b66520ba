"""What OpenAI's APIs, and those that follow them, call a failure."""

from __future__ import annotations

import re
from typing import Any

from callspan.dialects.dialect import get

OTHER = "_OTHER"
_CODE = re.compile(r"[A-Za-z][\w.\-]{0,63}|\d{1,6}", re.ASCII)


def failure_type(error: Any, *fields: str) -> str:
    """The provider's code for what went wrong, else its type."""
    for name in fields or ("code", "type"):
        value = get(error, name)
        if isinstance(value, (str, int)) and is_code(code := str(value)):
            return code
    return OTHER


def is_code(said: str) -> bool:
    """Whether this is a code, which is a word; anything longer may quote what was said."""
    return said != OTHER and _CODE.fullmatch(said) is not None
