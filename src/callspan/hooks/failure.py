"""Why a call failed, read from the exception that the client raised."""

from __future__ import annotations

from typing import Any

from callspan.events import Failure
from callspan.events.exceptions import message_of, qualified_name
from callspan.formats.errors import OTHER, failure_type
from callspan.formats.format import get, loaded, text
from callspan.runtime.number import http_status

_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "mistral-correlation-id",
    "x-kong-request-id",
)


def explain(error: BaseException, *fields: str, answer: Any = None) -> Failure:
    """Why a call failed: the provider's code where it has one, and what finds the request in its logs.

    `fields` are the names under which the exception, or the provider's answer, may have the code, the best first.
    `answer` is what the provider answered, for clients that keep it in a place of their own.
    """
    headers = get(_response(error), "headers") or getattr(error, "headers", None) or {}
    status = _status(error)
    return Failure(
        type=_error_type(error, fields, _error_body(error) if answer is None else answer),
        message=message_of(error),
        status=status,
        request_id=next(
            (found for name in _REQUEST_IDS if (found := text(headers.get(name)))), None
        ),
        retry_after=text(headers.get("retry-after")) or text(headers.get("retry-after-ms")),
        exception=error,
    )


def _response(error: BaseException | None) -> Any:
    response = getattr(error, "response", None)
    return getattr(error, "raw_response", None) if response is None else response


def _status(error: BaseException | None) -> int | None:
    response = get(_response(error), "status_code")
    stated = (response, *(getattr(error, name, None) for name in ("status_code", "status", "code")))
    return next((status for code in stated if (status := http_status(code)) is not None), None)


def _error_type(error: BaseException, fields: tuple[str, ...], body: Any) -> str:
    inner = get(body, "error")
    told = failure_type(body if inner is None or isinstance(inner, str) else inner, *fields)
    # an exception may have the status under the name of a code
    kept = failure_type(error, *fields) if told == OTHER else OTHER
    for code in (told, OTHER if kept == str(_status(error)) else kept):
        if code != OTHER:
            return code
    return qualified_name(type(error))


def _error_body(error: BaseException) -> Any:
    """What the provider answered; the oldest clients do not keep it on their exception."""
    response, body = _response(error), getattr(error, "body", None)
    if body is None:
        body = getattr(
            error, "response_error_payload", None
        )  # Hugging Face's name, where aiohttp keeps nothing
    if body is None and _was_read(response):
        try:
            return loaded(getattr(response, "content", b""))
        except Exception:  # noqa: BLE001  it was closed without having been read
            return None
    return loaded(body) if isinstance(body, str) else body


def _was_read(response: Any) -> bool:
    """Whether the body is there, so that looking at it reads nothing from the network, in httpx or in requests."""
    return bool(getattr(response, "is_closed", getattr(response, "_content_consumed", False)))


def processed_answer(error: BaseException) -> Any:
    """Return the answer, as plain data, in whose processing a client has raised; `None` if none had come.

    Clients that Stainless generates (openai 1.40 to 3.57, anthropic, groq, ...) parse it in `_process_response`, and it
    is nowhere but in that function's variables. A patch of it would be in the path of each call. See
    tests/test_parsing_errors.py.
    """
    response = _variable(error, "_process_response", "response")
    return loaded(response.content) if _was_read(response) else None


def validated_answer(error: BaseException) -> Any:
    """Return the plain data of which a client could not make a pydantic model.

    Ollama's client (0.4 to 0.6) makes one of each answer. See tests/test_parsing_errors.py.
    """
    return _variable(error, "__init__", "data", module="pydantic.main")


def _variable(error: BaseException, function: str, name: str, module: str | None = None) -> Any:
    """A variable of a function that an exception has passed."""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_name == function and module in (None, frame.f_globals.get("__name__")):
            return frame.f_locals.get(name)
        trace = trace.tb_next
    return None


def cause(error: BaseException | None) -> str:
    """Why an attempt was given up: the status of the answer, else the exception's class."""
    status = _status(error)
    return (
        str(status)
        if status is not None
        else qualified_name(type(error))
        if error is not None
        else "unknown"
    )
