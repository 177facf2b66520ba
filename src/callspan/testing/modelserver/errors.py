"""Errors in the words of OpenAI's formats."""

from __future__ import annotations

from .exchange import JsonObject, frame
from .reply import Reply
from .request_error import RequestError
from .wire import find_error

# By status: type, code, message.
_ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    500: ("server_error", None, "The server had an error while processing your request."),
}


def error_body(reply: Reply, status: int) -> JsonObject:
    """Return the body of an answer whose status is an error."""
    return {"error": _error(reply, status)}


def retry_headers(reply: Reply) -> dict[str, str]:
    """Return the headers that ask the client to try again later."""
    if reply.retry_after is None:
        return {}
    # The first is HTTP's, in seconds; OpenAI's clients prefer the second, in milliseconds.
    return {
        "retry-after": f"{reply.retry_after:g}",
        "retry-after-ms": f"{reply.retry_after * 1000:g}",
    }


def refuse(error: RequestError) -> Reply:
    """Return the reply to a request that cannot be served."""
    return Reply(
        status=error.status,
        error_message=error.message,
        error_code=error.code,
        error_param=error.field,
    )


def chat_error_frame(reply: Reply) -> bytes:
    """Return the last frame of a chat that breaks half way."""
    return frame({"error": _error(reply, 500)})


def responses_error_frame(reply: Reply, sequence: int) -> bytes:
    """Return the last event of a response that breaks half way; `sequence` is its number."""
    error = _error(reply, 500)
    # Without the envelope of `error`, which a chat's error has.
    event = {"type": "error", "sequence_number": sequence, "code": error["code"] or error["type"]}
    return frame({**event, "message": error["message"], "param": None}, "error")


def _error(reply: Reply, status: int) -> JsonObject:
    kind, code, message = find_error(_ERRORS, status)
    return {
        "message": reply.error_message or message,
        "type": reply.error_type or kind,
        "param": reply.error_param,
        "code": reply.error_code or code,
    }
