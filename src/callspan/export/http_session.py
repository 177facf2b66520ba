"""The HTTP session of an exporter: it sees when no answer comes, and keeps the collector's pauses."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader, ProtocolError
from urllib3.util import Retry

from callspan.export.throttle import Throttle

_CREDENTIALS = ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_", "CREDENTIAL_PROVIDER")
"""Begin and end of the variables by which a user names a session for the exporters."""
_THROTTLING = (429, 502, 503, 504)
"""The statuses after which OTLP lets a request be sent again."""


class _Adapter(HTTPAdapter):
    """Sends the requests of one exporter.

    The exporter sends a request again at once where the connection broke, and reports only how the second try
    failed: that nobody listens, say. That the first one may have arrived is seen here alone.
    """

    def __init__(self, on_no_answer: Callable[[], None], throttle: Throttle) -> None:
        super().__init__()
        self._on_no_answer = on_no_answer
        self._throttle = throttle

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        """Send a request when the collector takes one; note a missing answer, and a pause."""
        # also before the second request that the exporter sends by itself (exporter 1.45)
        self._wait(options.get("timeout"))
        try:
            response = super().send(request, *args, **options)
        except requests.RequestException as error:
            if _was_sent(error):
                self._on_no_answer()
            raise
        # kept for the requests to come: an exporter gives its own batch up if the pause is too long
        pause = _pause(response)
        if pause is not None:
            self._throttle.postpone(pause)
        return response

    def _wait(self, timeout: Any) -> None:
        """Wait until the collector takes requests; raise if the request may not take so long."""
        seconds = self._throttle.seconds
        # one number of seconds, as the exporters pass it; requests also takes a pair or `None`
        is_too_long = isinstance(timeout, (int, float)) and seconds > timeout
        if is_too_long or not self._throttle.wait():
            raise requests.ConnectTimeout(f"the collector asked for a pause of {seconds:.0f} s")


def session(on_no_answer: Callable[[], None], throttle: Throttle) -> requests.Session | None:
    """Return a session for an exporter, or `None` where the user has named one in the environment.

    Args:
        on_no_answer: Called in the thread that sends, when a connection broke before the answer came.
        throttle: Told of each `Retry-After`, and asked before each request.
    """
    begin, end = _CREDENTIALS
    if any(name.startswith(begin) and name.endswith(end) for name in os.environ):
        return None
    made = requests.Session()
    for scheme in ("http://", "https://"):
        # a longer prefix would win: these two stand in place of requests' own adapters
        made.mount(scheme, _Adapter(on_no_answer, throttle))
    return made


def _pause(response: requests.Response) -> float | None:
    """Return the seconds of `Retry-After`, a number or a date; `None` if it is missing or wrong."""
    value = response.headers.get("retry-after")
    if value is None or response.status_code not in _THROTTLING:
        return None
    try:
        # urllib3 knows both forms of the header, and this is its public method for them
        return Retry().parse_retry_after(value)
    except InvalidHeader:
        return None


def _was_sent(error: requests.RequestException) -> bool:
    """Whether the request may have arrived.

    Where no connection was made, the cause in requests' error is not a `ProtocolError`.
    """
    # it was connected and sent, and only the answer did not come in time
    if isinstance(error, requests.ReadTimeout):
        return True
    return bool(error.args) and isinstance(error.args[0], ProtocolError)
