"""OpenAI's responses: whole, streamed as events, and fetched again by their id."""

from __future__ import annotations

from callspan.events import (
    CANCELLED_BY_PROVIDER,
    REASONING,
    TEXT,
    TOOL_CALL,
    Content,
    Delta,
    Details,
    Failure,
    Fetched,
    MessagePart,
    ParameterName,
    Parameters,
    Part,
)
from callspan.formats import parts
from callspan.formats.errors import OTHER, error_message, failure_type, read_failure
from callspan.formats.fields import (
    Body,
    Item,
    add_settings,
    all_fields,
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
from callspan.formats.openai.response_items import (
    CLIENT_TOOLS,
    content_part,
    message,
    output,
    tool_call,
)
from callspan.formats.openai.tools import add_tool_uses
from callspan.formats.usage import read_usage
from callspan.runtime.plain import valid

_SETTINGS: dict[str, ParameterName] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "service_tier": "service_tier",
    "previous_response_id": "previous_response_id",
}
_FINISH = {"max_output_tokens": "length", "content_filter": "content_filter"}
_STARTS = ("response.created", "response.queued", "response.in_progress")
ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


def parameters(body: Body) -> Parameters:
    """Return the request's settings."""
    settings = read_settings(body, _SETTINGS)
    settings["api_type"] = "responses"
    if body.get("background") is True:
        settings["background"] = True
    conversation = body.get("conversation")
    prompt = body.get("prompt")
    response_format = get(body.get("text"), "format") or body.get("text_format")
    values: Parameters = {
        "reasoning_level": get(body.get("reasoning"), "effort"),
        "output_type": parts.format_type(response_format),
        "conversation_id": get(conversation, "id") or text(conversation),
        # the API has no name for a prompt, and the conventions want what tells it apart
        "prompt_name": get(prompt, "id"),
        "prompt_version": get(prompt, "version"),
    }
    return add_settings(settings, values)


def content(body: Body) -> Content:
    """Return the instructions, the items of the input as messages, and the tools."""
    source = body.get("input")
    inputs = items(source)
    if isinstance(source, str):
        inputs = [{"role": "user", "content": source}]
    return Content(
        # a reference names an item that the server keeps: there is nothing of it in the request
        messages=[message(item) for item in inputs if get(item, "type") != "item_reference"],
        system=parts.text_parts(text(body.get("instructions"))),
        tools=parts.tools(body.get("tools")),
        variables=_variables(get(body.get("prompt"), "variables")),
    )


def _variables(source: Item) -> dict[str, str | MessagePart]:
    """Return the variables of a prompt: texts, or the parts that images and files are."""
    variables: dict[str, str | MessagePart] = {}
    for name, value in all_fields(source).items():
        part = None if isinstance(value, str) else content_part(value)
        if part is None:
            variables[valid(name)] = string(value)
        elif part["type"] == TEXT:
            variables[valid(name)] = part.get("content", "")
        else:
            variables[valid(name)] = part
    return variables


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one event of a stream, or one whole response."""
    kind = get(answer, "type")
    if not isinstance(kind, str):  # a whole response has an `object` in place of a type
        return _whole(answer, needs_text)
    if kind in ENDS:
        return _end(answer, needs_text, kind.removeprefix("response."))
    if kind in _STARTS:
        response = get(answer, "response")
        return Delta(
            id=id_text(get(response, "id")),
            model=text(get(response, "model")),
            # begins the choice, so that a stream that breaks off has one without a reason
            finish_reasons=((0, None),),
        )
    if kind == "error":
        return Delta(failure=error_of_event(answer), last=True)
    # all other events are pieces of text, or repeat such pieces when one is complete
    if not needs_text:
        return None
    return piece_of_stream(kind, answer)


def _end(event: Item, needs_text: bool, status: str) -> Delta:
    delta = _whole(get(event, "response"), needs_text, status)
    # Perplexity's failed responses have the error in place of the response
    if status == "failed" and get(event, "response") is None and get(event, "error"):
        delta.failure = error_of_event(event)
    return delta


def error_of_event(event: Item) -> Failure:
    """Return the error of a stream's event, which has its code beside the type or within."""
    error = get(event, "error")
    if error:
        return Failure(failure_type(error, "code", "type"), error_message(error))
    return Failure(failure_type(event, "code"), error_message(event))


def piece_of_stream(kind: str, event: Item) -> Delta | None:
    """Read an event with a piece of text, of a thought or of a call; `None` for all others."""
    index = index_of(event, "output_index")
    fragment = string(get(event, "delta"))
    match kind.removeprefix("response."):
        case "output_text.delta" | "refusal.delta" | "text.delta":
            part = Part(TEXT, fragment, index=(index, index_of(event, "content_index")))
        # of Realtime sessions, as is `text.delta`
        case "output_audio_transcript.delta" | "audio_transcript.delta":
            part = Part(TEXT, fragment, index=(index, index_of(event, "content_index")))
        case "reasoning_summary_text.delta":
            part = Part(REASONING, fragment, index=(index, index_of(event, "summary_index")))
        case "reasoning_text.delta":
            part = Part(REASONING, fragment, index=(index, index_of(event, "content_index")))
        case "function_call_arguments.delta" | "custom_tool_call_input.delta":
            part = Part(TOOL_CALL, fragment, index=index)
        case "output_item.added" if get_nested(event, "item", "type") in CLIENT_TOOLS:
            # the arguments follow in events of their own
            part = tool_call(get(event, "item"), index)
        case _:
            # tools of the provider's are left to the end, which has them whole
            return None
    return Delta(parts=(part,))


def _whole(response: Item, needs_text: bool, event_status: str | None = None) -> Delta:
    # the event's name serves where its response is left out (tests/test_closing_events.py)
    status = text(get(response, "status")) or event_status
    reason = text(get_nested(response, "incomplete_details", "reason"))
    reason = finish_reason(response, status, reason)
    details: Details = {}
    tier = text(get(response, "service_tier"))
    if tier:
        details["service_tier"] = tier
    usage = read_usage(get(response, "usage"))
    if usage is not None:
        add_tool_uses(response, usage, details)
    return Delta(
        id=id_text(get(response, "id")),
        model=text(get(response, "model")),
        parts=output(response) if needs_text else (),
        finish_reasons=((0, reason),) if reason else (),
        usage=usage,
        details=details,
        failure=_failure(response, status),
        # Some servers leave out of the end what they have streamed before.
        whole=bool(items(get(response, "output"))),
        last=reason is not None,
    )


def finish_reason(response: Item, status: str | None, reason: str | None) -> str | None:
    """Return why the model stopped, which this API does not state; `None` while it goes on.

    Args:
        response: The response.
        status: Its status.
        reason: Why it is incomplete, if it is.
    """
    match status:
        # a call of a tool is the reason, though the API says `completed` for it as well
        case "completed":
            for item in items(get(response, "output")):
                if get(item, "type") in CLIENT_TOOLS:
                    return "tool_call"
            return "stop"
        case "incomplete":
            if reason is None:
                return "incomplete"
            return _FINISH.get(reason, reason)
        case "failed" | "cancelled":
            return "error"
        case _:
            return None


def _failure(response: Item, status: str | None) -> Failure | None:
    """Return why the model failed. Servers also answer so, with status 200, without a response."""
    failure = read_failure(response)
    if failure is not None:
        return failure
    if status == "cancelled":
        return Failure(CANCELLED_BY_PROVIDER)
    if status == "failed":
        return Failure(OTHER)
    return None


def fetch_parameters(body: Body) -> Parameters:
    """Return which response is fetched, and from where its events are resumed."""
    settings: Parameters = {"api_type": "responses", "response_id": body.get("id")}
    cursor = body.get("starting_after")
    if cursor is not None:
        settings["stream_cursor"] = str(cursor)
    return settings


def fetch_read(answer: Item, needs_text: bool) -> Delta | None:
    """Read a fetched response. If it failed, that is its state: to fetch it went well.

    Its tokens are those of the call that made it, and go there if that call did not get them.
    """
    delta = read(answer, needs_text)
    if delta is None or get(answer, "type") == "error":
        return delta
    status = text(get(answer, "status")) or text(get_nested(answer, "response", "status"))
    if status:
        delta.failure = None
        details: Details = {**(delta.details or {})}
        fetched = Fetched(status, delta.usage, details)
        delta.details = {**details, "status": status, "fetched": fetched}
    # never twice: a response may be fetched often (docs/decisions/0053)
    delta.usage = None
    return delta


def read_compaction(answer: Item, needs_text: bool) -> Delta | None:
    """Read a conversation that a model has made shorter; the API gives no reason for its end."""
    delta = _whole(answer, needs_text)
    # It has no status either: it is complete unless it states an error.
    delta.last = delta.failure is None
    delta.finish_reasons = ((0, "compaction"),) if delta.last else ()
    return delta


RESPONSES = Format("chat", parameters, read, content)
COMPACTION = Format("chat", parameters, read_compaction, content)
FETCH = Format("fetch_response", fetch_parameters, fetch_read)
