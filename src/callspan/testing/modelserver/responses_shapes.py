"""The bodies of requests to OpenAI's Responses API."""

from __future__ import annotations

from .openai_shapes import FUNCTION, SAMPLING, TOKENS, TOOL_CHOICE
from .shapes import (
    MAPPING,
    TEXT,
    TEXTS,
    Shape,
    array,
    boolean,
    either,
    integer,
    mapping,
    one_of,
    tagged,
)

_TEXT_PART = mapping({"text": TEXT}, required=("text",))
_PARTS: dict[str, Shape] = {
    **dict.fromkeys(("input_text", "output_text", "summary_text", "reasoning_text"), _TEXT_PART),
    "refusal": mapping({"refusal": TEXT}, required=("refusal",)),
    "input_image": mapping({"image_url": TEXT, "file_id": TEXT, "detail": TEXT}),
    "input_file": mapping({"file_data": TEXT, "file_id": TEXT, "file_url": TEXT, "filename": TEXT}),
}
_CONTENT = either({str: TEXT, list: array(tagged("type", _PARTS, MAPPING))})
# One shape for all items: their types are many, and each has some of these fields.
_ITEM_FIELDS: dict[str, Shape] = {
    "type": TEXT,
    "role": one_of("system", "developer", "user", "assistant"),
    "content": _CONTENT,
    "call_id": TEXT,
    "id": TEXT,
    "name": TEXT,
    "arguments": TEXT,
    "summary": array(_TEXT_PART),
}
_ITEM = mapping(_ITEM_FIELDS)
_TOOLS = array(
    tagged("type", {"function": mapping(FUNCTION, required=("name",))}, MAPPING), most=128
)

_FIELDS: dict[str, Shape] = {
    **SAMPLING,
    "input": either({str: TEXT, list: array(_ITEM)}),
    "instructions": TEXT,
    "tools": _TOOLS,
    "tool_choice": TOOL_CHOICE,
    "max_output_tokens": TOKENS,
    "max_tool_calls": TOKENS,
    "top_logprobs": integer(0, 20),
    "previous_response_id": TEXT,
    "prompt": MAPPING,
    "reasoning": MAPPING,
    "text": MAPPING,
    "truncation": TEXT,
    "include": TEXTS,
    **dict.fromkeys(("background", "store"), boolean),
}
RESPONSES = mapping(_FIELDS)
