"""The conversation of a call: messages and their parts, as the conventions have them in attributes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from callspan.formats.fields import text_of
from callspan.runtime.plain import mappings
from callspan.semconv import names

LONGEST = 300
"""How many characters of a question, an answer or another message are shown where it is short."""
_MEDIA = ("blob", "uri", "file", "image", "audio", "video")


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message.

    Attributes:
        kind: `text`, `reasoning`, `tool_call`, `tool_result`, `media` or `other`.
        text: Its text.
        title: The name of a tool, or the type of a picture.
        call_id: The id by which a tool's result belongs to its call.
    """

    kind: str
    text: str
    title: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: str
    parts: tuple[Part, ...]
    finish_reason: str = ""

    @property
    def text(self) -> str:
        """The words that were said, without reasoning and tools."""
        return "\n".join(part.text for part in self.parts if part.kind == "text")


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages that a call sent and received, and the names of the tools that it offered."""

    sent: tuple[Message, ...] = ()
    received: tuple[Message, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The last words of the user, short."""
        return short(_last_text(self.sent, "user"))

    @property
    def answer(self) -> str:
        """The words of the answer, short; without any, the tools that it calls."""
        text = _last_text(self.received, "")
        if text:
            return short(text)
        calls = [part for message in self.received for part in message.parts]
        return short(", ".join(part.title for part in calls if part.kind == "tool_call"))

    @property
    def texts(self) -> Iterator[str]:
        """Everything that a search looks through."""
        for message in (*self.sent, *self.received):
            for part in message.parts:
                yield part.text


def read_conversation(attributes: Mapping[str, Any]) -> Conversation:
    """Return the conversation that a span's attributes hold; an empty one where nothing was captured."""
    system = _structure(attributes.get(names.SYSTEM_INSTRUCTIONS))
    sent = list(_messages(attributes.get(names.INPUT_MESSAGES), "user"))
    if system:
        # the conventions keep the system's words apart; in a conversation they come first
        sent.insert(0, Message("system", tuple(_parts(system))))
    sent.extend(_single(attributes, names.TOOL_ARGUMENTS, "arguments"))
    sent.extend(_single(attributes, names.RETRIEVAL_QUERY, "query"))
    sent.extend(_single(attributes, names.MEMORY_QUERY, "query"))
    # a tool's result and documents found are to their spans what an answer is to a call
    received = list(_messages(attributes.get(names.OUTPUT_MESSAGES), "assistant"))
    received.extend(_single(attributes, names.TOOL_RESULT, "result"))
    received.extend(_single(attributes, names.RETRIEVAL_DOCUMENTS, "documents"))
    received.extend(_single(attributes, names.MEMORY_RECORDS, "memories"))
    tools = tuple(_tool_names(attributes.get(names.TOOL_DEFINITIONS)))
    return Conversation(tuple(sent), tuple(received), tools)


def count_repeated(earlier: Conversation, later: Conversation) -> int:
    """Return how many of the later call's first messages were in the earlier call, sent or answered."""
    # a chat sends everything again, so what was answered stands among what is sent next
    before = [(message.role, message.parts) for message in (*earlier.sent, *earlier.received)]
    count = 0
    for message, old in zip(later.sent, before, strict=False):
        # from here on it is another conversation, even if later messages are the same
        if (message.role, message.parts) != old:
            break
        count += 1
    return count


def _messages(value: object, role: str) -> Iterator[Message]:
    for message in mappings(_structure(value)):
        parts = tuple(_parts(message.get("parts")))
        reason = text_of(message, "finish_reason")
        yield Message(str(message.get("role") or role), parts, reason)


def _single(attributes: Mapping[str, Any], name: str, role: str) -> Iterator[Message]:
    value = attributes.get(name)
    if value is not None and value != "":
        yield Message(role, (Part("other", _pretty(_structure(value))),))


def _parts(values: object) -> Iterator[Part]:
    if isinstance(values, str):
        yield Part("text", values)
        return
    for value in mappings(values):
        yield _part(value)


def _part(value: Mapping[str, Any]) -> Part:
    kind = text_of(value, "type")
    # every value is made text: spans of others may hold anything there
    call_id = text_of(value, "id")
    if kind in ("text", "reasoning"):
        return Part(kind, text_of(value, "content"))
    if kind == "tool_call":
        name = text_of(value, "name")
        return Part(kind, _pretty(value.get("arguments")), name, call_id)
    if kind == "tool_call_response":
        result = value.get("response", value.get("result"))
        return Part("tool_result", _pretty(result), text_of(value, "name"), call_id)
    if kind in _MEDIA:
        return Part("media", _facts(value), str(value.get("mime_type") or value.get("modality")))
    return Part("other", _pretty(value), kind)


def _facts(value: Mapping[str, Any]) -> str:
    """Return the facts of a picture or a sound, but not its data."""
    # the data of a picture may have megabytes, and the page fetches nothing
    hidden = ("type", "content", "mime_type")
    return ", ".join(f"{key} {each}" for key, each in value.items() if key not in hidden)


def _tool_names(value: object) -> Iterator[str]:
    for tool in mappings(_structure(value)):
        name = tool.get("name")
        if name:
            yield str(name)


def _structure(value: object) -> Any:
    """Return what JSON says: attributes of spans hold it as a text, those of events as a structure."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:  # cut by a limit, or no JSON: the text itself is the best there is
        return value


def _pretty(value: object) -> str:
    if isinstance(value, str):
        # arguments of tools are JSON within JSON; as a structure they can be read
        inner = _structure(value)
        if isinstance(inner, str):
            return inner
        value = inner
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _last_text(messages: Iterable[Message], role: str) -> str:
    text = ""
    for message in messages:
        if message.text and role in ("", message.role):
            text = message.text
    return text


def short(text: str) -> str:
    """Return a text as one line of at most `LONGEST` characters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
