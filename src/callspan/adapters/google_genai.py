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
from callspan.dialects.gemini_predict import EMBEDDINGS, IMAGES
from callspan.doors.adapter import Adapter, Route
from callspan.doors.failure import explain
from callspan.doors.methods import Asked, Method, methods
from callspan.doors.raw_response import loaded
from callspan.events import Failure
from callspan.providers import provider

_MODEL = re.compile(r"(?:.*/)?models/([^:?]+):")
_API = "google.genai._api_client"
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


def _provider(client: Any, host: str, port: int | None) -> str:
    return "gcp.vertex_ai" if client.vertexai else provider(host, port, "gcp.gemini")


def _why(error: BaseException) -> Failure:
    found = explain(error, "status")
    details = items(get(get(getattr(error, "details", None), "error"), "details"))
    wait = next((delay for detail in details if (delay := text(get(detail, "retryDelay")))), None)
    return found if wait is None or found.retry_after else replace(found, retry_after=wait.removesuffix("s"))


def _method(name: str, **options: Any) -> Method:
    return Method(_API, f"BaseApiClient.{name}", asks=_asks, said=_said, **options)


def _post(end: str, dialect: Any) -> Route:
    return Route("POST", re.compile(f":{end}$"), dialect)


GOOGLE_GENAI = Adapter(
    name="google_genai",
    package="google-genai",
    module="google.genai",
    versions=("1.10", "4"),
    provider=_provider,
    door=methods(
        _method("request"),
        _method("request_streamed", lazy=True),
        _method("async_request", asynchronous=True),
        _method("async_request_streamed", asynchronous=True),
        why=_why,
        attempts=[(_API, "BaseApiClient._request_once"), (_API, "BaseApiClient._async_request_once")],
    ),
    routes=(
        _post("(generateContent|streamGenerateContent)", CONTENT),
        _post("(embedContent|batchEmbedContents)", EMBEDDINGS),
        _post("predict", IMAGES),
    ),
    inner="_api_client",
)
