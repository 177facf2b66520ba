"""What a client's own parsing raises after the answer has come: the app gets it, and the call has its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import anthropic
import ollama
import openai
import pydantic
import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from clients import (
    anthropic_at,
    async_anthropic_at,
    async_openai_client,
    openai_client,
    stainless_at,
)
from creating import ollama_client
from program import CHAT, HELLO, MODEL
from telemetry import Telemetry

SAID = '{"flower": "ro'
INPUT, OUTPUT = 5, 3
LENGTH, FILTER = "openai.LengthFinishReasonError", "openai.ContentFilterFinishReasonError"
INVALID = "pydantic_core._pydantic_core.ValidationError"


class Flower(pydantic.BaseModel):
    """What the app wants to have."""

    flower: str


def chat_answer(reason: str = "stop", **fields: Any) -> dict[str, Any]:
    """A chat completion whose text is no flower."""
    message = {"role": "assistant", "content": SAID, "refusal": None}
    usage = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    head = {"id": "answer-1", "object": "chat.completion", "created": 1_790_000_000, "model": MODEL}
    return {**head, "choices": [choice], "usage": usage, **fields}


def response() -> dict[str, Any]:
    """A response of the same kind."""
    text = {"type": "output_text", "text": SAID, "annotations": []}
    message = {
        "type": "message",
        "id": "m-1",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
    head = {"id": "answer-1", "object": "response", "created_at": 1_790_000_000, "model": MODEL}
    return {**head, "status": "completed", "output": [message], "usage": usage}


def claude() -> dict[str, Any]:
    """A message of Anthropic's of the same kind."""
    head = {"id": "answer-1", "type": "message", "role": "assistant", "model": "claude-flowers"}
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT}
    return {
        **head,
        "content": [{"type": "text", "text": SAID}],
        "stop_reason": "end_turn",
        "usage": usage,
    }


Ask = Callable[[Any], Any]
CASES: dict[str, tuple[dict[str, Any], str, Ask, str, str]] = {
    "cut": (
        chat_answer("length"),
        "openai",
        lambda c: _parse(c.chat.completions),
        LENGTH,
        "length",
    ),
    "filtered": (
        chat_answer("content_filter"),
        "openai",
        lambda c: _parse(c.chat.completions),
        FILTER,
        "content_filter",
    ),
    "not valid": (chat_answer(), "openai", lambda c: _parse(c.chat.completions), INVALID, "stop"),
    "beta": (
        chat_answer("length"),
        "openai",
        lambda c: _parse(c.beta.chat.completions),
        LENGTH,
        "length",
    ),
    "responses": (
        response(),
        "openai",
        lambda c: c.responses.parse(model=MODEL, input="Roses?", text_format=Flower),
        INVALID,
        "stop",
    ),
    "strict": (
        chat_answer(choices="none", created="long ago"),
        "strict",
        lambda c: c.chat.completions.create(**CHAT),
        "openai.APIResponseValidationError",
        "",
    ),
    "anthropic": (
        claude(),
        "anthropic",
        lambda c: c.messages.parse(
            model="claude-flowers", messages=HELLO, max_tokens=9, output_format=Flower
        ),
        INVALID,
        "end_turn",
    ),
    "groq": (
        chat_answer(choices="none", created="long ago", x=1),
        "groq",
        lambda c: c.chat.completions.create(**CHAT),
        "groq.APIResponseValidationError",
        "",
    ),
}
STRICT: dict[str, Any] = {"_strict_response_validation": True}
CLIENTS: Mapping[str, tuple[Callable[[str], Any], Callable[[str], Any]]] = {
    "openai": (openai_client, async_openai_client),
    "strict": (
        lambda url: openai_client(url, **STRICT),
        lambda url: async_openai_client(url, **STRICT),
    ),
    "anthropic": (anthropic_at, async_anthropic_at),
    "groq": (stainless_at("groq", "Groq", **STRICT), stainless_at("groq", "AsyncGroq", **STRICT)),
}


def _parse(completions: Any) -> Any:
    return completions.parse(**CHAT, response_format=Flower)


def raised(kind: str, ask: Ask, url: str, asynchronous: bool) -> Exception:
    """What reaches the app, in sync or async code."""

    async def aask() -> None:
        async with CLIENTS[kind][1](url) as client:
            await ask(client)

    def ask_now() -> None:
        with CLIENTS[kind][0](url) as client:
            ask(client)

    with pytest.raises(Exception) as error:  # noqa: PT011  which one it is, is what the tests look at
        asyncio.run(aask()) if asynchronous else ask_now()
    return error.value


def qualified(error: Exception) -> str:
    """The name of an exception's class."""
    return f"{type(error).__module__}.{type(error).__qualname__}"


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@BOTH
@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_told(
    telemetry: Telemetry, model_server: ModelServer, name: str, asynchronous: bool
) -> None:
    """The call is an error by the exception's class, with id, model, reason, tokens and text of the answer."""
    body, kind, ask, expected, reason = CASES[name]
    if name == "anthropic" and not hasattr(anthropic.Anthropic(api_key="any").messages, "parse"):
        pytest.skip("an old version of the client")
    telemetry.instrument(capture="both")
    model_server.enqueue(Reply(raw=json.dumps(body)))
    with callspan.count_tokens() as count, callspan.budget(tokens=10_000) as budget:
        error = raised(kind, ask, model_server.url, asynchronous)
    attributes = telemetry.attributes
    assert qualified(error) == expected
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", expected)
    assert attributes["gen_ai.response.id"] == "answer-1"
    assert attributes.get("gen_ai.response.finish_reasons", ("",)) == (reason,)
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        INPUT,
        OUTPUT,
    )
    assert (
        not reason
        or json.loads(attributes["gen_ai.output.messages"])[0]["parts"][0]["content"] == SAID
    )
    assert telemetry.tokens == {"input": INPUT, "output": OUTPUT}
    assert (count.calls, count.failed_calls, count.unknown_calls, count.total) == (
        1,
        1,
        0,
        INPUT + OUTPUT,
    )
    assert (budget.spent["calls"], budget.spent["tokens"]) == (1, INPUT + OUTPUT)


@BOTH
def test_the_exception_is_the_clients_own(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """It has all that the client has put into it, and no other has taken its place."""
    model_server.enqueue(Reply(raw=json.dumps(chat_answer("length"))))
    error = raised(
        "openai", lambda client: _parse(client.chat.completions), model_server.url, asynchronous
    )
    assert isinstance(error, openai.LengthFinishReasonError)
    assert error.completion.id == "answer-1"
    assert error.__cause__ is None


@pytest.mark.parametrize("name", ["cut", "not valid"])
def test_content_stays_here_while_capture_is_off(
    telemetry: Telemetry, model_server: ModelServer, name: str
) -> None:
    """Neither the text of the answer nor the words of the exception, which quote it, leave the process."""
    body, kind, ask, *_ = CASES[name]
    model_server.enqueue(Reply(raw=json.dumps(body)))
    raised(kind, ask, model_server.url, False)
    assert "flower" not in telemetry.everything()


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("way", ["raw", "streaming"])
def test_a_raw_response_that_the_app_parses(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, way: str
) -> None:
    """The call was over when the app got the response: it is completed, with its answer, and `parse()` raises."""
    model_server.enqueue(Reply(raw=json.dumps(chat_answer("length"))))
    completions = client.chat.completions

    def parse() -> None:
        if way == "raw":
            _parse(completions.with_raw_response).parse()
            return
        with _parse(completions.with_streaming_response) as raw:
            raw.parse()

    with pytest.raises(openai.LengthFinishReasonError):
        parse()
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["gen_ai.response.finish_reasons"]) == (
        "completed",
        ("length",),
    )
    assert attributes["gen_ai.usage.output_tokens"] == OUTPUT
    assert "flower" in attributes["gen_ai.output.messages"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_an_answer_that_ollamas_models_refuse(
    telemetry: Telemetry, model_server: ModelServer, stream: bool
) -> None:
    """Its client makes a model of each answer within the request; the counts in one that is refused are counted."""
    last = {"model": "flowers-8b", "message": {"role": 5}, "done": True, "done_reason": "stop"}
    body = json.dumps({**last, "prompt_eval_count": INPUT, "eval_count": OUTPUT})
    model_server.enqueue(Reply(raw=body))
    client: ollama.Client = ollama_client(model_server.url)
    with pytest.raises(pydantic.ValidationError):
        list(client.chat(model="flowers-8b", messages=HELLO, stream=stream))  # type: ignore[call-overload]
    attributes = telemetry.attributes
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", INVALID)
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        INPUT,
        OUTPUT,
    )
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_what_the_provider_says_comes_first(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """An error in an answer with status 200 is the reason, though the client raises one of its own for the shape."""
    model_server.enqueue(
        Reply(raw=json.dumps({"error": {"code": "overloaded", "message": "whisper"}}))
    )
    error = raised(
        "strict", lambda client: client.chat.completions.create(**CHAT), model_server.url, False
    )
    assert isinstance(error, openai.APIResponseValidationError)
    assert telemetry.attributes["error.type"] == "overloaded"


def test_an_answer_that_is_no_json(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Nothing can be read of it, so the exception is all there is to tell."""
    model_server.enqueue(Reply(raw="<html>", headers={"content-type": "application/json"}))
    with openai_client(model_server.url) as client, pytest.raises(Exception):  # noqa: B017, PT011  as above
        client.chat.completions.create(**CHAT)
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.tokens == {}


Helper = Callable[[Any], Any]
HELPERS: dict[str, tuple[str, Helper, Reply, str, str]] = {
    "cut": (
        "openai",
        lambda c: c.chat.completions.stream(**CHAT, response_format=Flower),
        Reply(text=SAID, finish_reason="length"),
        LENGTH,
        "length",
    ),
    "filtered": (
        "openai",
        lambda c: c.chat.completions.stream(
            **CHAT, response_format=Flower, stream_options={"include_usage": True}
        ),
        Reply(text=SAID, finish_reason="content_filter"),
        FILTER,
        "content_filter",
    ),
    "not valid": (
        "openai",
        lambda c: c.chat.completions.stream(**CHAT, response_format=Flower),
        Reply(text=SAID),
        INVALID,
        "stop",
    ),
    "responses": (
        "openai",
        lambda c: c.responses.stream(model=MODEL, input="Roses?", text_format=Flower),
        Reply(text=SAID),
        INVALID,
        "error",  # the client raises before the event that has the reason
    ),
    "anthropic": (
        "anthropic",
        lambda c: c.messages.stream(
            model="claude-flowers", messages=HELLO, max_tokens=9, output_format=Flower
        ),
        Reply(text=SAID),
        INVALID,
        "error",
    ),
}


@BOTH
@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_for_streams(
    telemetry: Telemetry, model_server: ModelServer, name: str, asynchronous: bool
) -> None:
    """What a helper raises while it makes an object of the chunks is how the call ended, with what had come by then."""
    kind, helper, reply, expected, reason = HELPERS[name]
    model_server.enqueue(reply)

    async def aread() -> None:
        async with CLIENTS[kind][1](model_server.url) as client, helper(client) as stream:
            async for _ in stream:
                pass

    def read() -> None:
        with CLIENTS[kind][0](model_server.url) as client, helper(client) as stream:
            list(stream)

    with callspan.count_tokens() as count, pytest.raises(Exception) as error:  # noqa: PT011  looked at below
        asyncio.run(aread()) if asynchronous else read()
    attributes = telemetry.attributes
    assert qualified(error.value) == expected
    assert (attributes["callspan.outcome"], attributes["error.type"]) == ("error", expected)
    assert attributes["gen_ai.response.finish_reasons"] == (reason,)
    assert json.loads(attributes["gen_ai.output.messages"])[0]["parts"][0]["content"] == SAID
    assert (count.calls, count.failed_calls) == (1, 1)


def test_a_helper_that_the_app_leaves_by_an_exception_of_its_own(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """What the app raises in its own code is not the call's: the reader has stopped."""

    def read() -> None:
        with client.chat.completions.stream(**CHAT) as stream:
            for _ in stream:
                raise ValueError("the app's own")

    with pytest.raises(ValueError, match="the app's own"):
        read()
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_a_helper_that_is_read_to_its_end(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """An exception that the app handles around a call says nothing of it."""
    with client.chat.completions.stream(**CHAT) as stream:
        list(stream)
    assert telemetry.attributes["callspan.outcome"] == "completed"
