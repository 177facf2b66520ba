"""Ollama's client: one function for all requests, whose streams make theirs when they are read."""

from __future__ import annotations

from dataclasses import replace

from callspan.events import Failure
from callspan.formats.fields import get
from callspan.formats.ollama.embeddings import EMBEDDINGS
from callspan.formats.ollama.generation import CHAT, GENERATE
from callspan.formats.ollama.systemone import SYSTEM_ONE
from callspan.hooks.address import address
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs
from callspan.hooks.failure import explain, traced_variable
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.paths import by_path

_ENDPOINTS = {
    "/api/chat": CHAT,
    "/api/generate": GENERATE,
    "/api/embed": EMBEDDINGS,
    "/api/embeddings": EMBEDDINGS,
    "/v1/systemone": SYSTEM_ONE,
}
_find_name = by_path({name: name for name in _ENDPOINTS})


def _read_call(client_object: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read a request: the class of its answer, then the arguments for the HTTP client."""
    body = kwargs.get("json")
    if not isinstance(body, dict):
        return None
    # each method of the client (0.4 to 0.6) gives these three by position
    _, method, path = args
    server = address(str(client_object._client.base_url))
    return MethodCall(_find_name(method, path), body, server, bool(kwargs.get("stream")))


def _explain(error: BaseException) -> Failure:
    """Explain an error of the client's, which lacks the headers of the HTTP client's error."""
    failure = explain(error)
    status = failure.status
    if status is not None and status <= 0:
        status = None  # -1 is an error inside a stream
    # the client raises `from None`, which hides the HTTP client's error and leaves it here
    http_error = error.__context__
    if status is None or http_error is None:
        return replace(failure, status=status)
    # the app may be handling another error, which is the context then; see tests/test_ollama.py
    if get(getattr(http_error, "response", None), "status_code") != status:
        return failure
    answer = explain(http_error)
    return replace(failure, request_id=answer.request_id, retry_after=answer.retry_after)


def _validated_answer(error: BaseException) -> object:
    """Return the plain data of an answer of which the client could not make a pydantic model.

    The client (0.4 to 0.6) keeps it nowhere but in pydantic's variables. See
    tests/test_parsing_errors.py.
    """
    return traced_variable(error, "__init__", "data", module="pydantic.main")


_request = Method(
    "ollama._client", "Client._request", _read_call, lazy=True, answer_of=_validated_answer
)
_async_request = replace(_request, path="AsyncClient._request", asynchronous=True)

OLLAMA = Client(
    name="ollama",
    package="ollama",
    module="ollama",
    versions=("0.4", "0.7"),
    # nobody else speaks its format, whatever the address
    provider=lambda _client, _host, _port: "ollama",
    hook=methods_hook(_request, _async_request, explain=_explain),
    endpoints=_ENDPOINTS,
    conflicts={
        "opentelemetry.instrumentation.ollama": "opentelemetry-instrumentation-ollama",
        "openinference.instrumentation.ollama": "openinference-instrumentation-ollama",
        "openlit.instrumentation.ollama": "openlit",
    },
    public_methods=(
        ("ollama._client", "Client.chat"),
        ("ollama._client", "Client._request"),
    ),
)
