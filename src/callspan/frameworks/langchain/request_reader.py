"""Read runs of models, tools and searches as calls: for models whose client nobody watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.values import as_object
from callspan.events import Call, Content, Message, MessagePart, ParameterName, Parameters
from callspan.formats.fields import get, items, read_settings, text
from callspan.formats.parts import tools
from callspan.frameworks.langchain.message_reader import read_messages
from callspan.frameworks.run import Arguments
from callspan.lifecycle.observation import Observation

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "huggingface": "hugging_face",
    "ibm": "ibm.watsonx.ai",
}
"""LangChain's names of providers that the conventions name otherwise."""
# the names of `LangSmithParams`, which most models state; a call's own settings come later
_METADATA_SETTINGS: dict[str, ParameterName] = {
    "ls_temperature": "temperature",
    "ls_max_tokens": "max_tokens",
    "ls_stop": "stop",
}
_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "n": "choices",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
Prompts = Any
"""A list of prompts, or for chats a list of conversations."""
Settings = Mapping[str, Any]
"""The parameters with which LangChain calls its model."""


def read_call(operation: str, arguments: Arguments, prompts: Prompts, stream: bool) -> Call:
    """Return the call of a model's run from the arguments with which LangChain reported it."""
    metadata = arguments.get("metadata") or {}
    settings = arguments.get("invocation_params") or {}
    return Call(
        operation,
        _provider(metadata, settings),
        text(metadata.get("ls_model_name") or settings.get("model") or settings.get("model_name")),
        _parameters(metadata, settings),
        stream=stream,
        # made only if a handler reads it
        content=lambda: _content(operation, prompts, settings),
    )


def _provider(metadata: Arguments, settings: Settings) -> str:
    # without it the kind of model, such as `openai-chat`, is better than nothing
    name = text(metadata.get("ls_provider")) or text(settings.get("_type")) or "unknown"
    return _PROVIDERS.get(name, name)


def _parameters(metadata: Arguments, settings: Settings) -> Parameters:
    """Return the settings by neutral names; those of the call override those in the metadata."""
    parameters: Parameters = {}
    for key, name in _METADATA_SETTINGS.items():
        value = metadata.get(key)
        if value is not None:
            parameters[name] = value
    parameters.update(read_settings(settings, _SETTINGS))
    return parameters


def _content(operation: str, prompts: Prompts, settings: Settings) -> Content:
    messages: list[Message] = []
    for prompt in prompts:
        # a chat has lists of messages, a completion has texts
        if operation == "chat":
            messages.extend(read_messages(prompt))
        else:
            part: MessagePart = {"type": "text", "content": str(prompt)}
            messages.append({"role": "user", "parts": [part]})
    return Content(messages, tools=tools(settings.get("tools")))


def tool_content(tool_input: object) -> Content:
    """Return the input of a tool as content."""
    return Content(arguments=as_object(tool_input))


def search_content(query: object) -> Content:
    """Return the query of a search as content."""
    return Content(query=query if isinstance(query, str) else None)


def read_output(observation: Observation, output: object) -> Any:
    """Return a tool's result or a search's documents, if somebody reads them."""
    if not observation.needs_text:
        return None
    if observation.call.operation == "execute_tool":
        return as_object(output)
    if observation.call.operation == "retrieval":
        return [_document(item) for item in items(output)]
    return None


def _document(item: object) -> dict[str, str]:
    document: dict[str, str] = {}
    for name, field in (("id", "id"), ("content", "page_content")):
        value = text(get(item, field))
        if value is not None:
            document[name] = value
    return document
