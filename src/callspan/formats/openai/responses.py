"""OpenAI's responses: whole, streamed as events, and fetched again by their id."""

from __future__ import annotations

from typing import Any

from callspan.events import (
    CANCELLED_BY_PROVIDER,
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Failure,
    Fetched,
    Part,
    shown,
)
from callspan.formats import parts as parts
from callspan.formats.errors import OTHER, failure_type, read_failure
from callspan.formats.fields import (
    Body,
    all_fields,
    arguments_text,
    get,
    id_text,
    index_of,
    items,
    plain,
    read_settings,
    text,
)
from callspan.formats.format import Format
from callspan.formats.openai.tools import tools_used
from callspan.formats.openai.usage import read_usage

_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "service_tier": "service_tier",
    "previous_response_id": "previous_response_id",
}
_FINISH = {"max_output_tokens": "length", "content_filter": "content_filter"}
_CLIENT_TOOLS = ("function_call", "custom_tool_call")
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


def parameters(body: Body) -> dict[str, Any]:
    """The request's settings."""
    found = read_settings(body, _SETTINGS)
    found["api_type"] = "responses"
    if body.get("background") is True:
        found["background"] = True
    derived = {
        "reasoning_level": get(body.get("reasoning"), "effort"),
        "output_type": parts.format_type(
            get(body.get("text"), "format") or body.get("text_format")
        ),
        "conversation_id": get(body.get("conversation"), "id") or text(body.get("conversation")),
    }
    return found | {name: value for name, value in derived.items() if value is not None}


def content(body: Body) -> Content:
    """Instructions, the items of the input as messages, and the tools."""
    instructions, given = text(body.get("instructions")), body.get("input")
    asked = [{"role": "user", "content": given}] if isinstance(given, str) else items(given)
    return Content(
        messages=[_sent(item) for item in asked if get(item, "type") != "item_reference"],
        system=[{"type": TEXT, "content": instructions}] if instructions else [],
        tools=parts.tools(body.get("tools")),
    )


def _sent(item: Any) -> dict[str, Any]:
    kind = text(get(item, "type")) or "message"
    if kind == "message":
        said = get(item, "content")
        found = (
            [{"type": TEXT, "content": said}]
            if isinstance(said, str)
            else [_piece(part) for part in items(said)]
        )
        return {"role": get(item, "role") or "user", "parts": [part for part in found if part]}
    if kind.endswith("_call_output"):
        response = {
            "type": "tool_call_response",
            "id": get(item, "call_id"),
            "response": plain(get(item, "output")),
        }
        return {"role": "tool", "parts": [response]}
    return {"role": "assistant", "parts": [shown(part, part.text) for part in _output(item, 0)]}


def _piece(piece: Any) -> dict[str, Any]:
    match get(piece, "type"):
        case "input_text" | "output_text" | "text" | "summary_text":
            return {"type": TEXT, "content": text(get(piece, "text")) or ""}
        case "refusal":
            return {"type": TEXT, "content": text(get(piece, "refusal")) or ""}
        case "input_image":
            if get(piece, "file_id"):
                return {"type": "file", "modality": "image", "file_id": get(piece, "file_id")}
            return parts.media("image", get(piece, "image_url"))
        case "input_audio":
            sound = get(piece, "input_audio")
            return parts.blob("audio", f"audio/{get(sound, 'format') or 'wav'}", get(sound, "data"))
        case "input_file":
            return parts.file(piece)
        case kind:
            return {"type": str(kind or "unknown")}


def read(answer: Any, needs_text: bool) -> Delta | None:
    """One event of a stream, or one whole response."""
    kind = get(answer, "type")
    if not isinstance(kind, str):
        return _whole(answer, needs_text)
    if kind in _ENDS:
        return _whole(get(answer, "response"), needs_text, kind.removeprefix("response."))
    if kind in ("response.created", "response.queued", "response.in_progress"):
        begun = get(answer, "response")
        return Delta(
            id=id_text(get(begun, "id")),
            model=text(get(begun, "model")),
            finish_reasons=((0, None),),
        )
    if kind == "error":
        told = get(answer, "error") or answer
        code = (
            failure_type(told, "code", "type") if told is not answer else failure_type(told, "code")
        )
        return Delta(failure=Failure(code, str(get(told, "message") or "")), last=True)
    return _piece_of_stream(kind, answer) if needs_text else None


def _piece_of_stream(kind: str, event: Any) -> Delta | None:
    place = index_of(event, "output_index")
    fragment = text(get(event, "delta")) or ""
    match kind.removeprefix("response."):
        case "output_text.delta" | "refusal.delta":
            part = Part(TEXT, fragment, index=(place, index_of(event, "content_index")))
        case "reasoning_summary_text.delta" | "reasoning_text.delta":
            part = Part(REASONING, fragment, index=(place, index_of(event, "summary_index")))
        case "function_call_arguments.delta" | "custom_tool_call_input.delta":
            part = Part(TOOL_CALL, fragment, index=place)
        case "output_item.added" if get(get(event, "item"), "type") in _CLIENT_TOOLS:
            item = get(event, "item")
            part = Part(
                TOOL_CALL,
                index=place,
                id=id_text(get(item, "call_id")),
                name=text(get(item, "name")),
            )
        case _:
            return None
    return Delta(parts=(part,))


def _whole(response: Any, needs_text: bool, ending: str | None = None) -> Delta:
    status = text(get(response, "status")) or ending
    reason = finish_reason(response, status)
    counts = read_usage(get(response, "usage"))
    details = _details(response)
    if counts is not None:
        tools_used(response, counts, details)
    return Delta(
        id=id_text(get(response, "id")),
        model=text(get(response, "model")),
        parts=output(response) if needs_text else (),
        finish_reasons=((0, reason),) if reason else (),
        usage=counts,
        details=details or None,
        failure=_failure(response, status),
        whole=bool(
            items(get(response, "output"))
        ),  # some servers leave out what they have streamed
        last=reason is not None,
    )


def _details(response: Any) -> dict[str, Any]:
    tier = text(get(response, "service_tier"))
    return {"service_tier": tier} if tier else {}


def finish_reason(response: Any, status: str | None) -> str | None:
    """Why the model stopped, which this API does not say in so many words; `None` while it goes on."""
    match status:
        case "completed":
            asked = any(
                get(item, "type") in _CLIENT_TOOLS for item in items(get(response, "output"))
            )
            return "tool_call" if asked else "stop"
        case "incomplete":
            reason = text(get(get(response, "incomplete_details"), "reason"))
            return _FINISH.get(reason or "", reason) or "incomplete"
        case "failed" | "cancelled":
            return "error"
        case _:
            return None


def _failure(response: Any, status: str | None) -> Failure | None:
    """Why the model failed: servers also answer so where they had no response to give, with status 200."""
    failure = read_failure(response)
    if failure is not None or status not in ("failed", "cancelled"):
        return failure
    return Failure(CANCELLED_BY_PROVIDER if status == "cancelled" else OTHER)


def output(response: Any) -> list[Part]:
    """The items of the output as parts of one message."""
    return [
        part
        for place, item in enumerate(items(get(response, "output")))
        for part in _output(item, place)
    ]


def _output(item: Any, place: int) -> list[Part]:
    match get(item, "type"):
        case "message":
            pieces = [_piece(piece) for piece in items(get(item, "content"))]
            return [
                Part(TEXT, piece.get("content", ""), index=(place, n))
                for n, piece in enumerate(pieces)
            ]
        case "reasoning":
            said = [*items(get(item, "summary")), *items(get(item, "content"))]
            thoughts = [text(get(thought, "text")) or "" for thought in said]
            return [
                Part(REASONING, thought, index=(place, n)) for n, thought in enumerate(thoughts)
            ]
        case "function_call" | "custom_tool_call" as kind:
            arguments = get(item, "arguments" if kind == "function_call" else "input")
            return [
                Part(
                    TOOL_CALL,
                    arguments_text(arguments),
                    0,
                    place,
                    id_text(get(item, "call_id")),
                    text(get(item, "name")),
                )
            ]
        case "compaction":
            return [Part("compaction", index=place, data={"id": id_text(get(item, "id"))})]
        case kind:
            return [_server_tool(str(kind or "unknown"), item, place)]


def _server_tool(kind: str, item: Any, place: int) -> Part:
    """A tool that the provider ran by itself: what it was asked, and what it found where that is told."""
    name = kind.removesuffix("_call")
    said = ((key, plain(value)) for key, value in all_fields(item).items() if value is not None)
    told = {key: value for key, value in said if key not in ("id", "type", "status")}
    own_id = id_text(get(item, "id")) or id_text(get(item, "call_id"))
    return Part(
        "server_tool_call",
        index=place,
        data={
            "id": own_id,
            "name": text(get(item, "name")) or name,
            "server_tool_call": {"type": name, **told},
        },
    )


def fetch_parameters(body: Body) -> dict[str, Any]:
    """Which response is fetched, and from where its events are resumed."""
    cursor = body.get("starting_after")
    found: dict[str, Any] = {"api_type": "responses", "response_id": body.get("id")}
    return found | ({"stream_cursor": str(cursor)} if cursor is not None else {})


def fetch_read(answer: Any, needs_text: bool) -> Delta | None:
    """A fetched response. That it failed once is its state; fetching it went well.

    Its tokens are those of the call that made it: they go to that, if it was not told them itself.
    """
    delta = read(answer, needs_text)
    if delta is None or get(answer, "type") == "error":
        return delta
    status = text(get(answer, "status")) or text(get(get(answer, "response"), "status"))
    if status:
        delta.failure = None
        known = dict(delta.details or {})
        delta.details = {**known, "status": status, "fetched": Fetched(status, delta.usage, known)}
    delta.usage = None
    return delta


def read_compaction(answer: Any, needs_text: bool) -> Delta | None:
    """What is left of a conversation that a model has made shorter; the API says nothing of why it stopped."""
    delta = _whole(answer, needs_text)
    delta.last = delta.failure is None
    delta.finish_reasons = ((0, "compaction"),) if delta.last else ()
    return delta


RESPONSES = Format("chat", parameters, read, content)
COMPACTION = Format("chat", parameters, read_compaction, content)
FETCH = Format("fetch_response", fetch_parameters, fetch_read)
