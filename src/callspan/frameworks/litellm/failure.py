"""Why a call failed, read from LiteLLM's exceptions, which quote what the provider answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from callspan.events import Failure
from callspan.events.exceptions import message_of, qualified_name
from callspan.formats.errors import failure_type, is_code
from callspan.formats.format import get, text
from callspan.runtime.number import http_status

_FIELDS = ("status", "code", "type", "__type")
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")


def explain(error: BaseException) -> Failure:
    """Why a call failed: the provider's code where it has one. LiteLLM's own codes and statuses say less or nothing."""
    answered = list(_answered(error))
    codes = (failure_type(get(one, "error") or one, *_FIELDS) for one in answered)
    cause = (
        getattr(error, "original_exception", None) or error
    )  # one for its router stands around the other
    headers = getattr(cause, "litellm_response_headers", None) or {}
    return Failure(
        type=next(filter(is_code, codes), None) or qualified_name(type(error)),
        message=message_of(error),
        status=_status(cause) if answered or headers else None,
        request_id=next(
            (found for name in _REQUEST_IDS if (found := text(headers.get(name)))), None
        ),
        retry_after=text(headers.get("retry-after")) or text(headers.get("retry-after-ms")),
        exception=error,
    )


def _answered(error: BaseException) -> Iterator[Any]:
    """What the provider answered: kept on the exception if its client was OpenAI's, else quoted in its words."""
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        yield body
    words = message_of(error)
    start = words.find("{")
    while start >= 0:
        try:
            found, _ = json.JSONDecoder().raw_decode(words, start)
        except ValueError:
            found = None
        if isinstance(found, dict):
            yield found
            return
        start = words.find("{", start + 1)


def _status(error: BaseException) -> int | None:
    """The status of the answer. What LiteLLM knows no better name for is a failed connection, with one made up."""
    status = (
        None
        if type(error).__name__ == "APIConnectionError"
        else getattr(error, "status_code", None)
    )
    return http_status(status)
