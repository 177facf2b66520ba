"""What OpenAI's APIs, and those that follow them, call a failure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from callspan.events import Delta, Failure
from callspan.formats.fields import get

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


def stated_failure(answer: Any) -> Failure | None:
    """Return the error that stands in an answer with status 200, as many gateways and servers have it."""
    error = get(answer, "error")
    if get(answer, "object") == "error":  # Mistral's way, and vLLM's, in which the code is a number
        return Failure(failure_type(answer, "type", "code"), str(get(answer, "message") or ""))
    if not error:
        return None
    if isinstance(error, str):  # Hugging Face's way
        return Failure(failure_type(answer, "error_type"), error)
    return Failure(failure_type(error), str(get(error, "message") or ""))


def with_failures(read: Callable[[Any, bool], Delta | None]) -> Callable[[Any, bool], Delta | None]:
    """Wrap a reader of whole answers: look for an error in those that say nothing else."""

    def read_or_fail(answer: Any, full: bool) -> Delta | None:
        delta = read(answer, full)
        if delta is not None and _says_something(delta):
            return delta
        failure = stated_failure(answer)
        if failure is None:
            return delta
        delta = Delta() if delta is None else delta
        delta.failure = failure
        return delta

    return read_or_fail


def _says_something(delta: Delta) -> bool:
    reasons = any(reason for _, reason in delta.finish_reasons)
    return bool(delta.parts or delta.usage or delta.details or delta.failure or reasons)
