"""The HTTP session of an exporter, which tells when a request was sent and got no answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

_CREDENTIALS = ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_", "CREDENTIAL_PROVIDER")
"""How the names of the variables begin and end by which a user gives the exporters a session of their own."""


class _Adapter(HTTPAdapter):
    """Sends the requests of one exporter.

    The exporter sends a request again at once where the connection broke, and reports only how the second try
    failed: that nobody listens, say. That the first one may have arrived is seen here alone.
    """

    def __init__(self, on_no_answer: Callable[[], None]) -> None:
        super().__init__()
        self._on_no_answer = on_no_answer

    def send(self, *args: Any, **options: Any) -> requests.Response:
        try:
            return super().send(*args, **options)
        except requests.RequestException as error:
            if _was_sent(error):
                self._on_no_answer()
            raise


def session(on_no_answer: Callable[[], None]) -> requests.Session | None:
    """Return a session for an exporter, or `None` where the user has named one in the environment.

    Args:
        on_no_answer: Called in the thread that sends, when a connection broke before the answer came.
    """
    begin, end = _CREDENTIALS
    if any(name.startswith(begin) and name.endswith(end) for name in os.environ):
        return None
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter(on_no_answer))
    return made


def _was_sent(error: requests.RequestException) -> bool:
    """Whether the request may have arrived; where no connection was made, requests names a failed retry as cause."""
    if isinstance(error, requests.ReadTimeout):
        return True
    return bool(error.args) and isinstance(error.args[0], ProtocolError)
