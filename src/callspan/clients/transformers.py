"""Models that transformers runs in the program: pipelines of text, and `generate` itself."""

from __future__ import annotations

from typing import Any

from callspan.formats.transformers.generation import GENERATED_CHAT, GENERATED_TEXT
from callspan.hooks.calls import observation_of
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs
from callspan.hooks.generation import (
    TRANSFORMERS_NAME,
    finish,
    within_generate,
    within_pipeline,
)
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.hooks.model_path import model_name

_SETTINGS = (
    *("temperature", "top_p", "top_k", "max_new_tokens"),
    *("stop_strings", "stop_sequence", "num_return_sequences"),
)


def _read_generate(model: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read the settings of `generate`, if its model reads text and works for no other call."""
    # models of sound and images alone have other names here
    if observation_of(TRANSFORMERS_NAME) is not None or model.main_input_name != "input_ids":
        return None
    config = args[1] if len(args) > 1 else kwargs.get("generation_config")
    body: dict[str, Any] = {"model": model_name(getattr(model, "name_or_path", None) or "")}
    for name in _SETTINGS:
        value = kwargs.get(name)
        if value is None:
            value = getattr(config, name, None)
        body[name] = value
    return MethodCall("text", body, stream=kwargs.get("streamer") is not None)


def _read_pipeline(pipeline: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    """Read the input of a pipeline; one that is read later, step by step, makes no call itself."""
    source = args[0] if args else kwargs.get("text_inputs")
    if observation_of(TRANSFORMERS_NAME) is not None or not isinstance(source, (str, list, tuple)):
        return None
    settings = {**getattr(pipeline, "_forward_params", {}), **kwargs}
    body: dict[str, Any] = {name: settings.get(name) for name in _SETTINGS}
    body["model"] = model_name(getattr(pipeline.model, "name_or_path", None) or "")
    stream = settings.get("streamer") is not None
    messages = _messages(source)
    if messages:
        body["messages"] = messages
        body["tools"] = kwargs.get("tools")
        return MethodCall("chat", body, stream=stream)
    body["prompt"] = source
    return MethodCall("text", body, stream=stream)


def _messages(source: Any) -> list[Any]:
    """Return the messages of one chat, or of several; empty for prompts that are texts."""
    messages: list[Any] = []
    if isinstance(source, str):
        return messages
    for item in source:
        if isinstance(item, dict):
            messages.append(item)
        elif isinstance(item, (list, tuple)):
            messages += item
    return messages


TRANSFORMERS = Client(
    name=TRANSFORMERS_NAME,
    package="transformers",
    module="transformers",
    versions=("5.24", "6"),
    provider=lambda _client, _host, _port: TRANSFORMERS_NAME,
    hook=methods_hook(
        Method(
            "transformers.pipelines.text_generation",
            "TextGenerationPipeline.__call__",
            _read_pipeline,
            follow=finish,
            within=within_pipeline,
        ),
        Method(
            "transformers.generation.utils",
            "GenerationMixin.generate",
            _read_generate,
            follow=finish,
            within=within_generate,
        ),
    ),
    endpoints={"chat": GENERATED_CHAT, "text": GENERATED_TEXT},
    in_process=True,
)
