"""IBM's client for watsonx, whose chat is OpenAI's, and whose text generation is its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from callspan.events import Failure
from callspan.formats.bodies import parse_json
from callspan.formats.fields import first_item, get
from callspan.formats.openai.chat import CHAT
from callspan.formats.watsonx.generation import GENERATION
from callspan.hooks.address import address
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs, Result
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.runtime.arguments import by_name
from callspan.semconv.providers import by_address

_METHODS = {
    "chat": ("chat", "messages"),
    "achat": ("chat", "messages"),
    "chat_stream": ("chat", "messages"),
    "achat_stream": ("chat", "messages"),
    "generate": ("generate", "prompt"),
    "agenerate": ("generate", "prompt"),
    "generate_text_stream": ("generate", "prompt"),
    "agenerate_stream": ("generate", "prompt"),
}
"""The endpoint of each method, and the name of its first argument; the second is `params`."""


def _read_call(name: str, model: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall:
    """Read a request: what the app asks, and its settings over those of the model's object."""
    endpoint, first = _METHODS[name]
    arguments = by_name((first, "params", "tools"), args, kwargs)
    body: dict[str, object] = {"model": model.model_id or model.deployment_id}
    for settings in (model.params, arguments.get("params")):
        body.update(_plain(settings))
    for field in (first, "tools"):
        if arguments.get(field) is not None:
            body[field] = arguments[field]
    # private (ibm-watsonx-ai 1.8; tests/test_watsonx.py)
    url = model._client.credentials.url
    return MethodCall(endpoint, body, address(str(url)), name.endswith("_stream"))


def _plain(settings: ClientObject) -> Mapping[str, object]:
    """Return settings, which may be an object of the client's, without those that are not set."""
    if settings is None:
        return {}
    if hasattr(settings, "to_dict"):
        return settings.to_dict()
    return settings


def _unwrap(result: Result) -> object:
    """Return an answer with its model under the name that OpenAI's format has for it."""
    if isinstance(result, dict) and "choices" in result:
        return {"model": result.get("model_id"), **result}
    return result


def _explain(error: BaseException) -> Failure:
    # an answer has a list of errors, and the client's exception has the response
    response = getattr(error, "response", None)
    answer = parse_json(getattr(response, "content", None) or b"")
    return explain(error, answer=first_item(get(answer, "errors")))


def _methods() -> list[Method]:
    methods: list[Method] = []
    for name in _METHODS:
        methods.append(
            Method(
                "ibm_watsonx_ai.foundation_models.inference.model_inference",
                f"ModelInference.{name}",
                partial(_read_call, name),
                asynchronous=name.startswith("a"),
                lazy=name.endswith("_stream"),
                unwrap=_unwrap,
            )
        )
    return methods


WATSONX = Client(
    name="watsonx",
    package="ibm-watsonx-ai",
    module="ibm_watsonx_ai",
    versions=("1.8", "2"),
    provider=by_address("ibm.watsonx.ai"),
    hook=methods_hook(*_methods(), explain=_explain),
    endpoints={"chat": CHAT, "generate": GENERATION},
)
