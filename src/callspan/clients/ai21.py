"""AI21's client, which speaks OpenAI's chat."""

from __future__ import annotations

from dataclasses import replace

from callspan.events import Failure
from callspan.formats.openai.chat import CHAT
from callspan.hooks.address import address
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.paths import by_path
from callspan.semconv.providers import by_address

_ENDPOINTS = {"/chat/completions": CHAT}
_find_name = by_path({name: name for name in _ENDPOINTS})


def _read_call(resource: ClientObject, _args: Args, kwargs: Kwargs) -> MethodCall:
    """Read a request: each resource of the client (ai21 3 and 4) names all that it posts."""
    # private, as all parts of the app's client object are (tests/test_ai21.py)
    client_object = resource._client
    return MethodCall(
        _find_name("POST", kwargs["path"]),
        kwargs.get("body") or {},
        address(str(client_object._base_url)),
        bool(kwargs.get("stream")),
        client_object,
    )


def _explain(error: BaseException) -> Failure:
    # the client's exceptions keep the text of the answer under this name, and nothing else of it
    return explain(error, answer=getattr(error, "details", None))


_RESOURCE = "ai21.clients.studio.resources.studio_resource"
_post = Method(_RESOURCE, "StudioResource._post", _read_call)
_async_post = replace(_post, path="AsyncStudioResource._post", asynchronous=True)

AI21 = Client(
    name="ai21",
    package="ai21",
    module="ai21",
    versions=("3.0", "5"),
    provider=by_address("ai21"),
    hook=methods_hook(
        _post,
        _async_post,
        explain=_explain,
        attempts=[
            ("ai21.http_client.http_client", "AI21HTTPClient._run_request"),
            ("ai21.http_client.async_http_client", "AsyncAI21HTTPClient._run_request"),
        ],
    ),
    endpoints=_ENDPOINTS,
)
