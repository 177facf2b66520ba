"""Answers of odd shape that compatible servers give, read as plain data."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from pydantic import BaseModel, ConfigDict

from callspan.events import Response
from callspan.formats.fields import plain
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.responses import RESPONSES
from callspan.formats.tgi.features import FEATURES


def read(wire_format: Any, *answers: dict[str, Any]) -> Response:
    """What chunks or a whole answer come to."""
    response = Response()
    for answer in answers:
        delta = wire_format.read(answer, True)
        if delta is not None:
            response.add(delta)
    return response


def said(response: Response) -> list[dict[str, Any]]:
    """The parts of the first choice."""
    return response.messages[0]["parts"]


def chunk(delta: dict[str, Any] | None, **beside: Any) -> dict[str, Any]:
    """One chunk with one choice."""
    return {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None, **beside}],
    }


def test_message_repeated_beside_the_delta() -> None:
    """Perplexity repeats the whole message so far in each chunk; only what is added counts."""
    pieces = [
        chunk({"content": "Ro"}, message={"content": "Ro"}),
        chunk({"content": "ses"}, message={"content": "Roses"}),
    ]
    assert read(CHAT, *pieces).text == "Roses"


def test_arguments_as_an_object() -> None:
    """Some servers give a tool's arguments as an object where OpenAI gives its text."""
    call = {"id": "1", "function": {"name": "price", "arguments": {"flower": "玫瑰"}}}
    response = read(
        CHAT, {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    )
    assert said(response) == [
        {"type": "tool_call", "id": "1", "name": "price", "arguments": {"flower": "玫瑰"}}
    ]


def test_legacy_function_call_in_pieces() -> None:
    """A function call of the old kind has neither index nor id; its pieces still make one call."""
    pieces = [chunk({"function_call": {"name": "price", "arguments": ""}})]
    pieces += [chunk({"function_call": {"arguments": text}}) for text in ('{"n"', ": 1}")]
    assert said(read(CHAT, *pieces)) == [
        {"type": "tool_call", "id": None, "name": "price", "arguments": {"n": 1}}
    ]


def test_reasoning_under_two_names() -> None:
    """Servers that give their reasoning under both usual names have thought once."""
    message = {"reasoning": "hm", "reasoning_content": "hm", "content": "yes"}
    response = read(CHAT, {"choices": [{"message": message, "finish_reason": "stop"}]})
    assert said(response) == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "yes"},
    ]


def test_usage_in_every_chunk() -> None:
    """Running totals are replaced, never summed."""
    pieces = [
        {**chunk({"content": "x"}), "usage": {"prompt_tokens": 3, "completion_tokens": n}}
        for n in (1, 2, 3)
    ]
    usage = read(CHAT, *pieces).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.total) == (3, 3, 6)


def test_usage_in_odd_places() -> None:
    """Groq's own field, the last choice, and DeepSeek's name for what came from its cache."""
    counts = {"prompt_tokens": 5, "completion_tokens": 2}
    groq = read(CHAT, {**chunk({}), "x_groq": {"usage": counts}}).usage
    choice = read(CHAT, chunk({}, usage=counts)).usage
    deepseek = read(CHAT, {"choices": [], "usage": {**counts, "prompt_cache_hit_tokens": 4}}).usage
    assert groq == choice
    assert deepseek is not None
    assert deepseek.cache_read == 4


def test_error_event_of_either_shape() -> None:
    """A stream's error event has its code beside it or within it."""
    for event in (
        {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down."},
        {
            "type": "error",
            "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."},
        },
    ):
        failure = read(RESPONSES, event).failure
        assert failure is not None
        assert (failure.type, failure.message) == ("rate_limit_exceeded", "Slow down.")


class Known(BaseModel):
    """A client's model, which keeps fields that it does not know."""

    model_config = ConfigDict(extra="allow")
    name: str


def test_plain_data_of_a_model() -> None:
    """A model becomes plain data with all that the provider sent, also where the client is older than a field."""
    sent = {"name": "rose", "thorns": {"many": True}, "kin": [{"name": "apple", "fruit": 1}]}
    assert plain(Known(**{**sent, "kin": [Known(name="apple", fruit=1)]})) == sent


def test_classes_of_the_app_are_let_go() -> None:
    """A class that an app makes while it runs goes once the app needs it no more."""
    first = type("First", (), {})
    kept = weakref.ref(first)
    plain(first())
    del first
    # more than are remembered
    for _ in range(1100):
        plain(type("Later", (), {})())
    gc.collect()
    assert kept() is None


def test_parameters_that_are_no_mapping() -> None:
    """Settings of embeddings that a server would refuse are passed over."""
    assert FEATURES.parameters({"inputs": "a", "parameters": ["b"]}) == {}
    assert FEATURES.parameters({"inputs": "a", "parameters": {"dimensions": 3}}) == {
        "dimensions": 3
    }
