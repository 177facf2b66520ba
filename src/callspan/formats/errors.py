"""Errors as OpenAI's APIs, and those that follow them, write them into an answer."""

from __future__ import annotations

import re

from callspan.events import Delta, Failure
from callspan.formats.fields import Item, get, text, text_of
from callspan.formats.format import Read
from callspan.runtime.number import real

REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",  # Anthropic
    "apim-request-id",  # Azure
    "mistral-correlation-id",
    "x-kong-request-id",  # Mistral's gateway
)
"""The headers in which providers state the id of a request, for any client may call any of them."""
OTHER = "_OTHER"
"""The conventions' error type for an error without a code."""
# some providers write a sentence where a code is expected (docs/decisions/0062)
_CODE = re.compile(r"[A-Za-z][\w.\-]{0,63}|\d{1,6}", re.ASCII)


def failure_type(error: Item, *fields: str) -> str:
    """Return the first code among the fields of an error, by default `code`, then `type`."""
    for name in fields or ("code", "type"):
        value = get(error, name)
        if not isinstance(value, (str, int)):
            continue
        code = str(value)
        if is_code(code):
            return code
    return OTHER


def is_code(value: str) -> bool:
    """Whether a text is an error code, which is one word; anything longer may quote content."""
    return value != OTHER and _CODE.fullmatch(value) is not None


def read_retry_after(headers: Item) -> str | None:
    """Return the wait that a provider's headers ask for, in seconds or as a date.

    `retry-after-ms`, which is in milliseconds, counts where there is no `retry-after`.
    """
    wait = text(headers.get("retry-after"))
    if wait:
        return wait
    try:
        milliseconds = real(float(text(headers.get("retry-after-ms")) or ""))
    except ValueError:
        return None
    if milliseconds is None:
        return None
    return f"{milliseconds / 1000:g}"


def error_message(error: Item) -> str:
    """Return the message of an error; empty if it has none."""
    return text_of(error, "message")


def read_failure(answer: Item) -> Failure | None:
    """Return the error of an answer with status 200, as many gateways and servers send it."""
    # Mistral's way, and that of vLLM, whose code is a number
    if get(answer, "object") == "error":
        return Failure(failure_type(answer, "type", "code"), error_message(answer))
    error = get(answer, "error")
    # some servers write an empty error into each answer (tests/test_failures_with_status_200.py)
    if not error:
        return None
    if isinstance(error, str):  # Hugging Face's way
        return Failure(failure_type(answer, "error_type"), error)
    return Failure(failure_type(error), error_message(error))


def with_failures(read: Read) -> Read:
    """Wrap a reader of whole answers: look for an error in an answer that states nothing else."""

    def read_or_fail(answer: Item, needs_text: bool) -> Delta | None:
        delta = read(answer, needs_text)
        # an error beside an answer is a warning: the app has got what it wanted
        if delta is not None and _states_something(delta):
            return delta
        failure = read_failure(answer)
        if failure is None:
            return delta
        if delta is None:
            delta = Delta()
        delta.failure = failure
        return delta

    return read_or_fail


def _states_something(delta: Delta) -> bool:
    if delta.parts or delta.usage or delta.details or delta.failure:
        return True
    return any(reason for _, reason in delta.finish_reasons)
