"""Models that vLLM runs in the program, for many prompts or conversations at once."""

from __future__ import annotations

from functools import partial
from typing import Any

from callspan.formats.fields import get, items
from callspan.formats.transformers.generation import GENERATED_CHAT, GENERATED_TEXT
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs, Result
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.model_path import model_name
from callspan.runtime.arguments import by_name

_NAME = "vllm"
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_new_tokens",
    "stop": "stop_strings",
    "seed": "seed",
    "n": "num_return_sequences",
}
"""The settings of vLLM's sampling, with their names in the format."""


def _read_chat(model: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall:
    """Read one conversation, or several."""
    arguments = by_name(("messages", "sampling_params"), args, kwargs)
    body = _body(model, arguments.get("sampling_params"))
    messages: list[Any] = []
    for item in items(arguments.get("messages")):
        # a conversation, or a message of the only one
        messages += items(item) or [item]
    body["messages"] = messages
    body["tools"] = arguments.get("tools")
    return MethodCall("chat", body)


def _read_text(model: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall:
    """Read one prompt, or several."""
    arguments = by_name(("prompts", "sampling_params"), args, kwargs)
    body = _body(model, arguments.get("sampling_params"))
    prompts = arguments.get("prompts")
    body["prompt"] = [_text(prompt) for prompt in items(prompts) or [prompts]]
    return MethodCall("text", body)


def _text(prompt: object) -> object:
    """Return the text of a prompt, which may stand in a dict; token numbers have none."""
    return prompt if isinstance(prompt, str) else get(prompt, "prompt")


def _body(model: ClientObject, settings: ClientObject) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model_name(model.model_config.model)}
    # settings for each prompt have nothing to say about the call
    if not isinstance(settings, (list, tuple)):
        for name, setting in _SETTINGS.items():
            body[setting] = getattr(settings, name, None)
    return body


def _unwrap(results: Result) -> dict[str, Any]:
    """Return the answers to all prompts, and their tokens, as plain data."""
    answers: list[dict[str, Any]] = []
    counts = {"input_tokens": 0, "output_tokens": 0, "cached_tokens": 0}
    for result in results:
        counts["input_tokens"] += len(result.prompt_token_ids or ())
        counts["cached_tokens"] += result.num_cached_tokens or 0
        for output in result.outputs:
            counts["output_tokens"] += len(output.token_ids)
            answers.append(
                {
                    "index": len(answers),
                    "text": output.text,
                    "finish_reason": output.finish_reason,
                }
            )
    return {"answers": answers, **counts}


_method = partial(Method, "vllm.entrypoints.llm", unwrap=_unwrap)

VLLM = Client(
    name=_NAME,
    package="vllm",
    module="vllm",
    versions=("0.33", "1"),
    provider=lambda _client, _host, _port: _NAME,
    hook=methods_hook(
        _method("LLM.chat", _read_chat),
        _method("LLM.generate", _read_text),
    ),
    endpoints={"chat": GENERATED_CHAT, "text": GENERATED_TEXT},
    in_process=True,
)
