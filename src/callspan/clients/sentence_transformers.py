"""Models that sentence-transformers runs in the program to make vectors of texts."""

from __future__ import annotations

from typing import Any

from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs, Result
from callspan.hooks.embedding_tokens import own_vectors, within_batch
from callspan.hooks.methods import Method, MethodCall, methods_hook, read_no_call
from callspan.hooks.model_path import model_name
from callspan.lifecycle.observation import Observation

_NAME = "sentence_transformers"


def _read_call(model: ClientObject, _args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read the settings; the texts are not needed, as embeddings have no messages."""
    if own_vectors(_NAME) is not None:
        return None
    # the model inside has the name by which it was loaded; models of other kinds have none
    inner = model.transformers_model
    config = getattr(inner, "config", None)
    name = model_name(getattr(config, "_name_or_path", None) or "")
    body = {"model": name, "dimensions": kwargs.get("truncate_dim")}
    return MethodCall("embeddings", body)


def _count_tokens(features: Any) -> int | None:
    """Count the tokens of a batch by the mask of its padding."""
    mask = features.get("attention_mask")
    if mask is not None:
        return int(mask.sum())
    # texts in one row, without padding
    tokens = features.get("input_ids")
    return None if tokens is None else tokens.numel()


def _follow(observation: Observation, result: Result) -> Result:
    """Read the vectors, of which there is one for a text that was given alone."""
    vector = result
    shape = getattr(result, "shape", None)
    if shape is None or len(shape) == 2:
        vector = result[0] if len(result) else None
    # token by token, or in a dict, it is another thing than a vector
    if len(getattr(vector, "shape", ())) != 1:
        vector = None
    observation.answer({"data": [{"embedding": vector}]})
    return result


SENTENCE_TRANSFORMERS = Client(
    name=_NAME,
    package="sentence-transformers",
    module="sentence_transformers",
    versions=("6.2", "7"),
    provider=lambda _client, _host, _port: _NAME,
    hook=methods_hook(
        Method(
            "sentence_transformers.sentence_transformer.model",
            "SentenceTransformer.encode",
            _read_call,
            follow=_follow,
        ),
        Method(
            "sentence_transformers.base.model",
            "BaseModel.preprocess",
            read_no_call,
            within=within_batch(_NAME, _count_tokens),
        ),
    ),
    endpoints={"embeddings": EMBEDDINGS},
    in_process=True,
)
