"""The bodies of requests in OpenAI's formats, with the bounds that its API has."""

from __future__ import annotations

from .shapes import (
    MAPPING,
    TEXT,
    TEXT_OR_TEXTS,
    Shape,
    anything,
    array,
    boolean,
    either,
    integer,
    mapping,
    mapping_of,
    number,
    one_of,
    tagged,
    text,
)

MODEL = text(least=1)
NAME = text(least=1, most=256)
TOKENS = integer(0, 10_000_000)
INTEGER = integer(-(2**63), 2**63 - 1)
DIMENSIONS = integer(1, 3072)
MOST_INPUTS = 2048
_MOST_TOKENS = 131_072

SCHEMA = mapping(
    {"properties": mapping_of(either({dict: mapping({"enum": array(anything)}), bool: boolean}))}
)
FUNCTION: dict[str, Shape] = {"name": NAME, "description": TEXT, "parameters": SCHEMA}
# Chat has the name within `function`, Responses beside the type.
TOOL_CHOICE = either(
    {str: TEXT, dict: mapping({"function": mapping({"name": NAME}), "name": NAME})}
)
_TOOL = mapping({"function": mapping(FUNCTION, required=("name",))}, required=("function",))
# Tools of other types are the provider's own and not checked here.
TOOLS = array(tagged("type", {"function": _TOOL}, MAPPING), most=128)

# The fields that requests for text have with many providers.
SAMPLING: dict[str, Shape] = {
    "model": MODEL,
    "stream": boolean,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": INTEGER,
    "seed": INTEGER,
    "user": TEXT,
    "metadata": MAPPING,
    "service_tier": text(most=64),
    "parallel_tool_calls": boolean,
}

_IMAGE_PART = mapping(
    {"image_url": either({str: TEXT, dict: mapping({"url": TEXT}, required=("url",))})}
)
_PARTS: dict[str, Shape] = {
    "text": mapping({"text": TEXT}, required=("text",)),
    "refusal": mapping({"refusal": TEXT}, required=("refusal",)),
    "image_url": _IMAGE_PART,
    "input_audio": mapping({"input_audio": MAPPING}),
    "file": mapping({"file": MAPPING}),
}
CONTENT = either({str: TEXT, list: array(tagged("type", _PARTS, MAPPING))})


def chat_messages(arguments: Shape = TEXT, content: Shape = CONTENT) -> Shape:
    """Return the check of a chat's messages; in OpenAI's the arguments of a call are JSON text."""
    function = mapping({"name": NAME, "arguments": arguments}, required=("name",))
    call = mapping({"id": TEXT, "type": TEXT, "function": function})
    fields = {"content": content, "name": TEXT, "tool_call_id": TEXT, "tool_calls": array(call)}
    role = one_of("system", "developer", "user", "assistant", "tool", "function")
    return array(mapping({"role": role, **fields}, required=("role",)), least=1)


GENERATION: dict[str, Shape] = {
    **SAMPLING,
    "n": integer(1, 128),
    "max_tokens": TOKENS,
    "max_completion_tokens": TOKENS,
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "stop": TEXT_OR_TEXTS,
    "logit_bias": mapping_of(number(-100, 100)),
    "stream_options": mapping({"include_usage": boolean}),
}
CHAT_FIELDS: dict[str, Shape] = {
    **GENERATION,
    "messages": chat_messages(),
    "tools": TOOLS,
    "tool_choice": TOOL_CHOICE,
    "response_format": mapping({"type": TEXT}),
    "logprobs": boolean,
    "top_logprobs": integer(0, 20),
    "modalities": array(TEXT),
    "audio": MAPPING,
    "prediction": MAPPING,
    "store": boolean,
    "reasoning_effort": TEXT,
}
CHAT = mapping(CHAT_FIELDS, required=("model", "messages"))


def inputs(most: int) -> Shape:
    """Return the check of one text or several, each perhaps as the numbers of its tokens."""
    token = integer(0, 2**31 - 1)
    text_or_tokens = either({str: TEXT, int: token, list: array(token, least=1, most=_MOST_TOKENS)})
    return either({str: TEXT, list: array(text_or_tokens, least=1, most=most)})


_COMPLETION_FIELDS: dict[str, Shape] = {
    **GENERATION,
    "prompt": inputs(_MOST_TOKENS),
    "best_of": integer(1, 20),
    "suffix": TEXT,
    "echo": boolean,
    "logprobs": integer(0, 5),
}
COMPLETION = mapping(_COMPLETION_FIELDS, required=("model", "prompt"))

_EMBEDDING_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "input": inputs(MOST_INPUTS),
    "dimensions": DIMENSIONS,
    "encoding_format": one_of("float", "base64"),
    "user": TEXT,
}
EMBEDDING = mapping(_EMBEDDING_FIELDS, required=("model", "input"))

_IMAGE_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "prompt": text(most=32_000),
    "n": integer(1, 10),
    **dict.fromkeys(("size", "quality", "style", "background", "moderation", "user"), TEXT),
    **dict.fromkeys(("output_format", "response_format"), TEXT),
    "output_compression": integer(0, 100),
    "partial_images": integer(0, 3),
    "stream": boolean,
}
IMAGES = mapping(_IMAGE_FIELDS, required=("prompt",))

_SPEECH_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "input": text(most=4096),
    "voice": either({str: TEXT, dict: MAPPING}),
    "speed": number(0.25, 4),
    **dict.fromkeys(("instructions", "response_format", "stream_format"), TEXT),
}
SPEECH = mapping(_SPEECH_FIELDS, required=("model", "input", "voice"))

# A form has texts and files only, so its numbers and truths are texts.
_RECORDING_FIELDS: dict[str, Shape] = {
    "model": MODEL,
    "file": either({bytes: anything, str: anything}),
    **dict.fromkeys(("language", "prompt", "response_format"), TEXT),
}
RECORDING = mapping(_RECORDING_FIELDS, required=("model", "file"))

# Text, texts, or parts of text and pictures.
_MODERATED = either({str: TEXT, dict: tagged("type", _PARTS, MAPPING)})
_MODERATED_INPUT = either({str: TEXT, list: array(_MODERATED, least=1, most=MOST_INPUTS)})
MODERATION = mapping({"model": MODEL, "input": _MODERATED_INPUT}, required=("input",))
