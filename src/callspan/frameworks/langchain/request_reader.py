"""A model's run as a call, from what LangChain tells of it: for models whose client nobody watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.content.values import as_object
from callspan.events import Call, Content
from callspan.formats.fields import get, items, read_settings, text
from callspan.formats.parts import tools
from callspan.frameworks.langchain.message_reader import messages
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
_SETTINGS = {
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


def call(operation: str, told: Mapping[str, Any], given: Any, stream: bool) -> Call:
    """The call that a model's run is; `given` are its prompts or messages."""
    metadata, asked = told.get("metadata") or {}, told.get("invocation_params") or {}
    return Call(
        operation,
        _provider(metadata, asked),
        text(metadata.get("ls_model_name") or asked.get("model") or asked.get("model_name")),
        _parameters(metadata, asked),
        stream=stream,
        content=lambda: _content(operation, given, asked),
    )


def _provider(metadata: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    name = text(metadata.get("ls_provider")) or text(asked.get("_type")) or "unknown"
    return _PROVIDERS.get(name, name)


def _parameters(metadata: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    standard = {
        "temperature": metadata.get("ls_temperature"),
        "max_tokens": metadata.get("ls_max_tokens"),
        "stop": metadata.get("ls_stop"),
    }
    return {
        **{name: value for name, value in standard.items() if value is not None},
        **read_settings(asked, _SETTINGS),
    }


def _content(operation: str, given: Any, asked: Mapping[str, Any]) -> Content:
    if operation == "chat":
        said = [one for group in given for one in messages(group)]
    else:
        said = [
            {"role": "user", "parts": [{"type": "text", "content": str(prompt)}]}
            for prompt in given
        ]
    return Content(said, tools=tools(asked.get("tools")))


def tool_content(arguments: Any) -> Content:
    """What a tool is given."""
    return Content(arguments=as_object(arguments))


def search_content(query: Any) -> Content:
    """What is searched for."""
    return Content(query=query if isinstance(query, str) else None)


def result(observation: Observation, output: Any) -> Any:
    """What a tool gave or a search found, where somebody reads it."""
    if not observation.needs_text:
        return None
    if observation.call.operation == "execute_tool":
        return as_object(output)
    if observation.call.operation == "retrieval":
        return [_document(item) for item in items(output)]
    return None


def _document(item: Any) -> dict[str, Any]:
    found = {"id": text(get(item, "id")), "content": text(get(item, "page_content"))}
    return {name: value for name, value in found.items() if value is not None}
