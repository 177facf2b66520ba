"""The input of one call, as handlers and capture get it."""

from __future__ import annotations

from dataclasses import dataclass, field

from callspan.events.messages import Message, MessagePart, ToolDefinition


@dataclass(slots=True)
class Content:
    """The input of one call.

    Attributes:
        messages: The conversation sent to a model, each as `{"role", "parts"}`.
        system: Parts of the system instructions, where the request has them apart from messages.
        tools: Definitions of the tools that the model may call.
        arguments: The arguments of a tool.
        query: The text of a search.
        records: The records that a store of memories is to keep, each as `{"id", "content"}`.
        variables: The values that the request puts into a prompt template: texts, or parts of
            other types.
    """

    messages: list[Message] = field(default_factory=list)
    system: list[MessagePart] = field(default_factory=list)
    tools: list[ToolDefinition] = field(default_factory=list)
    arguments: object = None
    query: str | None = None
    records: list[dict[str, object]] = field(default_factory=list)
    variables: dict[str, str | MessagePart] = field(default_factory=dict)
