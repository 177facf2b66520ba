"""Error answers as OpenAI words them."""

from __future__ import annotations

from typing import Any

from .exchange import frame
from .reply import Reply
from .request_error import RequestError

# status: type, code, message
_KNOWN: dict[int, tuple[str, str | None, str]] = {
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


def error_body(reply: Reply, status: int) -> dict[str, Any]:
    """The body of an answer whose status is an error."""
    return {"error": _error(reply, status)}


def retry_headers(reply: Reply) -> dict[str, str]:
    """The headers that say when to come again."""
    if reply.retry_after is None:
        return {}
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
    """What a chat stream says when it breaks half way."""
    return frame({"error": _error(reply, 500)})


def responses_error_frame(reply: Reply, sequence: int) -> bytes:
    """What a Responses stream says when it breaks half way."""
    error = _error(reply, 500)
    event = {"type": "error", "sequence_number": sequence, "code": error["code"] or error["type"]}
    return frame({**event, "message": error["message"], "param": None}, "error")


def _error(reply: Reply, status: int) -> dict[str, Any]:
    kind, code, message = _KNOWN.get(status, _KNOWN[400 if status < 500 else 500])
    return {
        "message": reply.error_message or message,
        "type": reply.error_type or kind,
        "param": reply.error_param,
        "code": reply.error_code or code,
    }
