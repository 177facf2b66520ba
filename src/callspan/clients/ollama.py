"""Ollama's client: one function for all requests, whose streams ask the server when they are first read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callspan.events import Failure
from callspan.formats.fields import get
from callspan.formats.ollama.embeddings import EMBEDDINGS
from callspan.formats.ollama.generation import CHAT, GENERATE
from callspan.formats.ollama.systemone import SYSTEM_ONE
from callspan.hooks.address import address
from callspan.hooks.client import Client, post
from callspan.hooks.failure import explain, validated_answer
from callspan.hooks.methods import Method, MethodCall, methods_hook

_CLIENT = "ollama._client"


def _read_call(
    client_object: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> MethodCall | None:
    """What a request says: the class of its answer, then what goes to the HTTP client."""
    body = kwargs.get("json")
    if not isinstance(body, dict):
        return None
    _, method, path = args
    return MethodCall(
        method, path, body, address(str(client_object._client.base_url)), bool(kwargs.get("stream"))
    )


def _explain(error: BaseException) -> Failure:
    """The client raises an error of its own in place of the HTTP client's, which has the answer's headers."""
    found = explain(error)
    status = found.status if (found.status or 0) > 0 else None  # -1 is an error inside a stream
    behind = error.__context__
    if status is None or get(getattr(behind, "response", None), "status_code") != status:
        return replace(found, status=status)
    told = explain(behind) if behind is not None else found
    return replace(found, request_id=told.request_id, retry_after=told.retry_after)


OLLAMA = Client(
    name="ollama",
    package="ollama",
    module="ollama",
    versions=("0.4", "0.7"),
    provider=lambda _client, _host, _port: (
        "ollama"
    ),  # nobody else speaks its format, whatever the address
    hook=methods_hook(
        Method(
            _CLIENT, "Client._request", read_call=_read_call, lazy=True, answer_of=validated_answer
        ),
        Method(
            _CLIENT,
            "AsyncClient._request",
            read_call=_read_call,
            asynchronous=True,
            lazy=True,
            answer_of=validated_answer,
        ),
        explain=_explain,
    ),
    endpoints=(
        post("/api/chat", CHAT),
        post("/api/generate", GENERATE),
        post("/api/embed(dings)?", EMBEDDINGS),
        post("/v1/systemone", SYSTEM_ONE),
    ),
)
