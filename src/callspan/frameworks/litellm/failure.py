"""Explain failed calls from LiteLLM's exceptions, which quote the provider's answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from callspan.events import Failure
from callspan.events.exceptions import message_of, qualified_name
from callspan.formats.errors import failure_type, is_code, read_retry_after
from callspan.formats.fields import get, text
from callspan.runtime.number import http_status

_FIELDS = ("status", "code", "type", "__type")
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")


def explain(error: BaseException) -> Failure:
    """Return why a call failed: the provider's code where it has one.

    LiteLLM's own codes and statuses say less, or nothing.
    """
    bodies = list(_error_bodies(error))
    # LiteLLM's router raises an exception around the original one
    cause = getattr(error, "original_exception", None) or error
    headers = getattr(cause, "litellm_response_headers", None) or {}
    return Failure(
        type=_provider_code(bodies) or qualified_name(type(error)),
        message=message_of(error),
        # where the provider has answered nothing, the status is LiteLLM's own
        status=_status(cause) if bodies or headers else None,
        request_id=_first_header(headers, _REQUEST_IDS),
        retry_after=read_retry_after(headers),
        exception=error,
    )


def _provider_code(bodies: list[dict[str, Any]]) -> str | None:
    for body in bodies:
        code = failure_type(get(body, "error") or body, *_FIELDS)
        if is_code(code):
            return code
    return None


def _first_header(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = text(headers.get(name))
        if value:
            return value
    return None


def _error_bodies(error: BaseException) -> Iterator[dict[str, Any]]:
    """Yield the provider's answers.

    OpenAI's client keeps the answer on its exception; otherwise the exception's text quotes it.
    """
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        yield body
    message = message_of(error)
    start = message.find("{")
    while start >= 0:
        try:
            # LiteLLM writes words before and after it, among them braces that are no JSON
            body, _ = json.JSONDecoder().raw_decode(message, start)
        except ValueError:
            body = None
        if isinstance(body, dict):
            yield body
            return
        start = message.find("{", start + 1)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of the answer."""
    # LiteLLM gives this exception a made-up status when it knows no better name for a failure
    if type(error).__name__ == "APIConnectionError":
        return None
    return http_status(getattr(error, "status_code", None))
