"""Google's client, for Gemini and for Vertex."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callspan.events import Failure
from callspan.formats.fields import get, merge_bodies, parse_json
from callspan.formats.gemini import path as paths
from callspan.formats.gemini.content import CONTENT
from callspan.formats.gemini.failure import read_retry_delay
from callspan.formats.gemini.interactions import INTERACTIONS
from callspan.formats.gemini.predict import EMBEDDINGS, IMAGES
from callspan.hooks import speakeasy
from callspan.hooks.address import address
from callspan.hooks.client import Client, Endpoint, OpenCall
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.stainless import stainless_hook
from callspan.runtime.patching import Patch
from callspan.semconv.providers import provider

_API = "google.genai._api_client"
_LATER = "google.genai._gaos"


def _read_call(
    client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> MethodCall | None:
    """What a request of the API client says: its HTTP method, path, body and options."""
    method, path, body, options = _arguments(*args, **kwargs)
    if not isinstance(body, Mapping) or ":" not in path:
        return None
    url = get(options, "base_url") or get(client_object._http_options, "base_url") or ""
    extra = get(options, "extra_body") or get(client_object._http_options, "extra_body") or {}
    told = {**merge_bodies(body, extra), "model": paths.model(path)}
    return MethodCall(
        method, paths.endpoint(path, body), told, address(str(url)), ":stream" in path
    )


def _arguments(
    http_method: str, path: str, request_dict: Any, http_options: Any = None
) -> tuple[str, str, Any, Any]:
    return http_method, path, request_dict, http_options


def _unwrap(given: Any) -> Any:
    """What the API client gave: JSON text in newer versions, plain data in older ones."""
    body = getattr(given, "body", given)
    return parse_json(body.encode()) if isinstance(body, str) else body


def _provider(client_object: Any, host: str, port: int | None) -> str:
    return (
        "gcp.vertex_ai"
        if getattr(client_object, "vertexai", False)
        else provider(host, port, "gcp.gemini")
    )


def _explain(error: BaseException) -> Failure:
    found = explain(error, "status")
    return replace(
        found, retry_after=found.retry_after or read_retry_delay(getattr(error, "details", None))
    )


def _method(name: str, **options: Any) -> Method:
    return Method(_API, f"BaseApiClient.{name}", read_call=_read_call, unwrap=_unwrap, **options)


_METHODS = methods_hook(
    _method("request"),
    _method("request_streamed", lazy=True),
    _method("async_request", asynchronous=True),
    _method("async_request_streamed", asynchronous=True),
    *speakeasy.requests(_LATER),
    explain=_explain,
    attempts=[(_API, "BaseApiClient._request_once"), (_API, "BaseApiClient._async_request_once")],
)


def _hook(client: Client, open_call: OpenCall) -> list[Patch]:
    # before 2.0 interactions had a client of their own, which Stainless had made
    earlier = stainless_hook(replace(client, module="google.genai._interactions"), open_call)
    return [
        *_METHODS(client, open_call),
        *speakeasy.streams(_LATER),
        *(replace(one, optional=True) for one in earlier),
    ]


GOOGLE_GENAI = Client(
    name="google_genai",
    package="google-genai",
    module="google.genai",
    versions=("1.10", "4"),
    provider=_provider,
    hook=_hook,
    endpoints=(
        Endpoint("POST", re.compile(":(generateContent|streamGenerateContent)$"), CONTENT),
        Endpoint("POST", re.compile(":(embedContent|batchEmbedContents)$"), EMBEDDINGS),
        Endpoint("POST", re.compile(":predict$"), IMAGES),
        Endpoint("POST", re.compile("/interactions$"), INTERACTIONS),
    ),
    inner="_api_client",
)
