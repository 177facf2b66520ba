"""A request that cannot be served."""

from __future__ import annotations


class RequestError(Exception):
    """What is wrong with a request: the status and the message of the answer to it.

    `field` is the part of the body that is wrong. `code` is the word that OpenAI has for the mistake.
    """

    def __init__(
        self, status: int, message: str, *, code: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.field = field
