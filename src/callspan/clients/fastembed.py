"""Models that fastembed runs in the program to make vectors of texts, one after the other."""

from __future__ import annotations

from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs, Result
from callspan.hooks.embedding_tokens import own_vectors, within_batch, within_generator
from callspan.hooks.methods import Method, MethodCall, methods_hook, read_no_call
from callspan.hooks.model_path import model_name

_NAME = "fastembed"
_MODULE = "fastembed.text.text_embedding"


def _read_call(model: ClientObject, _args: Args, _kwargs: Kwargs) -> MethodCall | None:
    if own_vectors(_NAME) is not None:
        return None
    return MethodCall("embeddings", {"model": model_name(model.model_name)})


def _count_tokens(output: Result) -> int:
    return int(output.attention_mask.sum())


def _unwrap(item: Result) -> object:
    """Return a vector as an answer; the counts are one already."""
    if isinstance(item, dict):
        return item
    return {"data": [{"embedding": item}]}


def _vectors(path: str) -> Method:
    return Method(
        _MODULE,
        path,
        _read_call,
        generator=True,
        unwrap=_unwrap,
        within=within_generator,
    )


FASTEMBED = Client(
    name=_NAME,
    package="fastembed",
    module="fastembed",
    versions=("0.9", "1"),
    provider=lambda _client, _host, _port: _NAME,
    hook=methods_hook(
        _vectors("TextEmbedding.embed"),
        _vectors("TextEmbedding.query_embed"),
        _vectors("TextEmbedding.passage_embed"),
        Method(
            "fastembed.text.onnx_text_model",
            "OnnxTextModel.onnx_embed",
            read_no_call,
            within=within_batch(_NAME, _count_tokens),
        ),
    ),
    endpoints={"embeddings": EMBEDDINGS},
    in_process=True,
)
