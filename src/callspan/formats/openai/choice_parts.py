"""The parts of a choice of OpenAI's chat completions: texts, thoughts and tool calls."""

from __future__ import annotations

from collections.abc import Callable

from callspan.events import REASONING, TEXT, TOOL_CALL, Part
from callspan.formats import parts
from callspan.formats.fields import (
    Body,
    Index,
    Item,
    all_fields,
    arguments_text,
    get,
    id_text,
    index_of,
    items,
    string,
    text,
)


def choice_parts(fields: Body, choice: Body, index: int) -> list[Part]:
    """Return the parts of a choice's message, or of the piece of one.

    Most servers send one field of a piece, or few, so the fields that are there are looked at.
    """
    message_or_piece = choice.get("delta")
    is_whole = message_or_piece is None
    if is_whole:
        message_or_piece = choice.get("message")
    elif choice.get("message"):
        message_or_piece, is_whole = _message_or_piece(fields, choice)
    source = all_fields(message_or_piece)
    pieces: list[Part] = []
    for name, value in source.items():
        if not value or name not in _READERS:
            continue
        if name == "reasoning" and source.get("reasoning_content"):
            continue  # the same thought under two names
        pieces += _READERS[name](value, index, is_whole)
    return pieces


def _message_or_piece(fields: Body, choice: Body) -> tuple[Item, bool]:
    """Return the message of a choice that has a piece as well, or its piece, and which it is.

    Perplexity sends both in each choice. A chunk has the new text in the piece, and the end of a
    stream has an empty piece.
    """
    piece = choice.get("delta")
    # the object is `chat.completion` for a whole answer, and something longer for chunks
    if fields.get("object") == "chat.completion" and not get(piece, "content"):
        return choice.get("message"), True
    return piece, False


def _reasoning(value: Item, choice: int, _is_whole: bool) -> list[Part]:
    fragment = text(value)
    return [Part(REASONING, fragment, choice)] if fragment else []


def _content(value: Item, choice: int, _is_whole: bool) -> list[Part]:
    if isinstance(value, str):
        return [Part(TEXT, string(value), choice)]
    pieces: list[Part] = []
    for item in items(value):
        pieces += content_item(item, choice)
    return pieces


def content_item(item: Item, choice: int, index: Index = None) -> list[Part]:
    """Return the parts of one item of a content that is a list: text, or a thought with texts."""
    if get(item, "type") == "thinking":
        thought = parts.text_or_value(get(item, "thinking"))
        return [Part(REASONING, thought, choice, index)] if thought else []
    fragment = text(get(item, "text"))
    return [Part(TEXT, fragment, choice, index)] if fragment else []


def _tool_calls(value: Item, choice: int, is_whole: bool) -> list[Part]:
    pieces: list[Part] = []
    for number, call in enumerate(items(value)):
        # a custom tool takes any text in place of JSON
        function = get(call, "function") or get(call, "custom")
        # In a whole message some servers give every call the same index.
        index = number if is_whole else index_of(call)
        pieces.append(_tool_call(function, choice, index, id_text(get(call, "id"))))
    return pieces


def _legacy_call(value: Item, choice: int, _is_whole: bool) -> list[Part]:
    # a message has at most one of the old kind, so its pieces need neither index nor id
    return [_tool_call(value, choice, None, None)]


def _audio(value: Item, choice: int, _is_whole: bool) -> list[Part]:
    transcript = text(get(value, "transcript"))
    # an index of its own, so that it is not joined to a text beside it
    return [Part(TEXT, transcript, choice, index="transcript")] if transcript else []


_READERS: dict[str, Callable[[Item, int, bool], list[Part]]] = {
    "reasoning_content": _reasoning,  # DeepSeek's name, which most servers have taken over
    "reasoning": _reasoning,  # OpenRouter, Groq, Ollama
    "content": _content,
    "refusal": _content,
    "function_call": _legacy_call,  # from before there were tools
    "tool_calls": _tool_calls,
    "audio": _audio,
}
"""How the fields of a message are read: by the value, the choice, and whether it is whole."""


def _tool_call(function: Item, choice: int, index: Index, call_id: str | None) -> Part:
    arguments = arguments_text(get(function, "arguments") or get(function, "input"))
    name = text(get(function, "name"))
    return Part(TOOL_CALL, arguments, choice, index, call_id, name)
