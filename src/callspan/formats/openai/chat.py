"""OpenAI's chat completions, as spoken by OpenAI, Azure and the many compatible servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import REASONING, TEXT, TOOL_CALL, Content, Delta, Failure, Part, Usage, parsed
from callspan.formats import parts as parts
from callspan.formats.errors import read_failure
from callspan.formats.fields import (
    Body,
    all_fields,
    arguments_text,
    get,
    id_text,
    index_of,
    items,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai import billing as billing
from callspan.formats.openai.usage import read_shares, read_timings, read_usage

_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "random_seed": "seed",
    "n": "choices",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "reasoning_effort": "reasoning_level",
    "service_tier": "service_tier",
}
_BROKEN = "error"
"""The finish reason by which some servers say that a choice has failed."""
_DETAILS = ("service_tier", "system_fingerprint")


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    found = read_settings(body, _SETTINGS)
    found["api_type"] = "chat_completions"
    if ("response_format" in body or "modalities" in body) and (wanted := _output_type(body)):
        found["output_type"] = wanted
    if "reasoning" in body and (effort := get(body["reasoning"], "effort")) is not None:
        found.setdefault("reasoning_level", effort)
    if "web_search_options" in body or "-search-" in str(body.get("model")):
        # what is searched each time, without a word of how often, is paid for beside the tokens
        found["search_type"] = (
            text(get(body.get("web_search_options"), "search_type")) or "built_in"
        )
    return found


def _output_type(body: Body) -> str | None:
    wanted = parts.format_type(body.get("response_format"))
    return wanted or ("speech" if "audio" in items(body.get("modalities")) else None)


def content(body: Body) -> Content:
    """The conversation and the tools. System messages stay where they stand in it."""
    legacy = [{"type": "function", "function": item} for item in items(body.get("functions"))]
    return Content(
        messages=[_message(item) for item in items(body.get("messages"))],
        tools=parts.tools(body.get("tools") or legacy),
    )


def _message(item: Any) -> dict[str, Any]:
    role = get(item, "role") or "user"
    if role in ("tool", "function"):
        own_id = get(item, "tool_call_id") or get(item, "name")
        found = [
            {"type": "tool_call_response", "id": own_id, "response": _plain(get(item, "content"))}
        ]
    else:
        found = _said(get(item, "content"))
        found += (
            [{"type": TEXT, "content": text(get(item, "refusal"))}]
            if text(get(item, "refusal"))
            else []
        )
        found += [_asked(call) for call in items(get(item, "tool_calls"))]
        legacy = get(item, "function_call")
        found += [_asked({"function": legacy})] if legacy else []
    name = get(item, "name")
    return {"role": role, "parts": found, **({"name": name} if name else {})}


def _plain(value: Any) -> Any:
    """A tool's result: the text of it, or of its parts."""
    if isinstance(value, list):
        return "".join(part for item in value if (part := text(get(item, "text"))))
    return value


def _said(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"type": TEXT, "content": value}]
    return [piece for item in items(value) if (piece := _piece(item))]


def _piece(item: Any) -> dict[str, Any]:
    match get(item, "type"):
        case "text" | "refusal" as kind:
            return {"type": TEXT, "content": get(item, kind) or ""}
        case "image_url" | "document_url" as kind:
            url = get(item, kind)
            return parts.media(
                kind.removesuffix("_url"), url if isinstance(url, str) else get(url, "url")
            )
        case "input_audio":
            sound = get(item, "input_audio")
            if isinstance(sound, str):
                return parts.sound(sound)
            return parts.blob("audio", f"audio/{get(sound, 'format') or 'wav'}", get(sound, "data"))
        case "file":
            return parts.file(get(item, "file") or item)
        case "thinking":
            return {"type": REASONING, "content": _plain(get(item, "thinking"))}
        case kind:
            return {"type": str(kind or "unknown")}


def _asked(call: Any) -> dict[str, Any]:
    function = get(call, "function") or get(call, "custom") or {}
    arguments = get(function, "arguments")
    given = get(function, "input") if arguments is None else parsed(arguments)
    return {
        "type": TOOL_CALL,
        "id": get(call, "id"),
        "name": get(function, "name") or "",
        "arguments": given,
    }


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One chunk, or one whole completion."""
    told = all_fields(answer)
    choices, stated = told.get("choices"), told.get("usage")
    if type(choices) is not list:
        choices = items(choices)
    if (
        not needs_text
        and stated is None
        and len(choices) == 1
        and get(choices[0], "finish_reason") is None
    ):
        return None
    found: list[Part] = []
    reasons: list[tuple[int, str | None]] = []
    broken = False
    for place, choice in enumerate(choices):
        said = all_fields(choice)
        index = index_of(said)
        index = place if index is None else index
        # Mistral's and others' models on Bedrock have another name for it
        reason = text(said.get("finish_reason") or said.get("stop_reason"))
        reasons.append((index, reason))
        broken = broken or reason == _BROKEN
        if needs_text:
            piece, message = said.get("delta"), said.get("message")
            whole = piece is None or _is_whole(told, piece, message)
            found += _spoken(message if whole else piece, index, whole)
        if stated is None:
            stated = said.get("usage")  # where some servers put it
    if stated is None and "x_groq" in told:
        stated = get(told["x_groq"], "usage")
    delta = Delta(id_text(told.get("id")), text(told.get("model")), found, reasons)
    delta.usage = (
        read_timings(told["timings"])
        if stated is None and "timings" in told
        else read_usage(stated)
    )
    if "usage_breakdown" in told and delta.usage is not None:
        _break_down(delta.usage, told["usage_breakdown"], choices)
    delta.details = _details(told, choices, reasons)
    if stated is not None and (served := billing.conditions(stated)):
        delta.details = {**served, **(delta.details or {})}
    if broken or told.get("error") is not None or told.get("object") == "error":
        delta.failure = _failure(told, choices, broken)
    return delta


def _details(
    told: Mapping[str, Any], choices: list[Any], reasons: list[tuple[int, str | None]]
) -> Any:
    found: dict[str, Any] | None = None
    if told.get("service_tier") or told.get("system_fingerprint"):
        found = {name: value for name in _DETAILS if (value := text(told.get(name)))}
    if (
        reasons
        and reasons[0][1] is not None
        and (cost := billing.gateway_cost(choices[0])) is not None
    ):
        found = {**(found or {}), "cost_usd": cost}
    return found


def _break_down(counts: Usage, breakdown: Any, choices: list[Any]) -> None:
    """Add which models Groq's systems asked, and which tools they ran, as each has a price of its own."""
    counts.shares = read_shares(breakdown)
    if counts.shares:
        counts.details = billing.executed(choices) or None


def _is_whole(told: Mapping[str, Any], piece: Any, message: Any) -> bool:
    """Perplexity has both in every choice: in a chunk what it adds, and else a piece that is empty."""
    return bool(message) and told.get("object") == "chat.completion" and not get(piece, "content")


def _spoken(message: Any, choice: int, whole: bool) -> list[Part]:
    """The parts of a message or of a piece of one: only fields that are there are looked at, most are not."""
    found: list[Part] = []
    said = all_fields(message)
    for name, value in said.items():
        if value and name in _SAID and not (name == "reasoning" and said.get("reasoning_content")):
            found += _SAID[name](value, choice, whole)
    return found


def _thought(value: Any, choice: int, _whole: bool) -> list[Part]:
    return [Part(REASONING, said, choice)] if (said := text(value)) else []


def _text(value: Any, choice: int, _whole: bool) -> list[Part]:
    if isinstance(value, str):
        return [Part(TEXT, text(value) or "", choice)]
    return [piece for item in items(value) for piece in chunk(item, choice)]


def chunk(item: Any, choice: int, place: Any = None) -> list[Part]:
    """One item of a content that is a list: text, or a thought that has texts in it."""
    if get(item, "type") == "thinking":
        return (
            [Part(REASONING, thought, choice, place)]
            if (thought := _plain(get(item, "thinking")))
            else []
        )
    return [Part(TEXT, said, choice, place)] if (said := text(get(item, "text"))) else []


def _calls(value: Any, choice: int, whole: bool) -> list[Part]:
    found: list[Part] = []
    for place, call in enumerate(items(value)):
        inner = get(call, "function") or get(call, "custom")
        index = place if whole else index_of(call)
        found.append(_call_part(inner, choice, index, id_text(get(call, "id"))))
    return found


def _legacy_call(value: Any, choice: int, _whole: bool) -> list[Part]:
    return [_call_part(value, choice, None, None)]


def _sound(value: Any, choice: int, _whole: bool) -> list[Part]:
    transcript = text(get(value, "transcript"))
    return [Part(TEXT, transcript, choice, index="transcript")] if transcript else []


_SAID = {
    "reasoning_content": _thought,
    "reasoning": _thought,
    "content": _text,
    "refusal": _text,
    "function_call": _legacy_call,
    "tool_calls": _calls,
    "audio": _sound,
}


def _call_part(function: Any, choice: int, index: Any, own_id: str | None) -> Part:
    given = get(function, "arguments") or get(function, "input")
    return Part(
        TOOL_CALL, arguments_text(given), choice, index, own_id, text(get(function, "name"))
    )


def _failure(told: Mapping[str, Any], choices: list[Any], broken: bool) -> Failure | None:
    """Some gateways answer a failed call with status 200: an error stands in place of choices, or in a broken one."""
    stopped = any(get(choice, "finish_reason") for choice in choices)
    if stopped and not broken:
        return None
    if broken and not told.get("error"):
        wrong = next((choice for choice in choices if get(choice, "error")), None)
        return read_failure(wrong) or Failure(_BROKEN)
    return read_failure(told)


def with_usage_requested(body: Body) -> Body | None:
    """The body of a stream with usage asked for, unless the app has chosen for itself."""
    options = body.get("stream_options")
    if (options is not None and not isinstance(options, Mapping)) or "include_usage" in (
        options or {}
    ):
        return None
    return {**body, "stream_options": {**(options or {}), "include_usage": True}}


def only_usage(chunk: Any) -> bool:
    """Whether a chunk is there for the counts alone."""
    return get(chunk, "usage") is not None and not get(chunk, "choices")


def usage_follows(body: Body) -> bool:
    """Whether the app asked for the counts, which come in a chunk of their own; OpenRouter has a name of its own."""
    asked = get(body.get("stream_options"), "include_usage") or get(body.get("usage"), "include")
    return asked is True


CHAT = Format("chat", parameters, read, content, with_usage_requested, only_usage, usage_follows)
