"""The door of clients that Speakeasy generates: the function that sends one request, with its retries inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.dialects.dialect import loaded
from callspan.doors.address import address
from callspan.doors.methods import Asked, Method
from callspan.doors.raw_response import follow_response, stream_made
from callspan.patching import Patch


def requests(package: str) -> list[Method]:
    """The functions through which each request of a package of Speakeasy's passes."""
    module = f"{package}.basesdk"
    told = {"asks": _asks, "optional": True, "follow": follow_response}
    return [
        Method(module, "BaseSDK.do_request", **told),
        Method(module, "AsyncBaseSDK.do_request_async", asynchronous=True, **told),
    ]


def streams(package: str) -> list[Patch]:
    """The patches by which its streams are followed event by event, as the app reads them."""
    module = f"{package}.utils.eventstreaming"
    return [Patch(module, f"{kind}.__init__", stream_made, optional=True) for kind in ("Stream", "AsyncStream")]


def _asks(_client: Any, _args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    """What an HTTP request says that is ready to be sent."""
    request = kwargs["request"]
    body = loaded(request.content)
    if not isinstance(body, Mapping):
        return None
    return Asked(request.method, request.url.path, body, address(str(request.url)), body.get("stream") is True)
