"""Gemini's interactions: whole, or streamed as events.

Older clients have outputs (contents), newer ones have steps.
"""

from __future__ import annotations

from collections.abc import Callable

from callspan.events import (
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Failure,
    MessagePart,
    ParameterName,
    Parameters,
    Part,
)
from callspan.events.ending import CANCELLED_BY_PROVIDER
from callspan.formats import parts
from callspan.formats.errors import OTHER, error_message, failure_type
from callspan.formats.fields import (
    Body,
    Index,
    Item,
    arguments_text,
    get,
    get_first,
    id_text,
    index_of,
    items,
    plain,
    read_settings,
    string,
    text,
    text_of,
)
from callspan.formats.format import Format
from callspan.formats.gemini.interaction_usage import read_usage
from callspan.runtime.number import http_status

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "thinking_level": "reasoning_level",
}
_FINISH = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "incomplete",
    "cancelled": "cancelled",
}
"""Finish reasons by the status of an interaction, which has no reason of its own."""
_MEDIA = ("image", "audio", "video", "document")
_EMPTY = ("", "model_output", "user_input")
_RESULT = "_result"


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    settings = read_settings(body.get("generation_config"), _SETTINGS)
    interaction = text(body.get("previous_interaction_id"))
    if interaction:
        settings["previous_response_id"] = interaction
    tier = text(body.get("service_tier"))
    if tier:
        settings["service_tier"] = tier
    return settings


def content(body: Body) -> Content:
    """Return the system instruction, the input, and the tools."""
    return Content(
        messages=parts.user_messages(_input_parts(body.get("input"))),
        system=parts.text_parts(text(body.get("system_instruction"))),
        tools=parts.tools([plain(tool) for tool in items(body.get("tools"))]),
    )


def _input_parts(value: Item) -> list[MessagePart]:
    """Return the parts of an input: a text, contents, or turns and steps that have contents."""
    if isinstance(value, str):
        return [parts.text_part(value)]
    # one content may stand without a list
    inputs = value if isinstance(value, (list, tuple)) else [value]
    pieces: list[Part] = []
    for item in inputs:
        pieces += _parts(item, None)
    return parts.message_parts(pieces)


def _parts(item: Item, index: Index) -> list[Part]:
    """Return the parts of one content, turn or step."""
    inner = get(item, "content")
    if isinstance(inner, str):
        return [Part(TEXT, inner, index=index)]
    if isinstance(inner, (list, tuple)):
        pieces: list[Part] = []
        for inner_item in inner:
            pieces += _parts(inner_item, index)
        return pieces
    kind = string(get(item, "type"))
    match kind:
        case "text":
            return _fragments(TEXT, [item], index)
        # a whole thought has its summary in a list, a piece of one in `content`
        case "thought" | "thought_summary":
            return _fragments(REASONING, [*items(get(item, "summary")), inner], index)
        case "function_call":
            return [_function_call(item, index)]
        case _:
            return _whole_parts(kind, item, index)


def _fragments(kind: str, sources: list[Item], index: Index) -> list[Part]:
    pieces: list[Part] = []
    for source in sources:
        fragment = text(get(source, "text"))
        if fragment:
            pieces.append(Part(kind, fragment, index=index))
    return pieces


def _function_call(item: Item, index: Index) -> Part:
    # In a stream a step begins with an empty object, and its arguments follow as text.
    arguments = arguments_text(get(item, "arguments"))
    call_id = id_text(get(item, "id"))
    return Part(TOOL_CALL, arguments, 0, index, call_id, text(get(item, "name")))


def _whole_parts(kind: str, item: Item, index: Index) -> list[Part]:
    """Return the parts of a content that is no text: it arrives whole."""
    if kind in _MEDIA:
        return [parts.whole_part(_media(kind, item), index)]
    if kind.endswith(_RESULT):
        response = parts.tool_response(id_text(get(item, "call_id")), plain(get(item, "result")))
        return [parts.whole_part(response, index)]
    # a content without a type is one that came to nothing
    if kind in _EMPTY or "signature" in kind:
        return []  # signatures of thoughts are not for reading
    return [Part(kind, index=index, data={})]


def _media(kind: str, item: Item) -> MessagePart:
    uri = text(get(item, "uri"))
    if uri:
        return parts.media_at(kind, uri)
    return parts.blob(kind, text_of(item, "mime_type"), get(item, "data"))


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole interaction."""
    # a whole interaction has no type of event
    kind = text(get(answer, "event_type"))
    if kind in _PIECES:
        return Delta(parts=_PIECES[kind](answer)) if needs_text else None
    match kind:
        case "interaction.start" | "interaction.created":
            interaction = get(answer, "interaction")
            return Delta(
                id=id_text(get(interaction, "id")),
                model=text(get(interaction, "model")),
                finish_reasons=((0, None),),
            )
        case "interaction.complete" | "interaction.completed":
            return _whole(get(answer, "interaction"), needs_text)
    error = get(answer, "error")
    # a failed interaction has both, and is read as a whole one below
    if error is not None and not get(answer, "status"):
        return Delta(failure=_event_failure(error), last=True)
    if kind is not None:
        return None
    return _whole(answer, needs_text)


def _step_start(event: Item) -> list[Part]:
    return _parts(get_first(event, "step", "content"), index_of(event))


def _event_failure(error: Item) -> Failure:
    code = failure_type(error, "status", "code")
    return Failure(code, error_message(error), http_status(get(error, "code")))


def _fragment(event: Item) -> list[Part]:
    delta = get(event, "delta")
    index = index_of(event)
    kind = get(delta, "type")
    if kind == "arguments_delta":
        return [Part(TOOL_CALL, string(get(delta, "arguments")), index=index)]
    if kind == "thought_summary":
        return _fragments(REASONING, [get(delta, "content")], index)
    return _parts(delta, index)


_PIECES: dict[str, Callable[[Item], list[Part]]] = {
    "step.delta": _fragment,
    "content.delta": _fragment,
    "step.start": _step_start,
    "content.start": _step_start,
}
"""How the events with pieces of an answer are read, by their types."""


def _whole(interaction: Item, needs_text: bool) -> Delta:
    status = string(get(interaction, "status"))
    pieces = _output(interaction) if needs_text else []
    delta = Delta(
        id=id_text(get(interaction, "id")),
        model=text(get(interaction, "model")),
        parts=pieces,
        usage=read_usage(get(interaction, "usage")),
        failure=_failure(status, get(interaction, "error")),
        # the last event may leave out what was streamed (tests/test_google_genai.py)
        whole=bool(pieces),
    )
    if status in _FINISH:
        delta.finish_reasons = ((0, _FINISH[status]),)
        delta.last = True
    tier = text(get(interaction, "service_tier"))
    if tier:
        delta.details = {"service_tier": tier}
    return delta


def _output(interaction: Item) -> list[Part]:
    steps = items(get(interaction, "steps")) or items(get(interaction, "outputs"))
    # the app's own input is a step as well
    model_steps = [step for step in steps if get(step, "type") != "user_input"]
    pieces: list[Part] = []
    for index, step in enumerate(model_steps):
        pieces += _parts(step, index)
    return pieces


def _failure(status: str, error: Item) -> Failure | None:
    if status == "cancelled":
        return Failure(CANCELLED_BY_PROVIDER)
    if status != "failed":
        return None
    code = failure_type(error, "status", "code")
    # a failed interaction need not say why
    if code == OTHER:
        code = status
    return Failure(code, error_message(error))


INTERACTIONS = Format("generate_content", parameters, read, content)
