"""What Google's APIs say with an error."""

from __future__ import annotations

from typing import Any

from callspan.formats.fields import get, items, text


def read_retry_delay(answer: Any) -> str | None:
    """The seconds to wait before trying again, which stand in the details of the error."""
    details = items(get(get(answer, "error"), "details"))
    wait = next((delay for detail in details if (delay := text(get(detail, "retryDelay")))), None)
    return None if wait is None else wait.removesuffix("s")
