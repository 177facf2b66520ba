"""The reason why a call failed, read from the exception that the client raised."""

from __future__ import annotations

from callspan.events import Failure
from callspan.events.exceptions import message_of, qualified_name
from callspan.formats.bodies import parse_json
from callspan.formats.errors import OTHER, REQUEST_ID_HEADERS, failure_type, read_retry_after
from callspan.formats.fields import get, text
from callspan.hooks.client_types import ClientObject
from callspan.runtime.number import http_status

# `code` is last: many exceptions have the provider's own code there, which is no status
_STATUS_NAMES = ("status_code", "status", "http_status", "code")


def explain(error: BaseException, *fields: str, answer: object = None) -> Failure:
    """Return why a call failed, with the provider's code and the request's id where it has them.

    Args:
        error: The exception that the client raised.
        fields: Names under which the exception, or the provider's answer, may have the code, the
            best first.
        answer: The provider's answer, as data or as JSON text, for clients that keep it
            elsewhere than others do.
    """
    headers = get(_response(error), "headers") or getattr(error, "headers", None) or {}
    if answer is None:
        answer = _error_body(error)
    if isinstance(answer, str):
        answer = parse_json(answer)
    return Failure(
        type=_error_type(error, fields, answer),
        message=message_of(error),
        status=_status(error),
        request_id=_request_id(headers),
        retry_after=read_retry_after(headers),
        exception=error,
    )


def _response(error: BaseException | None) -> ClientObject:
    """Return the HTTP response that an exception refers to."""
    response = getattr(error, "response", None)
    if response is not None:
        return response
    return getattr(error, "raw_response", None)  # the name in clients that Speakeasy generates


def _status(error: BaseException | None) -> int | None:
    """Return the HTTP status of an exception: the response's, else the exception's own."""
    status = http_status(get(_response(error), "status_code"))
    if status is not None:
        return status
    for name in _STATUS_NAMES:
        status = http_status(getattr(error, name, None))
        if status is not None:
            return status
    return None


def _request_id(headers: ClientObject) -> str | None:
    for name in REQUEST_ID_HEADERS:
        request_id = text(headers.get(name))
        if request_id:
            return request_id
    return None


def _error_type(error: BaseException, fields: tuple[str, ...], answer: object) -> str:
    """Return the provider's code, else the class of the exception."""
    # most formats have the error under this name, some are the error themselves
    details = get(answer, "error")
    if details is None or isinstance(details, str):
        details = answer
    code = failure_type(details, *fields)
    if code != OTHER:
        return code
    # some exceptions have the code themselves
    code = failure_type(error, *fields)
    # some exceptions have the HTTP status under the name of a code
    if code not in (OTHER, str(_status(error))):
        return code
    return qualified_name(type(error))


def _error_body(error: BaseException) -> object:
    """Return the provider's answer, which may be JSON text; `None` if it is not there."""
    body = getattr(error, "body", None)
    if body is not None:
        return body
    # the oldest clients do not keep the body on their exceptions
    response = _response(error)
    if not _is_read(response):
        return None
    try:
        return parse_json(getattr(response, "content", b""))
    except Exception:  # noqa: BLE001  it was closed without having been read
        return None


def _is_read(response: ClientObject) -> bool:
    """Whether a response has its body, so that looking at it reads nothing from the network.

    httpx has `is_closed`, requests `_content_consumed`.
    """
    return bool(getattr(response, "is_closed", getattr(response, "_content_consumed", False)))


def processed_answer(error: BaseException) -> object:
    """Return the answer, as plain data, that a client failed to process; `None` if none had come.

    Clients that Stainless generates (openai 1.40 to 3.57, anthropic, groq, ...) parse it in
    `_process_response`, and it is nowhere but in that function's variables. A patch of it would be
    in the path of each call. See tests/test_parsing_errors.py.
    """
    response = traced_variable(error, "_process_response", "response")
    if not _is_read(response):
        return None
    return parse_json(response.content)


def traced_variable(
    error: BaseException, function: str, name: str, module: str | None = None
) -> ClientObject:
    """Return a variable of a function that an exception has passed, from the traceback's frames."""
    # an exception keeps the frames that it has passed, and these their variables
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_name == function and module in (None, frame.f_globals.get("__name__")):
            return frame.f_locals.get(name)
        trace = trace.tb_next
    return None


def cause(error: BaseException | None) -> str:
    """Return why an attempt failed: the HTTP status of the answer, else the exception's class."""
    status = _status(error)
    if status is not None:
        return str(status)
    if error is None:
        return "unknown"
    return qualified_name(type(error))
