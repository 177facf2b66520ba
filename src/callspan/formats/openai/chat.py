"""OpenAI's chat completions, as spoken by OpenAI, Azure and the many compatible servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from callspan.events import (
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
    Item,
    all_fields,
    get,
    get_nested,
    id_text,
    index_of,
    items,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai.choice_parts import choice_parts
from callspan.formats.openai.messages import message
from callspan.formats.usage import read_shares, read_timings, read_usage

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",  # no setting of OpenAI's, but of most other servers
    # the newer name stands first, so it wins where an app sends both
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
    "agent_id": "agent_id",  # Mistral
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
    # such as gpt-4o-search-preview, which searches for each answer without being told to
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
    # what `tools` was called before; OpenAI's client still takes it
    if not tools:
        functions = items(body.get("functions"))
        tools = [{"type": "function", "function": item} for item in functions]
    return Content(
        messages=[message(item) for item in items(body.get("messages"))],
        tools=parts.tools(tools),
    )


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one chunk, or one whole completion."""
    fields = all_fields(answer)
    choices = fields.get("choices")
    usage = fields.get("usage")
    if type(choices) is not list:
        choices = items(choices)
    # Most chunks of a stream have a piece of one choice's text and nothing else.
    may_be_skipped = not needs_text and usage is None and len(choices) == 1
    # some servers end a stream so, without a finish reason
    may_be_skipped = may_be_skipped and fields.get("error") is None
    # callers want the text until id and first token are known, so the first chunk is never skipped
    if may_be_skipped and get(choices[0], "finish_reason") is None:
        return None
    delta = Delta(id_text(fields.get("id")), text(fields.get("model")), [], [])
    usage = _add_choices(delta, fields, choices, needs_text)
    _add_usage(delta, fields, choices, usage)
    _add_details(delta, fields, choices)
    if fields.get("error") is not None or fields.get("object") == "error":
        _add_failure(delta, fields, choices)
    return delta


def _add_choices(delta: Delta, fields: Body, choices: list[Item], needs_text: bool) -> Item:
    """Add the choices, and return the usage, which some servers put into one of them."""
    usage = fields.get("usage")
    finish_reasons: list[tuple[int, str | None]] = []
    pieces: list[Part] = []
    for number, item in enumerate(choices):
        choice = all_fields(item)
        index = index_of(choice)
        # without an index the place in the list serves, as some servers leave it out
        if index is None:
            index = number
        # Models of Mistral's and others on Bedrock have `stop_reason`.
        reason = choice.get("finish_reason") or choice.get("stop_reason")
        if reason is not None:
            reason = text(reason)
        # without a reason too: it says that the choice has begun
        finish_reasons.append((index, reason))
        if reason == _BROKEN:
            delta.failure = _failure_of_choices(fields, choices)
        if needs_text:
            pieces += choice_parts(fields, choice, index)
        # Moonshot's streams have it here
        if usage is None:
            usage = choice.get("usage")
    delta.parts = pieces
    delta.finish_reasons = finish_reasons
    return usage


def _add_usage(delta: Delta, fields: Body, choices: list[Item], usage: Item) -> None:
    """Add the token counts, and the conditions of the price that stand among them."""
    # Groq's streams state it without being asked to (tests/test_compatible_clients.py)
    if usage is None and "x_groq" in fields:
        usage = get(fields["x_groq"], "usage")
    if usage is not None:
        delta.usage = read_usage(usage)
        conditions = billing.conditions(usage)
        if conditions:
            delta.details = {**conditions}
    elif "timings" in fields:
        # llama.cpp's server has them in each stream, and usage only if it is asked for
        delta.usage = read_timings(fields["timings"])
    if "usage_breakdown" in fields and delta.usage is not None:
        _add_shares(delta.usage, fields["usage_breakdown"], choices)


def _add_details(delta: Delta, fields: Body, choices: list[Item]) -> None:
    """Add the tier, the fingerprint and the cost that a gateway states."""
    details = delta.details or {}
    for name in _DETAILS:
        value = fields.get(name)
        if value:
            value = text(value)
        if value:
            details[name] = value
    # a gateway knows the cost at the end: other chunks are spared the look
    if delta.finish_reasons and delta.finish_reasons[0][1] is not None:
        _add_gateway_cost(details, choices[0])
    if details:
        delta.details = details


def _add_gateway_cost(details: Details, choice: Item) -> None:
    cost = billing.gateway_cost(choice)
    if cost is not None:
        details["cost_usd"] = cost


def _add_shares(usage: Usage, breakdown: Item, choices: list[Item]) -> None:
    """Add which models Groq's systems asked, and which tools they ran: each has its own price."""
    usage.shares = read_shares(breakdown)
    tools = billing.executed_tools(choices) if usage.shares else None
    if tools:
        usage.details = {**(usage.details or {}), **tools}


def _add_failure(delta: Delta, fields: Body, choices: list[Item]) -> None:
    """Add the failure of a call that a gateway answers with status 200, in place of the choices."""
    if delta.failure is not None:
        return
    # Some servers leave an error beside choices that have ended well.
    if any(get(choice, "finish_reason") for choice in choices):
        return
    delta.failure = read_failure(fields)


def _failure_of_choices(fields: Body, choices: list[Item]) -> Failure | None:
    """Return the failure of a choice that is broken; a gateway answers it with status 200."""
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
    # a copy, as the app may send its own body again (tests/test_request_usage.py)
    return {**body, "stream_options": {**options, "include_usage": True}}


def only_usage(chunk: Item) -> bool:
    """Whether a chunk is there for the counts alone."""
    # kept from an app that has not asked for it, as much code takes the first choice of a chunk
    return get(chunk, "usage") is not None and not get(chunk, "choices")


def usage_follows(body: Body) -> bool:
    """Whether the app asked for the counts, which then come in a chunk of their own."""
    if get_nested(body, "stream_options", "include_usage") is True:
        return True
    return get_nested(body, "usage", "include") is True  # OpenRouter's name for it


CHAT = Format("chat", parameters, read, content, with_usage_requested, only_usage, usage_follows)
