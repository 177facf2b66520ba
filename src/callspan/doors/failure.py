"""Why a call failed, read from the exception that the client raised."""

from __future__ import annotations

from typing import Any

from callspan.dialects.dialect import get, loaded
from callspan.dialects.openai_failure import OTHER, failure_type
from callspan.events import Failure
from callspan.observation import qualified


def explain(error: BaseException, *fields: str, answer: Any = None) -> Failure:
    """Why a call failed: the provider's code where it has one, and what finds the request in its logs.

    `fields` are the names under which the exception, or the provider's answer, may have the code, the best first.
    `answer` is what the provider answered, for clients that keep it in a place of their own.
    """
    response = getattr(error, "response", None)
    headers = get(response, "headers") or {}
    status = _status(error)
    return Failure(
        type=_error_type(error, fields, _error_body(error) if answer is None else answer),
        message=str(error),
        status=status,
        request_id=headers.get("x-request-id") or headers.get("request-id") or headers.get("apim-request-id"),
        retry_after=headers.get("retry-after") or headers.get("retry-after-ms"),
        exception=error,
    )


def _status(error: BaseException | None) -> int | None:
    response = getattr(error, "response", None)
    stated = (getattr(error, "status_code", None), get(response, "status_code"), getattr(error, "code", None))
    return next((status for status in stated if isinstance(status, int)), None)


def _error_type(error: BaseException, fields: tuple[str, ...], body: Any) -> str:
    for source in (error, get(body, "error") or body):
        code = failure_type(source, *fields)
        if code != OTHER:
            return code
    return qualified(type(error))


def _error_body(error: BaseException) -> Any:
    """What the provider answered; the oldest clients do not keep it on their exception."""
    response = getattr(error, "response", None)
    if getattr(error, "body", None) is None and getattr(response, "is_closed", False):
        try:
            return loaded(getattr(response, "content", b""))
        except Exception:  # noqa: BLE001  it was closed without having been read
            return None
    return getattr(error, "body", None)


def cause(error: BaseException | None) -> str:
    """Why an attempt was given up: the status of the answer, else the exception's class."""
    status = _status(error)
    return str(status) if status is not None else qualified(type(error)) if error is not None else "unknown"
