"""Google's client, for Gemini and for Vertex."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from callspan.dialects.dialect import get, items, text
from callspan.dialects.gemini_content import CONTENT
from callspan.dialects.gemini_interactions import INTERACTIONS
from callspan.dialects.gemini_predict import EMBEDDINGS, IMAGES
from callspan.doors.adapter import Adapter, Opener, Route
from callspan.doors.failure import explain
from callspan.doors.methods import Asked, Method, methods
from callspan.doors.raw_response import loaded, stream_made
from callspan.doors.stainless import stainless
from callspan.events import Failure
from callspan.patching import Patch
from callspan.providers import provider

_MODEL = re.compile(r"(?:.*/)?models/([^:?]+):")
_API = "google.genai._api_client"
_LATER = "google.genai._gaos"
_STREAMS = ("Stream", "AsyncStream")
_PREDICT = ":predict"


def _asks(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    """What a request of the API client says: its HTTP method, path, body and options."""
    method, path, body, options = _arguments(*args, **kwargs)
    if not isinstance(body, Mapping) or ":" not in path:
        return None
    found = _MODEL.match(path)
    model = found.group(1) if found else path.partition(":")[0]
    endpoint = path.partition("?")[0]
    if endpoint.endswith(_PREDICT) and _embeds(body):
        endpoint = f"{endpoint.removesuffix(_PREDICT)}:embedContent"
    url = get(options, "base_url") or get(client._http_options, "base_url") or ""
    extra = get(options, "extra_body") or get(client._http_options, "extra_body") or {}
    return Asked(method, endpoint, {**_merged(body, extra), "model": model}, _server(str(url)), ":stream" in endpoint)


def _arguments(http_method: str, path: str, request_dict: Any, http_options: Any = None) -> tuple[str, str, Any, Any]:
    return http_method, path, request_dict, http_options


def _embeds(body: Mapping[str, Any]) -> bool:
    """Whether a prediction is of an embedding: text to embed is content, what an image is made from is not."""
    return any(get(item, "content") is not None for item in items(body.get("instances")))


def _merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The body with what the app adds to it by hand, laid over it as the client does."""
    both = {name: body[name] for name in extra if isinstance(body.get(name), dict) and isinstance(extra[name], dict)}
    return {**body, **extra, **{name: _merged(inner, extra[name]) for name, inner in both.items()}}


@lru_cache(maxsize=64)
def _server(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)


def _said(given: Any) -> Any:
    """What the API client gave: JSON text in newer versions, plain data in older ones."""
    body = getattr(given, "body", given)
    return loaded(body.encode()) if isinstance(body, str) else body


def _asks_interaction(_client: Any, _args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    """What a request of the client for interactions says, which is an HTTP request ready to be sent."""
    request = kwargs["request"]
    body = loaded(request.content)
    if not isinstance(body, Mapping):
        return None
    return Asked(request.method, request.url.path, body, _server(str(request.url)), body.get("stream") is True)


def _provider(client: Any, host: str, port: int | None) -> str:
    return "gcp.vertex_ai" if getattr(client, "vertexai", False) else provider(host, port, "gcp.gemini")


def _why(error: BaseException) -> Failure:
    found = explain(error, "status")
    details = items(get(get(getattr(error, "details", None), "error"), "details"))
    wait = next((delay for detail in details if (delay := text(get(detail, "retryDelay")))), None)
    return found if wait is None or found.retry_after else replace(found, retry_after=wait.removesuffix("s"))


def _method(name: str, **options: Any) -> Method:
    return Method(_API, f"BaseApiClient.{name}", asks=_asks, said=_said, **options)


def _post(end: str, dialect: Any) -> Route:
    return Route("POST", re.compile(f":{end}$"), dialect)


def _interactions(name: str, asynchronous: bool) -> Method:
    return Method(
        f"{_LATER}.basesdk",
        name,
        asks=_asks_interaction,
        asynchronous=asynchronous,
        optional=True,
        gives_response=True,
    )


_METHODS = methods(
    _method("request"),
    _method("request_streamed", lazy=True),
    _method("async_request", asynchronous=True),
    _method("async_request_streamed", asynchronous=True),
    _interactions("BaseSDK.do_request", False),
    _interactions("AsyncBaseSDK.do_request_async", True),
    why=_why,
    attempts=[(_API, "BaseApiClient._request_once"), (_API, "BaseApiClient._async_request_once")],
)


def _door(adapter: Adapter, opener: Opener) -> list[Patch]:
    # before 2.0 interactions had a client of their own, which Stainless had made
    earlier = stainless(replace(adapter, module="google.genai._interactions"), opener)
    streams = [Patch(f"{_LATER}.utils.eventstreaming", f"{kind}.__init__", stream_made) for kind in _STREAMS]
    return [*_METHODS(adapter, opener), *(replace(patch, optional=True) for patch in [*streams, *earlier])]


GOOGLE_GENAI = Adapter(
    name="google_genai",
    package="google-genai",
    module="google.genai",
    versions=("1.10", "4"),
    provider=_provider,
    door=_door,
    routes=(
        _post("(generateContent|streamGenerateContent)", CONTENT),
        _post("(embedContent|batchEmbedContents)", EMBEDDINGS),
        _post("predict", IMAGES),
        Route("POST", re.compile("/interactions$"), INTERACTIONS),
    ),
    inner="_api_client",
)
