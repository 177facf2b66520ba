"""The messages of a call, a short line each: as data, for the tree on the console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from callspan.export.conversation import Conversation, Message, Part, read_conversation, short

_ANSWERS = ("assistant", "model")
"""The roles of a model's own messages."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The words of one message.

    Attributes:
        role: Who said it, such as `user`; `arguments` and `result` for those of a tool.
        text: The words without line breaks, short, as they are kept until their trace is printed.
    """

    role: str
    text: str


def quotes_of(attributes: Mapping[str, Any]) -> tuple[Quote, ...]:
    """Return the messages that are new with a span, and the answer, by its attributes."""
    conversation = read_conversation(attributes)
    quotes: list[Quote] = []
    for message in (*_new_messages(conversation), *conversation.received):
        text = " ".join(_texts(message))
        if text:
            quotes.append(Quote(message.role, short(text)))
    return tuple(quotes)


def error_quote(message: str) -> tuple[Quote, ...]:
    """Return the words of an error, which are recorded only where content is."""
    text = short(message)
    return (Quote("error", text),) if text else ()


def _new_messages(conversation: Conversation) -> list[Message]:
    """Return the messages after the last answer: those before it were in an earlier call."""
    messages: list[Message] = []
    for message in conversation.sent:
        if message.role in _ANSWERS:
            messages = []
        # the same in each call, and long
        elif message.role != "system":
            messages.append(message)
    return messages


def _texts(message: Message) -> Iterator[str]:
    for part in message.parts:
        text = " ".join(_text(part).split())
        if text:
            yield text


def _text(part: Part) -> str:
    match part.kind:
        # what a model thinks is long, and no answer
        case "reasoning":
            return ""
        case "tool_call":
            return f"{part.title}({part.text})"
        case "media":
            return f"[{part.title}]"
        case _:
            return part.text
