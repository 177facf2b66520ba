"""Cohere's client, of its first and its second API, and its clients for AWS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callspan.events import Failure
from callspan.formats.cohere.chat import CHAT
from callspan.formats.cohere.chat_v1 import CHAT_V1
from callspan.formats.cohere.embeddings import EMBEDDINGS
from callspan.formats.cohere.rerank import RERANK
from callspan.formats.fields import get, text
from callspan.hooks import fern
from callspan.hooks.client import Client, OpenCall, post
from callspan.hooks.failure import explain
from callspan.hooks.methods import methods_hook
from callspan.hooks.pools import run_with_context
from callspan.runtime.patching import Patch
from callspan.semconv.providers import by_address


def _paths(version: str) -> dict[str, str]:
    names = ("chat", "chat_stream", "embed", "rerank")
    return {name: f"/{version}/{name.removesuffix('_stream')}" for name in names}


_AWS = {
    "bedrock": "https://bedrock-runtime.{}.amazonaws.com",
    "sagemaker": "https://runtime.sagemaker.{}.amazonaws.com",
}


def _url(wrapper: Any) -> str:
    """Where requests go; clients for other clouds change the address of each on its way, and call themselves so."""
    if wrapper._client_name != "n/a":
        return wrapper.get_base_url()
    # those for AWS do so in a hook of their HTTP client, which alone knows where to
    for hook in wrapper.httpx_client.httpx_client.event_hooks["request"]:
        cells = getattr(hook, "__closure__", None) or ()
        known = {
            name: cell.cell_contents
            for name, cell in zip(hook.__code__.co_freevars, cells, strict=True)
        }
        if known.get("service") in _AWS:
            return _AWS[known["service"]].format(known.get("aws_region"))
    return ""


_REQUEST_IDS = ("x-debug-trace-id", "x-amzn-requestid")


def _explain(error: BaseException) -> Failure:
    """The answer's headers stand on the exception itself, and what finds the request in the answer; AWS has both."""
    found, headers = explain(error), getattr(error, "headers", None)
    ids = (*(get(headers, name) for name in _REQUEST_IDS), get(getattr(error, "body", None), "id"))
    code = text(get(headers, "x-amzn-errortype")) or ""
    return replace(
        found,
        type=code.partition(":")[0] or found.type,
        request_id=next(filter(None, map(text, ids)), None),
        retry_after=text(get(headers, "retry-after")),
    )


_METHODS = methods_hook(
    *fern.calls(("cohere.v2.raw_client", "RawV2Client"), _paths("v2"), _url),
    *fern.calls(("cohere.raw_base_client", "RawBaseCohere"), _paths("v1"), _url),
    explain=_explain,
)


def _hook(client: Client, open_call: OpenCall) -> list[Patch]:
    embedding = Patch("cohere.client", "Client.embed", run_with_context, optional=True)
    return [*_METHODS(client, open_call), *fern.retries("cohere"), embedding]


COHERE = Client(
    name="cohere",
    package="cohere",
    module="cohere",
    versions=("5.16", "8"),
    provider=by_address("cohere"),
    hook=_hook,
    endpoints=(
        post("/v2/chat", CHAT),
        post("/v1/chat", CHAT_V1),
        post("/embed", EMBEDDINGS),
        post("/rerank", RERANK),
    ),
    inner="_client_wrapper",
)
