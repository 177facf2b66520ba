"""Models that llama-cpp-python runs in the program, with requests and answers in OpenAI's format."""

from __future__ import annotations

from functools import partial
from typing import Any

from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.hooks.calls import observation_of
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs, Result
from callspan.hooks.llama_tokens import (
    LLAMA_CPP_NAME,
    within_generate,
    within_request,
)
from callspan.hooks.methods import Method, MethodCall, methods_hook, read_no_call
from callspan.hooks.model_path import model_name

_MODULE = "llama_cpp.llama"
_INPUTS = {"chat": "messages", "completions": "prompt", "embeddings": "input"}
"""The first argument of each function."""


def _read_call(endpoint: str, model: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read the arguments of a function, unless another one is at work that calls it."""
    if observation_of(LLAMA_CPP_NAME) is not None:
        return None
    body: dict[str, Any] = {**kwargs}
    if args:
        body[_INPUTS[endpoint]] = args[0]
    # the app may give it a name of its own
    body["model"] = model_name(kwargs.get("model") or model.model_path)
    return MethodCall(endpoint, body, stream=kwargs.get("stream") is True)


def _unwrap(answer: Result) -> object:
    """Return an answer, or a chunk, without the folders of its model's path."""
    model = answer.get("model")
    # the counts of a stream come without one
    if model is None:
        return answer
    return {**answer, "model": model_name(model)}


def _method(path: str, endpoint: str) -> Method:
    return Method(
        _MODULE, path, partial(_read_call, endpoint), unwrap=_unwrap, within=within_request
    )


LLAMA_CPP = Client(
    name=LLAMA_CPP_NAME,
    package="llama-cpp-python",
    module="llama_cpp",
    versions=("0.3.36", "0.4"),
    provider=lambda _client, _host, _port: LLAMA_CPP_NAME,
    hook=methods_hook(
        _method("Llama.create_chat_completion", "chat"),
        _method("Llama.create_completion", "completions"),
        _method("Llama.__call__", "completions"),
        _method("Llama.create_embedding", "embeddings"),
        Method(_MODULE, "Llama.generate", read_no_call, within=within_generate),
    ),
    endpoints={"chat": CHAT, "completions": COMPLETIONS, "embeddings": EMBEDDINGS},
    in_process=True,
)
