"""Why a call failed, read from the exception that the client raised."""

from __future__ import annotations

import re
from typing import Any

from callspan.dialects.dialect import get, loaded
from callspan.dialects.openai_failure import OTHER, failure_type
from callspan.events import Failure
from callspan.observation import qualified

_CODE = re.compile(r"[A-Za-z][\w.\-]{0,63}|\d{3}", re.ASCII)


def explain(error: BaseException, *fields: str) -> Failure:
    """Why a call failed: the provider's code where it has one, and what finds the request in its logs.

    `fields` are the names under which the exception, or the provider's answer, may have the code, the best first.
    """
    response = getattr(error, "response", None)
    headers = get(response, "headers") or {}
    status = _status(error)
    return Failure(
        type=_error_type(error, fields),
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


def _error_type(error: BaseException, fields: tuple[str, ...]) -> str:
    body = _error_body(error)
    for source in (error, get(body, "error") or body):
        code = failure_type(source, *fields)
        if is_code(code):
            return code
    return qualified(type(error))


def is_code(said: str) -> bool:
    """Whether this is a code of a provider's, which is a word; anything longer may quote what was said."""
    return said != OTHER and _CODE.fullmatch(said) is not None


def _error_body(error: BaseException) -> Any:
    """What the provider answered; the oldest clients do not keep it on their exception."""
    response = getattr(error, "response", None)
    if getattr(error, "body", None) is None and getattr(response, "is_closed", False):
        return loaded(getattr(response, "content", b""))
    return getattr(error, "body", None)


def cause(error: BaseException | None) -> str:
    """Why an attempt was given up: the status of the answer, else the exception's class."""
    status = _status(error)
    return str(status) if status is not None else qualified(type(error)) if error is not None else "unknown"
