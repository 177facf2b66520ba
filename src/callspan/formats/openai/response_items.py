"""Items of OpenAI's responses: those that are sent, as messages; those of the output, as parts."""

from __future__ import annotations

from collections.abc import Iterator

from callspan.events import (
    REASONING,
    SERVER_TOOL_CALL,
    TEXT,
    TOOL_CALL,
    Message,
    MessagePart,
    Part,
    PartFields,
    Sound,
)
from callspan.formats import parts
from callspan.formats.fields import (
    Index,
    Item,
    all_fields,
    arguments_text,
    count,
    get,
    id_text,
    items,
    plain,
    string,
    text,
)

CLIENT_TOOLS = ("function_call", "custom_tool_call")
"""Types of calls that the app is to run; the provider runs all others by itself."""
_NOT_CONTENT = ("id", "type", "status")


def message(item: Item) -> Message:
    """Return one item of an input as a message."""
    kind = text(get(item, "type")) or "message"
    if kind == "message":
        return {
            "role": parts.role_of(item),
            "parts": parts.content_parts(get(item, "content"), content_part),
        }
    # results of functions, custom tools, shells, computers, and of kinds that are still to come
    if kind.endswith("_call_output"):
        result = parts.tool_response(get(item, "call_id"), plain(get(item, "output")))
        return {"role": "tool", "parts": [result]}
    return {"role": "assistant", "parts": parts.message_parts(_output_item(item, 0))}


def content_part(item: Item) -> MessagePart | None:
    """Return a piece of an input as a part of a message; `None` if it is of no type that we know."""
    match get(item, "type"):
        case "input_text" | "output_text" | "text" | "summary_text":
            return parts.text_part(string(get(item, "text")))
        # of Realtime sessions, which have the sound in events of its own
        case "output_audio" | "audio":
            return parts.text_part(string(get(item, "transcript")))
        case "refusal":
            return parts.text_part(string(get(item, "refusal")))
        case "input_image":
            return _image_part(item)
        case "input_audio":
            return _sound_part(item)
        case "input_file":
            return parts.file(item)
        case kind:
            return parts.unknown_part(kind)


def _image_part(item: Item) -> MessagePart | None:
    file_id = get(item, "file_id")
    if file_id:
        return parts.file_reference("image", file_id)
    return parts.media("image", get(item, "image_url"))


def _sound_part(item: Item) -> MessagePart | None:
    source = get(item, "input_audio")
    if source is not None:
        return parts.input_audio(source)
    # of a Realtime session, of whose sound the size alone is kept
    return Sound(count(item, "size") or 0).part


def output(response: Item) -> list[Part]:
    """Return the items of a response's output as parts of one message."""
    pieces: list[Part] = []
    for index, item in enumerate(items(get(response, "output"))):
        pieces += _output_item(item, index)
    return pieces


def _output_item(item: Item, index: int) -> list[Part]:
    match get(item, "type"):
        case "message":
            return _numbered(TEXT, _message_texts(item), index)
        case "reasoning":
            return _numbered(REASONING, _thought_texts(item), index)
        case "function_call":
            return [tool_call(item, index, get(item, "arguments"))]
        case "custom_tool_call":
            return [tool_call(item, index, get(item, "input"))]
        case "compaction":
            # its content is encrypted, so that there was one is all there is to show
            return [Part("compaction", index=index, data={"id": id_text(get(item, "id"))})]
        case kind:
            return [_server_tool(str(kind or "unknown"), item, index)]


def _message_texts(item: Item) -> Iterator[str]:
    for content in parts.content_parts(items(get(item, "content")), content_part):
        yield content.get("content", "")


def _thought_texts(item: Item) -> Iterator[str]:
    for thought in (*items(get(item, "summary")), *items(get(item, "content"))):
        yield string(get(thought, "text"))


def _numbered(kind: str, texts: Iterator[str], index: int) -> list[Part]:
    """Return texts of one item as parts, with the indexes that the pieces of a stream have."""
    # so that an answer that comes whole and its pieces are the same parts, wherever one is missing
    return [Part(kind, content, index=(index, number)) for number, content in enumerate(texts)]


def tool_call(item: Item, index: Index, arguments: Item = None) -> Part:
    """Return a call of a tool of the app's, whole or as it begins in a stream."""
    call_id = id_text(get(item, "call_id"))
    name = text(get(item, "name"))
    return Part(TOOL_CALL, arguments_text(arguments), 0, index, call_id, name)


def _server_tool(kind: str, item: Item, index: int) -> Part:
    """Return a call of a tool that the provider ran by itself, with its results if stated."""
    tool = kind.removesuffix("_call")
    # results stand in the item of the call: `outputs` of code, `results` of a search in files
    call = {"type": tool}
    for field, value in all_fields(item).items():
        if value is not None and field not in _NOT_CONTENT:
            call[field] = plain(value)
    data: PartFields = {
        "id": id_text(get(item, "id")) or id_text(get(item, "call_id")),
        "name": text(get(item, "name")) or tool,
        SERVER_TOOL_CALL: call,
    }
    return Part(SERVER_TOOL_CALL, index=index, data=data)
