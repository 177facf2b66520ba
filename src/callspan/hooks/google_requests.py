"""The functions of Google's client through which its requests pass, and how these are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callspan.formats.bodies import merge_bodies, parse_json
from callspan.formats.fields import get
from callspan.formats.gemini import path as paths
from callspan.hooks.address import Server, address
from callspan.hooks.bodies import follow_file
from callspan.hooks.client_types import Args, ClientObject, Kwargs, Result
from callspan.hooks.methods import Method, MethodCall

_MODULE = "google.genai._api_client"
ATTEMPTS = (
    (_MODULE, "BaseApiClient._request_once"),
    (_MODULE, "BaseApiClient._async_request_once"),
)
"""The functions that make each attempt of a request."""


def _read_call(client_object: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read a request of the API client."""
    path, body, options = paths.arguments(*args, **kwargs)
    if not isinstance(body, Mapping):
        return None
    # a method of a model stands behind a colon; paths without one list, fetch or delete
    if ":" not in path:
        return _read_fetch(client_object, path, options)
    extra = _option(client_object, options, "extra_body") or {}
    return MethodCall(
        paths.endpoint(path, body),
        {**merge_bodies(body, extra), "model": paths.model(path)},
        _server(client_object, options),
        ":stream" in path,
    )


def _read_download(client_object: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read a request for the content of a file."""
    path = args[0] if args else kwargs["path"]
    return _read_fetch(client_object, path, kwargs.get("http_options"))


def _read_fetch(client_object: ClientObject, path: str, options: object) -> MethodCall | None:
    """Read a request for a batch, or for a file, which may hold the results of one."""
    fetched = paths.fetched(path)
    if fetched is None:
        return None
    kind, name = fetched
    return MethodCall(kind, {"id": name}, _server(client_object, options))


def _server(client_object: ClientObject, options: object) -> Server:
    return address(str(_option(client_object, options, "base_url") or ""))


def _option(client_object: ClientObject, options: object, name: str) -> Any:
    # private (google-genai 1.10 to 3): what holds for requests without options of their own;
    # see tests/test_google_genai.py
    return get(options, name) or get(client_object._http_options, name)


def _unwrap(result: Result) -> object:
    """Return an answer as plain data: newer versions return an object with its JSON text."""
    body = getattr(result, "body", result)
    return parse_json(body.encode()) if isinstance(body, str) else body


_request = Method(_MODULE, "BaseApiClient.request", _read_call, unwrap=_unwrap)
_async_request = replace(_request, path="BaseApiClient.async_request", asynchronous=True)
_download = Method(
    _MODULE, "BaseApiClient.download_file", _read_download, optional=True, follow=follow_file
)
# the narrowest functions that see each request: those of automatic function calling and of
# continuations too, which the client makes by itself (docs/decisions/0002)
METHODS = (
    _request,
    _async_request,
    # the asynchronous one makes its request before it returns the stream
    replace(_request, path="BaseApiClient.request_streamed", lazy=True),
    replace(_async_request, path="BaseApiClient.async_request_streamed"),
    _download,
    replace(_download, path="BaseApiClient.async_download_file", asynchronous=True),
)
"""The functions, with those by which files are received."""
