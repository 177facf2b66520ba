"""What exceptions are called, what they say, and the one for what was reported without being raised."""

from __future__ import annotations

from callspan.events import Failure


class ProviderError(Exception):
    """What `on_error` hears when the provider reported a failure without the client raising anything."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or failure.type)
        self.failure = failure


def said(error: BaseException) -> str:
    """What an exception says, if it is able to say anything."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  whatever it is, it must reach the app as it is
        return ""


def qualified(kind: type) -> str:
    """The name of a class with its module; builtin ones bare."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
