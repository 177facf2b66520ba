"""Messages of requests for OpenAI's chat completions, as neutral messages."""

from __future__ import annotations

from callspan.events import REASONING, TOOL_CALL, Message, MessagePart, parse_arguments
from callspan.formats import parts
from callspan.formats.fields import Item, get, get_first, items, string, text


def message(item: Item) -> Message:
    """Return one message of a conversation, of any role."""
    role = parts.role_of(item)
    if role in ("tool", "function"):
        # results of the old role `function` name their function and have no id
        call_id = get_first(item, "tool_call_id", "name")
        pieces = [parts.tool_response(call_id, parts.text_or_value(get(item, "content")))]
    else:
        pieces = _pieces(item)
    result: Message = {"role": role, "parts": pieces}
    name = get(item, "name")
    if name:
        result["name"] = name
    return result


def _pieces(item: Item) -> list[MessagePart]:
    pieces = parts.content_parts(get(item, "content"), _content_part)
    pieces += parts.text_parts(text(get(item, "refusal")))
    pieces += [_tool_call(call) for call in items(get(item, "tool_calls"))]
    legacy_call = get(item, "function_call")
    if legacy_call:
        pieces.append(_tool_call({"function": legacy_call}))
    return pieces


def _content_part(item: Item) -> MessagePart | None:
    match get(item, "type"):
        case "text" | "refusal" as kind:
            return parts.text_part(string(get(item, kind)))
        case "image_url" | "document_url" as kind:
            return _at_url(kind.removesuffix("_url"), get(item, kind))
        case "input_audio":
            return _audio(get(item, "input_audio"))
        case "file":
            # OpenAI's API has it one level down, Mistral's has `file_id` beside the type
            return parts.file(get(item, "file") or item)
        case "thinking":
            return {"type": REASONING, "content": parts.text_or_value(get(item, "thinking"))}
        case kind:
            return parts.unknown_part(kind)


def _at_url(modality: str, source: Item) -> MessagePart | None:
    # Mistral's API takes the address alone where OpenAI's takes an object
    url = source if isinstance(source, str) else get(source, "url")
    return parts.media(modality, url)


def _audio(source: Item) -> MessagePart:
    if isinstance(source, str):  # Mistral's API
        return parts.sound(source)
    return parts.input_audio(source)


def _tool_call(call: Item) -> MessagePart:
    function = get_first(call, "function", "custom")
    arguments = get(function, "arguments")
    # The arguments of a function are JSON as text; the input of a custom tool is any text.
    arguments = get(function, "input") if arguments is None else parse_arguments(arguments)
    return {
        "type": TOOL_CALL,
        "id": get(call, "id"),
        "name": get(function, "name") or "",
        "arguments": arguments,
    }
