"""Messages and documents of an answer in the words and fields of the conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.events import Call, Message, Outcome
from callspan.semconv.attributes import stop_sequences
from callspan.semconv.conventions import Convention

_STOP, _LENGTH, _FILTER = "stop", "length", "content_filter"
_TOOL_CALL, _ERROR, _UNKNOWN = "tool_call", "error", "unknown"
# what providers say, in small letters
_WORDS = {
    "complete": _STOP,
    "completed": _STOP,
    "end_turn": _STOP,
    "eos": _STOP,
    "eos_token": _STOP,
    "stop_sequence": _STOP,
    "max_output_tokens": _LENGTH,
    "max_tokens": _LENGTH,
    "model_context_window_exceeded": _LENGTH,
    "model_length": _LENGTH,
    "function_call": _TOOL_CALL,
    "tool_calls": _TOOL_CALL,
    "tool_use": _TOOL_CALL,
    "blocklist": _FILTER,
    "content_filtered": _FILTER,
    "error_toxic": _FILTER,
    "guardrail_intervened": _FILTER,
    "image_safety": _FILTER,
    "prohibited_content": _FILTER,
    "recitation": _FILTER,
    "refusal": _FILTER,
    "safety": _FILTER,
    "spii": _FILTER,
    "malformed_function_call": _ERROR,
    **{word: word for word in (_STOP, _LENGTH, _FILTER, _TOOL_CALL, _ERROR, "compaction")},
}
"""The conventions' words for why a message has ended; other words stay the provider's."""


def messages(call: Call, convention: Convention) -> list[Message]:
    """Return the messages of an answer, without those of which nothing was kept.

    Each has its finish reason in the conventions' words, unlike the attribute with the reasons of
    all choices, which has the provider's.
    """
    sequences = stop_sequences(call) or ()
    result: list[Message] = []
    for message in call.response.messages:
        if not message["parts"]:
            continue
        reason = message.get("finish_reason")
        if reason is not None:
            message["finish_reason"] = _word(reason, sequences)
        elif convention.needs_reason:
            message["finish_reason"] = _reason_of_outcome(call)
        result.append(message)
    return result


def _word(reason: str, sequences: list[str] | tuple[str, ...]) -> str:
    # some servers state the stop sequence itself as the reason
    if reason in sequences:
        return _STOP
    return _WORDS.get(reason.lower(), reason)


def _reason_of_outcome(call: Call) -> str:
    """Return the finish reason of a message for which there was none."""
    if call.outcome is not Outcome.COMPLETED:
        return _ERROR
    # an agent or a workflow that returns its answer has stopped by itself; of an API without
    # reasons, as those for images are, it is not known
    return _STOP if call.local else _UNKNOWN


def documents(items: list[Any], convention: Convention) -> list[Any]:
    """Return the documents of a search with the fields that they must have."""
    unknown_fields = convention.unknown_fields
    if not unknown_fields:
        return items
    return [_with_fields(item, unknown_fields) for item in items]


def _with_fields(item: Any, unknown_fields: Mapping[str, Mapping[str, object]]) -> Any:
    if not isinstance(item, Mapping):
        return item
    document = dict(item)
    for name, unknown in unknown_fields.items():
        if document.get(name) is None:
            document.update(unknown)
    return document
