"""A request that cannot be served."""

from __future__ import annotations


class RequestError(Exception):
    """An error of the client's, with the status and the message of the answer.

    `field` names the part of the body that is wrong. `code` is OpenAI's word for the mistake.
    """

    def __init__(
        self, status: int, message: str, *, code: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.field = field
