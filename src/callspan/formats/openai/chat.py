"""OpenAI's chat completions, as spoken by OpenAI, Azure and the many compatible servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from callspan.events import (
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Details,
    Failure,
    ParameterName,
    Parameters,
    Part,
    Usage,
)
from callspan.formats import billing, parts
from callspan.formats.errors import read_failure
from callspan.formats.fields import (
    Body,
    Index,
    Item,
    all_fields,
    arguments_text,
    get,
    get_nested,
    id_text,
    index_of,
    items,
    read_settings,
    string,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai.messages import message
from callspan.formats.usage import read_shares, read_timings, read_usage

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",  # no setting of OpenAI's, but of most other servers
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "random_seed": "seed",  # Mistral
    "n": "choices",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "reasoning_effort": "reasoning_level",
    "service_tier": "service_tier",
}
_BROKEN = "error"
"""The finish reason by which some servers say that a choice has failed."""
_DETAILS: tuple[Literal["service_tier", "system_fingerprint"], ...] = (
    "service_tier",
    "system_fingerprint",
)
"""Fields beside the choices that go into `Response.details`."""


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    settings = read_settings(body, _SETTINGS)
    settings["api_type"] = "chat_completions"
    if "response_format" in body or "modalities" in body:
        output_type = _output_type(body)
        if output_type:
            settings["output_type"] = output_type
    if "reasoning" in body:  # OpenRouter's name, which `reasoning_effort` goes before
        effort = get(body["reasoning"], "effort")
        if effort is not None:
            settings.setdefault("reasoning_level", effort)
    if "web_search_options" in body or "-search-" in str(body.get("model")):
        settings["search_type"] = _search_type(body)
    return settings


def _search_type(body: Body) -> str:
    """Return the kind of search that a model makes for each request.

    It does not state how often, and each search costs something beside the tokens.
    """
    return text(get(body.get("web_search_options"), "search_type")) or "built_in"


def _output_type(body: Body) -> str | None:
    output_type = parts.format_type(body.get("response_format"))
    if output_type is None and "audio" in items(body.get("modalities")):
        return "speech"
    return output_type


def content(body: Body) -> Content:
    """Return the conversation and the tools. System messages stay where they stand in it."""
    tools = body.get("tools")
    if not tools:
        functions = items(body.get("functions"))
        tools = [{"type": "function", "function": item} for item in functions]
    return Content(
        messages=[message(item) for item in items(body.get("messages"))],
        tools=parts.tools(tools),
    )


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one chunk, or one whole completion."""
    # It runs for each chunk of most providers, so it is one function, though a long one.
    fields = all_fields(answer)
    choices = fields.get("choices")
    usage = fields.get("usage")
    if type(choices) is not list:
        choices = items(choices)
    # Most chunks of a stream have a piece of one choice's text and nothing else.
    may_be_skipped = not needs_text and usage is None and len(choices) == 1
    if may_be_skipped and get(choices[0], "finish_reason") is None:
        return None
    pieces: list[Part] = []
    finish_reasons: list[tuple[int, str | None]] = []
    is_broken = False
    for number, item in enumerate(choices):
        choice = all_fields(item)
        index = index_of(choice)
        if index is None:
            index = number
        # Models of Mistral's and others on Bedrock have `stop_reason`.
        reason = text(choice.get("finish_reason") or choice.get("stop_reason"))
        finish_reasons.append((index, reason))
        is_broken = is_broken or reason == _BROKEN
        if needs_text:
            pieces += _choice_parts(fields, choice, index)
        if usage is None:
            usage = choice.get("usage")  # where some servers put it
    if usage is None and "x_groq" in fields:
        usage = get(fields["x_groq"], "usage")
    delta = Delta(id_text(fields.get("id")), text(fields.get("model")), pieces, finish_reasons)
    delta.usage = read_usage(usage)
    # llama.cpp's server has them in each stream, and usage only if it is asked for
    if usage is None and "timings" in fields:
        delta.usage = read_timings(fields["timings"])
    _add_details(delta, fields, choices, usage)
    if is_broken or fields.get("error") is not None or fields.get("object") == "error":
        delta.failure = _failure(fields, choices, is_broken)
    return delta


def _add_details(delta: Delta, fields: Body, choices: list[Item], usage: Item) -> None:
    """Add to the delta the conditions of its price, and the fingerprint."""
    details: Details = {}
    if usage is not None:
        details = {**billing.conditions(usage)}
    if fields.get("service_tier") or fields.get("system_fingerprint"):
        for name in _DETAILS:
            value = text(fields.get(name))
            if value:
                details[name] = value
    if delta.finish_reasons and delta.finish_reasons[0][1] is not None:
        cost = billing.gateway_cost(choices[0])
        if cost is not None:
            details["cost_usd"] = cost
    if details:
        delta.details = details
    if "usage_breakdown" in fields and delta.usage is not None:
        _add_shares(delta.usage, fields["usage_breakdown"], choices)


def _add_shares(usage: Usage, breakdown: Item, choices: list[Item]) -> None:
    """Add which models Groq's systems asked, and which tools they ran: each has its own price."""
    usage.shares = read_shares(breakdown)
    if usage.shares:
        usage.details = billing.executed_tools(choices) or None


def _choice_parts(fields: Body, choice: Body, index: int) -> list[Part]:
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
        function = get(call, "function") or get(call, "custom")
        # In a whole message some servers give every call the same index.
        index = number if is_whole else index_of(call)
        pieces.append(_tool_call(function, choice, index, id_text(get(call, "id"))))
    return pieces


def _legacy_call(value: Item, choice: int, _is_whole: bool) -> list[Part]:
    return [_tool_call(value, choice, None, None)]


def _audio(value: Item, choice: int, _is_whole: bool) -> list[Part]:
    transcript = text(get(value, "transcript"))
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


def _failure(fields: Body, choices: list[Item], is_broken: bool) -> Failure | None:
    """Return the failure of a call that a gateway answers with status 200.

    Its error stands in place of the choices, or in a choice that is broken.
    """
    if not is_broken:
        # Some servers leave an error beside choices that have ended well.
        if any(get(choice, "finish_reason") for choice in choices):
            return None
        return read_failure(fields)
    if fields.get("error"):
        return read_failure(fields)
    for choice in choices:
        if get(choice, "error"):
            return read_failure(choice) or Failure(_BROKEN)
    return Failure(_BROKEN)


def with_usage_requested(body: Body) -> Body | None:
    """Return the body of a stream with usage asked for; `None` if the app has chosen for itself."""
    options = body.get("stream_options")
    if options is None:
        options = {}
    if not isinstance(options, Mapping) or "include_usage" in options:
        return None
    return {**body, "stream_options": {**options, "include_usage": True}}


def only_usage(chunk: Item) -> bool:
    """Whether a chunk is there for the counts alone."""
    return get(chunk, "usage") is not None and not get(chunk, "choices")


def usage_follows(body: Body) -> bool:
    """Whether the app asked for the counts, which then come in a chunk of their own."""
    if get_nested(body, "stream_options", "include_usage") is True:
        return True
    return get_nested(body, "usage", "include") is True  # OpenRouter's name for it


CHAT = Format("chat", parameters, read, content, with_usage_requested, only_usage, usage_follows)
