"""Voyage's client: embeddings of texts, documents and images, and ranks."""

from __future__ import annotations

from functools import partial

from callspan.events import Failure
from callspan.formats.voyage.embeddings import EMBEDDINGS, RERANK
from callspan.hooks.address import Server, address
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.runtime.arguments import by_name
from callspan.semconv.providers import by_address

_POSITIONS = {
    "embed": ("texts", "model", "input_type", "truncation", "output_dtype", "output_dimension"),
    "contextualized_embed": ("inputs", "model", "input_type", "output_dtype", "output_dimension"),
    "multimodal_embed": ("inputs", "model"),
    "rerank": ("query", "documents", "model"),
}
"""The methods, and the names of their arguments in order (voyageai 0.4 and 0.5)."""


def _read_call(name: str, client_object: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall:
    """Read a request from its arguments, by position or by name."""
    body = by_name(_POSITIONS[name], args, kwargs)
    # private (tests/test_voyageai.py); a client object for models of this machine has no address
    url = client_object._params.get("base_url")
    server: Server = (None, None)
    if url:
        server = address(str(url))
    return MethodCall("rerank" if name == "rerank" else "embed", body, server)


def _explain(error: BaseException) -> Failure:
    # the client's exceptions have the answer under this name
    return explain(error, answer=getattr(error, "json_body", None))


def _methods() -> list[Method]:
    methods: list[Method] = []
    for name in _POSITIONS:
        read_call = partial(_read_call, name)
        optional = name == "contextualized_embed"
        for module, kind, asynchronous in (
            ("voyageai.client", "Client", False),
            ("voyageai.client_async", "AsyncClient", True),
        ):
            method = Method(module, f"{kind}.{name}", read_call, asynchronous, optional=optional)
            methods.append(method)
    return methods


_REQUESTOR = "voyageai.api_resources.api_requestor"

VOYAGEAI = Client(
    name="voyageai",
    package="voyageai",
    module="voyageai",
    versions=("0.4", "0.6"),
    provider=by_address("voyage_ai"),
    hook=methods_hook(
        *_methods(),
        explain=_explain,
        attempts=[(_REQUESTOR, "APIRequestor.request"), (_REQUESTOR, "APIRequestor.arequest")],
    ),
    endpoints={"embed": EMBEDDINGS, "rerank": RERANK},
)
