"""Messages as they are captured: the shape that the conventions give to what models read and write."""

from __future__ import annotations

from typing import Any, TypedDict


class PartFields(TypedDict, total=False):
    """The fields of a message part beside its type; which of them it has depends on the type."""

    content: str  # of `text`, `reasoning`, `blob` (base64) and `compaction`
    id: Any  # the id of a tool call, as the provider wrote it
    name: Any  # the name of a tool
    arguments: Any  # of a `tool_call`: an object, or the text that could not be parsed
    response: Any  # of a `tool_call_response`
    server_tool_call: dict[str, Any]
    server_tool_call_response: dict[str, Any]
    modality: str  # of media: `image`, `audio`, `video` or `document`
    mime_type: str
    uri: str
    file_id: Any
    size: int  # the bytes that a `blob` would have, where its content was left out
    seconds: float  # the length of a sound, where it is known


class MessagePart(PartFields):
    """One part of a message: a text, a thought, a tool call, a file and so on."""

    type: str


# apart, as `NotRequired` is newer than Python 3.10; likewise the tools below
class _NamedMessage(TypedDict, total=False):
    name: Any
    finish_reason: str


class Message(_NamedMessage):
    """One message of a conversation, or one choice of an answer."""

    role: Any
    parts: list[MessagePart]


class _DescribedTool(TypedDict, total=False):
    description: Any
    parameters: Any


class ToolDefinition(_DescribedTool):
    """A tool that a request offers: for functions with what the app says of them."""

    type: str
    name: Any
