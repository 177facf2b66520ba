"""Cohere's client, of its first and its second API, and its clients for AWS."""

from __future__ import annotations

from dataclasses import replace
from types import FunctionType

from callspan.events import Failure
from callspan.formats.cohere.chat import CHAT
from callspan.formats.cohere.chat_v1 import CHAT_V1
from callspan.formats.cohere.embeddings import EMBEDDINGS
from callspan.formats.cohere.rerank import RERANK
from callspan.formats.errors import read_retry_after
from callspan.formats.fields import get, text
from callspan.hooks import fern
from callspan.hooks.client import Client, Subscriber
from callspan.hooks.client_types import ClientObject
from callspan.hooks.failure import explain
from callspan.hooks.methods import methods_hook
from callspan.hooks.pools import carry_context
from callspan.runtime.patching import Patch
from callspan.semconv.providers import by_address

_AWS_URLS = {
    "bedrock": "https://bedrock-runtime.{}.amazonaws.com",
    "sagemaker": "https://runtime.sagemaker.{}.amazonaws.com",
}
_REQUEST_IDS = ("x-debug-trace-id", "x-amzn-requestid")
_V2_METHODS = {"chat": "chat", "chat_stream": "chat", "embed": "embed", "rerank": "rerank"}
"""The endpoint of each method in the second version of the API."""
# the first version has a format of its own for chats alone
_V1_METHODS = {**_V2_METHODS, "chat": "chat_v1", "chat_stream": "chat_v1"}


def _base_url(wrapper: ClientObject) -> str:
    """Return the URL that requests go to; empty if it is not known."""
    if wrapper._client_name != "n/a":  # the name that the clients for clouds have
        return wrapper.get_base_url()
    # clients for AWS (cohere 5.16 to 7) change the address of each request in an event hook of
    # httpx's, whose closure alone has the service and the region; see tests/test_cohere_clouds.py
    # the client for Oracle's cloud (cohere 7) has the name too, and no such hook: no address then
    for hook in wrapper.httpx_client.httpx_client.event_hooks["request"]:
        # an app may have put any callable of its own among them
        if not isinstance(hook, FunctionType) or not hook.__module__.startswith("cohere."):
            continue
        cells = hook.__closure__ or ()
        variables: dict[str, str] = {}
        for name, cell in zip(hook.__code__.co_freevars, cells, strict=True):
            variables[name] = cell.cell_contents
        url = _AWS_URLS.get(variables.get("service", ""))
        if url is not None:
            return url.format(variables.get("aws_region"))
    return ""


def _explain(error: BaseException) -> Failure:
    """Explain an error; its headers stand on the exception itself, and AWS has names of its own."""
    failure = explain(error)
    headers = getattr(error, "headers", None)
    # AWS writes a code and a URL: `ValidationException:http://...`; httpx has names in lower case
    code, _, _ = (text(get(headers, "x-amzn-errortype")) or "").partition(":")
    return replace(
        failure,
        type=code or failure.type,
        request_id=_request_id(error, headers),
        retry_after=read_retry_after(headers or {}),
    )


def _request_id(error: BaseException, headers: ClientObject) -> str | None:
    for name in _REQUEST_IDS:
        request_id = text(get(headers, name))
        if request_id:
            return request_id
    # the answer to a refused request has the id in its body
    return text(get(getattr(error, "body", None), "id"))


_calls_hook = methods_hook(
    *fern.raw_methods(("cohere.v2.raw_client", "RawV2Client"), _V2_METHODS, _base_url),
    *fern.raw_methods(("cohere.raw_base_client", "RawBaseCohere"), _V1_METHODS, _base_url),
    explain=_explain,
)


def _hook(client: Client, subscriber: Subscriber) -> list[Patch]:
    return [
        *_calls_hook(client, subscriber),
        *fern.retry_patches("cohere"),
        # the first API embeds in a pool of threads of its own (docs/decisions/0011)
        Patch("cohere.client", "Client.embed", carry_context, optional=True),
    ]


COHERE = Client(
    name="cohere",
    package="cohere",
    module="cohere",
    versions=("5.16", "8"),
    provider=by_address("cohere"),
    hook=_hook,
    endpoints={"chat": CHAT, "chat_v1": CHAT_V1, "embed": EMBEDDINGS, "rerank": RERANK},
    # the raw clients in which the hook stands have nothing else of the app's client object
    inner="_client_wrapper",
    conflicts={
        "opentelemetry.instrumentation.cohere": "opentelemetry-instrumentation-cohere",
        "openinference.instrumentation.cohere": "openinference-instrumentation-cohere",
        "openlit.instrumentation.cohere": "openlit",
    },
    public_methods=(
        ("cohere.client_v2", "ClientV2.chat"),
        ("cohere.v2.client", "V2Client.chat"),
    ),
)
