"""The scripted model server, read with the real client, and byte by byte where the client hides too much."""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

from callspan.testing.modelserver import Counts, ModelServer, Reply, ToolCall

ROOT = Path(__file__).resolve().parent.parent
MODEL = "gpt-4.1-mini"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
# what openai 3 says, and what httpx says in the clients before it
BROKEN_OFF = "Connection error|incomplete chunked read"
WITH_USAGE = {"include_usage": True}
WEATHER: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"days": {"type": "integer"}, "city": {"type": "string"}},
            },
        },
    }
]

Sent = tuple[http.client.HTTPResponse, bytes]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def client(server: ModelServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="any", max_retries=0, timeout=20) as client:
        yield client


def send(server: ModelServer, method: str, path: str, body: bytes | None = None) -> Sent:
    """One request without the client: the response's head, and its bytes."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request(method, path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        return response, response.read()


def post(server: ModelServer, path: str, **body: Any) -> bytes:
    return send(server, "POST", f"/v1{path}", json.dumps(body).encode())[1]


def events(raw: bytes) -> list[Any]:
    """The data of each server-sent event; `[DONE]` stays text."""
    lines = [
        line.removeprefix("data: ")
        for line in raw.decode().splitlines()
        if line.startswith("data: ")
    ]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def chat(client: OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": MODEL, "messages": HELLO, **more})


def counted(usage: Any) -> Counts:
    return Counts(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens_details.cached_tokens,
        usage.completion_tokens_details.reasoning_tokens,
        usage.prompt_tokens_details.model_dump().get("cache_write_tokens", 0),
    )


# --- chat ---


def test_a_plain_answer_repeats_the_user_and_tells_usage(
    server: ModelServer, client: OpenAI
) -> None:
    answer = chat(client)
    assert answer.choices[0].message.content == 'You said: "Hello". I would say it with flowers.'
    assert (answer.id, answer._request_id, answer.model) == ("chatcmpl-000001", "req_000001", MODEL)
    # "Hello" is 5 bytes, the answer 47: one token for every 4 bytes begun
    assert counted(answer.usage) == Counts(input=2, output=12)
    assert server.ledger.told == server.ledger.generated == {MODEL: counted(answer.usage)}


def test_a_stream_tells_usage_once_at_its_end_when_asked(
    server: ModelServer, client: OpenAI
) -> None:
    server.enqueue(Reply(text="one two three", reasoning="hm", cached=40))
    *chunks, last = chat(client, stream=True, stream_options=WITH_USAGE)
    text = [chunk.choices[0].delta.content for chunk in chunks]
    assert [piece for piece in text if piece] == ["one", " two", " three"]
    assert (chunks[-1].choices[0].finish_reason, last.choices) == ("stop", [])
    assert all(chunk.usage is None for chunk in chunks)
    assert counted(last.usage) == Counts(input=40, output=5, cached=40, reasoning=1)
    assert server.ledger.total_told == counted(last.usage)


def test_a_stream_says_nothing_of_usage_when_not_asked(server: ModelServer) -> None:
    raw = post(server, "/chat/completions", model=MODEL, messages=HELLO, stream=True)
    assert b"usage" not in raw
    assert server.ledger.told == {}
    assert server.ledger.total_generated == Counts(input=2, output=12)


def test_stream_frames_are_server_sent_events(server: ModelServer) -> None:
    server.enqueue(Reply(text="你好 世界 ok"))
    body = {"model": MODEL, "messages": HELLO, "stream": True, "stream_options": WITH_USAGE}
    response, raw = send(server, "POST", "/v1/chat/completions", json.dumps(body).encode())
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-request-id"] == "req_000001"
    assert raw.endswith(b"\n\ndata: [DONE]\n\n")
    assert "你" in raw.decode()
    *chunks, last, done = events(raw)
    assert [chunk["usage"] for chunk in chunks] == [None] * len(chunks)
    assert (last["choices"], last["usage"]["total_tokens"], done) == ([], 2 + 4, "[DONE]")
    text = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    assert text == ["", "你", "好", " 世", "界", " ok", ""]


def test_several_choices_differ_and_come_in_turn(client: OpenAI, server: ModelServer) -> None:
    plain = chat(client, n=2)
    first, second = (choice.message.content for choice in plain.choices)
    assert second == f"{first} (2)"
    texts = ["", ""]
    order = []
    for chunk in chat(client, n=2, stream=True):
        order.append(chunk.choices[0].index)
        texts[order[-1]] += chunk.choices[0].delta.content or ""
    assert texts == [first, second]
    assert order[:4] == [0, 1, 0, 1]


def test_chunk_size_is_in_words(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(text="one two three", chunk_size=2))
    text = [chunk.choices[0].delta.content for chunk in chat(client, stream=True)]
    assert [piece for piece in text if piece] == ["one two", " three"]


@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning_text_comes_before_the_answer(server: ModelServer, streamed: bool) -> None:
    server.enqueue(Reply(text="Yes.", reasoning="Let me think."))
    raw = post(server, "/chat/completions", model=MODEL, messages=HELLO, stream=streamed)
    if not streamed:
        message = json.loads(raw)["choices"][0]["message"]
        assert (message["reasoning_content"], message["content"]) == ("Let me think.", "Yes.")
        return
    deltas = [event["choices"][0]["delta"] for event in events(raw)[:-1]]
    assert [delta.get("reasoning_content") for delta in deltas] == [
        None,
        "Let",
        " me",
        " think.",
        None,
        None,
    ]


def test_usage_can_be_scripted_or_left_out(server: ModelServer, client: OpenAI) -> None:
    counts = Counts(input=24, output=9, cached=16, reasoning=4, cache_write=5)
    server.enqueue(
        Reply(text="hi", usage=counts, model="gpt-4.1-mini-2025-04-14"), Reply(usage=False)
    )
    assert counted(chat(client).usage) == counts
    assert chat(client).usage is None
    server.enqueue(Reply(usage=False))
    assert all(
        chunk.usage is None for chunk in chat(client, stream=True, stream_options=WITH_USAGE)
    )
    assert server.ledger.told == {"gpt-4.1-mini-2025-04-14": counts}
    assert server.ledger.total_generated.calls == 3


def test_replies_can_be_kept_for_one_model(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(text="for o3"), for_model="o3")
    server.enqueue(Reply(text="for anyone"))
    assert [chat(client, model=name).choices[0].message.content for name in (MODEL, "o3")] == [
        "for anyone",
        "for o3",
    ]


def test_service_tier_is_repeated(client: OpenAI) -> None:
    assert chat(client, service_tier="flex").service_tier == "flex"
    assert chat(client).service_tier == "default"


# --- tools ---


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_round_trip(client: OpenAI, streamed: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "The weather of the next 3 days in Paris?"}]
    with_tools = {"messages": messages, "tools": WEATHER}
    if streamed:
        call = read_streamed_call(chat(client, **with_tools, stream=True))
    else:
        choice = chat(client, **with_tools).choices[0]
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
        call = choice.message.tool_calls[0].model_dump()
    assert call["function"] == {"name": "get_weather", "arguments": '{"days":3,"city":"Paris"}'}
    messages.append({"role": "assistant", "tool_calls": [{**call, "type": "function"}]})
    messages.append({"role": "tool", "tool_call_id": call["id"], "content": "Sun."})
    assert chat(client, **with_tools).choices[0].message.content == "I looked it up: Sun."


def read_streamed_call(stream: Any) -> dict[str, Any]:
    call: dict[str, Any] = {"id": None, "function": {"name": "", "arguments": ""}}
    for chunk in stream:
        for fragment in chunk.choices[0].delta.tool_calls or ():
            call["id"] = call["id"] or fragment.id
            call["function"]["name"] += fragment.function.name or ""
            call["function"]["arguments"] += fragment.function.arguments
    return call


def test_tools_are_left_alone_unless_mentioned(client: OpenAI) -> None:
    assert chat(client, tools=WEATHER).choices[0].message.tool_calls is None
    assert chat(client, tools=WEATHER, tool_choice="required").choices[0].message.tool_calls


def test_scripted_tool_calls(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(tool_calls=(ToolCall("a"), ToolCall("b", '{"x":1}'))))
    calls = chat(client).choices[0].message.tool_calls
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        ("call_000001_0", "a", "{}"),
        ("call_000001_1", "b", '{"x":1}'),
    ]


# --- errors ---


def test_an_unknown_model_is_not_found(client: OpenAI, server: ModelServer) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        chat(client, model="no-such-model")
    assert (caught.value.code, caught.value.request_id) == ("model_not_found", "req_000001")
    assert server.ledger.generated == {}


def test_scripted_errors(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(status=500), Reply(status=400, error_code="odd", error_message="No."))
    with pytest.raises(openai.InternalServerError):
        chat(client)
    with pytest.raises(openai.BadRequestError, match=r"No\.") as caught:
        chat(client, stream=True)
    assert caught.value.code == "odd"


def test_a_busy_first_call_is_retried_after_the_time_named() -> None:
    with (
        ModelServer(first_call_busy=True) as server,
        OpenAI(base_url=server.url, api_key="any") as client,
    ):
        assert chat(client).id == "chatcmpl-000002"
        assert len(server.requests) == 2
        server.enqueue(Reply(status=429, retry_after=0.05))
        with pytest.raises(openai.RateLimitError) as caught:
            chat(client.with_options(max_retries=0))
    headers = caught.value.response.headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("0.05", "50")
    assert server.ledger.total_told.calls == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/v1/no/such/path", b"{}", 404, "Invalid URL (POST /v1/no/such/path)"),
        ("GET", "/nowhere", None, 404, "Invalid URL (GET /nowhere)"),
        (
            "PUT",
            "/v1/chat/completions",
            b"{}",
            405,
            "Invalid method for URL (PUT /v1/chat/completions)",
        ),
        ("GET", "/v1/responses/resp_9", None, 404, "Response with id 'resp_9' not found."),
        ("POST", "/v1/embeddings", b"{", 400, "We could not parse the JSON body of your request."),
        ("POST", "/v1/embeddings", b"[]", 400, "We could not parse the JSON body of your request."),
        ("POST", "/v1/embeddings", b'{"model": "m"}', 400, "Missing required parameter: 'input'."),
    ],
)
def test_what_cannot_be_served_is_an_error_body(
    server: ModelServer, method: str, path: str, body: bytes | None, status: int, message: str
) -> None:
    response, raw = send(server, method, path, body)
    error = json.loads(raw)["error"]
    assert (response.status, error["message"]) == (status, message)
    assert set(error) == {"message", "type", "param", "code"}


def test_an_error_inside_a_stream(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(text="one two three", error_after=2, error_message="Broken."))
    seen = []
    with pytest.raises(openai.APIError, match=r"Broken\."):
        seen.extend(chunk.choices[0].delta.content for chunk in chat(client, stream=True))
    assert server.ledger.told == {}


def test_a_cut_stream_breaks_off_after_its_chunks(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(text="one two three", cut_after=2))
    stream = chat(client, stream=True, stream_options=WITH_USAGE)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "one"]
    with pytest.raises(Exception, match=BROKEN_OFF):
        next(stream)
    assert server.ledger.told == {}
    assert server.ledger.total_generated.calls == 1


def test_a_cut_plain_answer_never_comes(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(cut_after=0))
    with pytest.raises(openai.APIConnectionError):
        chat(client)
    assert chat(client).id == "chatcmpl-000002"


# --- time ---


def test_a_gate_holds_a_stream_open(server: ModelServer, client: OpenAI) -> None:
    gate = threading.Event()
    server.enqueue(Reply(text="one two", gate=gate, gate_after=2))
    stream = chat(client, stream=True, stream_options=WITH_USAGE)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "one"]
    assert server.ledger.told == {}
    gate.set()
    assert [chunk.choices[0].delta.content for chunk in stream if chunk.choices] == [" two", None]
    assert server.ledger.total_told.calls == 1


def test_a_gate_holds_a_plain_answer(server: ModelServer, client: OpenAI) -> None:
    gate = threading.Event()
    server.enqueue(Reply(gate=gate))
    with pytest.raises(openai.APITimeoutError):
        chat(client.with_options(timeout=0.05))
    gate.set()


def test_delays_are_kept(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(delay=5), Reply(chunk_delay=5))
    with pytest.raises(openai.APITimeoutError):
        chat(client.with_options(timeout=0.05))
    stream = chat(client.with_options(timeout=0.2), stream=True)
    assert next(stream).choices[0].delta.role == "assistant"
    with pytest.raises(Exception, match="timed out"):
        next(stream)


def test_a_client_that_goes_away_is_not_remarked_on(
    server: ModelServer, capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    gate = threading.Event()
    server.enqueue(Reply(text="word " * 2000, gate=gate, gate_after=1))
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        body = json.dumps({"model": MODEL, "messages": HELLO, "stream": True})
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        connection.sendall((head + body).encode())
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    gate.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    assert capfd.readouterr() == ("", "")


# --- other endpoints ---


@pytest.mark.parametrize("streamed", [False, True])
def test_legacy_completions(server: ModelServer, client: OpenAI, streamed: bool) -> None:
    server.enqueue(Reply(text="Red and white."))
    if streamed:
        stream = client.completions.create(
            model="davinci", prompt="Roses are", stream=True, stream_options={"include_usage": True}
        )
        *chunks, last = stream
        text, usage = "".join(chunk.choices[0].text for chunk in chunks), last.usage
        assert chunks[-1].choices[0].finish_reason == "stop"
    else:
        answer = client.completions.create(model="davinci", prompt="Roses are")
        text, usage = answer.choices[0].text, answer.usage
    assert text == "Red and white."
    assert counted(usage) == Counts(input=3, output=4) == server.ledger.told["davinci"]


def test_embeddings_are_the_same_as_floats_and_in_base64(
    server: ModelServer, client: OpenAI
) -> None:
    texts = ["a yellow flower", "a tall yellow flower", "tax law"]
    default = client.embeddings.create(model="e", input=texts)
    floats = client.embeddings.create(model="e", input=texts, encoding_format="float")
    assert server.requests[0].json["encoding_format"] == "base64"
    near, nearer, far = (item.embedding for item in default.data)
    assert near == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert math.hypot(*near) == pytest.approx(1, abs=1e-6)
    assert closeness(near, nearer) > 0.5 > closeness(near, far)
    assert server.ledger.told["e"] == Counts(input=2 * default.usage.prompt_tokens, calls=2)


def closeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("texts", "vectors"), [("one", 1), ([1, 2, 3], 1), ([[1], [2, 3]], 2)])
def test_embeddings_of_every_kind_of_input(client: OpenAI, texts: Any, vectors: int) -> None:
    answer = client.embeddings.create(model="e", input=texts, dimensions=8)
    assert [len(item.embedding) for item in answer.data] == [8] * vectors


def test_images(server: ModelServer, client: OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-1", prompt="A tulip", n=2)
    assert len(answer.data or ()) == 2
    assert answer.usage
    counts = Counts(answer.usage.input_tokens, answer.usage.output_tokens)
    assert counts == Counts(input=2, output=200) == server.ledger.told["gpt-image-1"]


def test_speech_is_bytes(server: ModelServer, client: OpenAI) -> None:
    sound = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello there")
    assert sound.read().startswith(b"ID3")
    assert (server.ledger.told, server.ledger.total_generated) == ({}, Counts(input=3))


def test_transcription_reads_a_form_and_tells_tokens_or_seconds(
    server: ModelServer, client: OpenAI
) -> None:
    sound = bytes(range(256)) * 2
    answer: Any = client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("a.wav", sound)
    )
    assert answer.text == "Two dozen roses for Saturday, please."
    assert server.requests[0].json == {"model": "gpt-4o-transcribe", "file": sound}
    counts = Counts(answer.usage.input_tokens, answer.usage.output_tokens)
    assert counts == Counts(input=128, output=10) == server.ledger.total_told
    by_time: Any = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound))
    assert by_time.usage.type == "duration"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # openai 3 on translations
def test_translation_and_moderation_tell_no_usage(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(text="Good day."))
    assert (
        client.audio.translations.create(model="whisper-1", file=("a.wav", b"x")).text
        == "Good day."
    )
    assert client.moderations.create(input=["a", "b"]).results[1].flagged is False
    assert server.ledger.told == {}


def test_models(client: OpenAI) -> None:
    assert MODEL in [model.id for model in client.models.list()]


def test_azure_paths(server: ModelServer) -> None:
    endpoint = server.url.removesuffix("/v1")
    with AzureOpenAI(azure_endpoint=endpoint, api_key="any", api_version="2024-10-21") as client:
        assert chat(client).model == MODEL
    assert server.requests[0].path == f"/openai/deployments/{MODEL}/chat/completions"
    assert server.requests[0].query == "api-version=2024-10-21"


# --- responses ---


def test_a_plain_response_can_be_read_again(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(text="Yes.", reasoning="Well now", cached=8))
    made = client.responses.create(
        model=MODEL, input="Shall I water the cactus?", instructions="Be brief"
    )
    assert (made.output_text, made.status, made.instructions) == ("Yes.", "completed", "Be brief")
    assert [item.type for item in made.output] == ["reasoning", "message"]
    usage = made.usage
    assert usage
    counts = Counts(
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.output_tokens_details.reasoning_tokens,
    )
    assert counts == Counts(input=9, output=3, cached=8, reasoning=2) == server.ledger.total_told
    assert client.responses.retrieve(made.id).output_text == "Yes."
    *_, last = client.responses.retrieve(made.id, stream=True)
    assert (last.type, server.ledger.total_told.calls) == ("response.completed", 1)


def test_a_streamed_response(server: ModelServer, client: OpenAI) -> None:
    server.enqueue(Reply(text="one two"))
    seen = list(client.responses.create(model=MODEL, input="Hello", stream=True))
    assert [event.type.removeprefix("response.") for event in seen] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in seen] == list(range(10))
    usage = seen[-1].response.usage
    assert (
        Counts(usage.input_tokens, usage.output_tokens) == Counts(2, 2) == server.ledger.total_told
    )


def test_the_response_stream_helper_reads_reasoning_and_tool_calls(
    server: ModelServer, client: OpenAI
) -> None:
    server.enqueue(Reply(reasoning="Hm, hm", tool_calls=(ToolCall("buy", '{"flower":"rose"}'),)))
    with client.responses.stream(model=MODEL, input="Hello") as stream:
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "function_call"]
    assert final.output[1].arguments == '{"flower":"rose"}'


def test_tools_in_responses(client: OpenAI) -> None:
    tools: list[Any] = [{"type": "function", **WEATHER[0]["function"]}]
    first = client.responses.create(model=MODEL, input="The weather in Rome?", tools=tools)
    call: Any = first.output[0]
    assert (call.name, call.arguments) == ("get_weather", '{"days":1,"city":"Rome"}')
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}
    second = client.responses.create(model=MODEL, input=[call, output], tools=tools)
    assert second.output_text == "I looked it up: Rain."


@pytest.mark.parametrize(
    ("finish", "status"),
    [("length", "incomplete"), ("content_filter", "incomplete"), ("failed", "failed")],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_responses_that_do_not_complete(
    server: ModelServer, client: OpenAI, finish: str, status: str, streamed: bool
) -> None:
    server.enqueue(Reply(text="one two", finish_reason=finish))
    made: Any = client.responses.create(model=MODEL, input="Hello", stream=streamed)
    if streamed:
        *_, last = made
        assert last.type == f"response.{status}"
        made = last.response
    assert made.status == status
    assert (made.usage is None) == (made.error is not None) == (status == "failed")
    assert bool(server.ledger.told) == bool(server.ledger.generated) == (status == "incomplete")


def test_an_error_event_inside_a_response_stream(server: ModelServer) -> None:
    server.enqueue(Reply(error_after=1, error_code="rate_limit_exceeded"))
    created, error = events(post(server, "/responses", model=MODEL, input="Hello", stream=True))
    assert created["type"] == "response.created"
    assert (error["type"], error["sequence_number"], error["code"]) == (
        "error",
        1,
        "rate_limit_exceeded",
    )


# --- raw replies ---


def test_a_raw_body_goes_out_as_it_is(server: ModelServer, client: OpenAI) -> None:
    page = Reply(status=502, raw="<html>Bad gateway</html>", headers={"Content-Type": "text/html"})
    server.enqueue(page, Reply(raw='{"error": {"message": "in a 200"}}'))
    with pytest.raises(openai.InternalServerError) as caught:
        chat(client)
    assert caught.value.response.headers["content-type"] == "text/html"
    assert (
        post(server, "/chat/completions", model=MODEL, messages=HELLO)
        == b'{"error": {"message": "in a 200"}}'
    )


def test_a_raw_stream_goes_out_frame_by_frame(server: ModelServer, client: OpenAI) -> None:
    recorded = post(server, "/chat/completions", model=MODEL, messages=HELLO, stream=True)
    server.enqueue(Reply(raw=recorded), Reply(raw=recorded, cut_after=2))
    assert post(server, "/chat/completions", model=MODEL, messages=HELLO, stream=True) == recorded
    stream = chat(client, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "You"]
    with pytest.raises(Exception, match=BROKEN_OFF):
        next(stream)


# --- the server itself ---


async def test_async_clients_at_once(server: ModelServer) -> None:
    async with AsyncOpenAI(base_url=server.url, api_key="any", max_retries=0) as client:

        async def streamed(word: str) -> str:
            messages: Any = [{"role": "user", "content": word}]
            stream = await client.chat.completions.create(
                model=MODEL, messages=messages, stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        words = [f"word{number}" for number in range(20)]
        answers = await asyncio.gather(*map(streamed, words))
    assert all(f'"{word}"' in answer for word, answer in zip(words, answers, strict=True))
    assert server.ledger.total_generated.calls == 20


def test_requests_are_recorded(server: ModelServer, client: OpenAI) -> None:
    chat(client, extra_headers={"X-Shop": "Flora"})
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/chat/completions", "")
    assert request.headers["x-shop"] == "Flora"
    assert request.json == json.loads(request.raw) == {"model": MODEL, "messages": HELLO}


def test_a_connection_serves_many_requests(server: ModelServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    ports = set()
    for _ in range(3):
        connection.request("GET", "/v1/models")
        connection.getresponse().read()
        ports.add(connection.sock.getsockname())
    assert len(ports) == 1
    connection.close()


def test_a_body_of_unknown_length_is_read(server: ModelServer) -> None:
    body = json.dumps({"model": MODEL, "messages": HELLO}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(
        "POST", "/v1/chat/completions", iter([body[:9], body[9:]]), encode_chunked=True
    )
    assert connection.getresponse().status == 200
    assert server.requests[0].raw == body
    connection.close()


def test_the_same_script_gives_the_same_bytes() -> None:
    def run() -> list[bytes]:
        with ModelServer() as server:
            return [
                post(server, "/chat/completions", model=MODEL, messages=HELLO, stream=True),
                post(server, "/responses", model=MODEL, input="Hello", stream=True),
                post(server, "/embeddings", model=MODEL, input="Hello"),
            ]

    assert run() == run()


def test_closing_twice_frees_the_port_and_ends_the_threads() -> None:
    before = set(threading.enumerate())
    server = ModelServer()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", "/v1/models")
    connection.getresponse().read()
    server.close()
    server.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    with ModelServer(port=server.port) as again:
        assert again.url == server.url
    connection.close()


def test_it_imports_neither_openai_nor_opentelemetry() -> None:
    code = f"""
import importlib.util, sys
loaded = set(sys.modules)
sys.path.append({str(ROOT / "src" / "callspan" / "testing")!r})
import modelserver
print(sorted({{name.split(".")[0] for name in set(sys.modules) - loaded}} - set(sys.stdlib_module_names)))
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "['modelserver']"


def test_the_flower_shop_runs_against_it() -> None:
    with ModelServer(first_call_busy=True) as server:
        env = {**os.environ, "OPENAI_API_KEY": "any", "OPENAI_BASE_URL": server.url}
        shop = subprocess.run(
            [sys.executable, ROOT / "examples" / "flower_shop.py"],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (shop.returncode, shop.stderr) == (0, "")
    lines = shop.stdout.splitlines()
    assert lines[0].startswith("Florist: Cut tulips last about six days")
    assert "Florist: I looked it up: 12 of our tulip stems cost 14.40 euros." in lines
    assert lines[-1] == "The oracle is out today; please ask the florist instead."
    # ten requests: one told to come again, one for a model that is not there, and a stream left without usage
    assert len(server.requests) == 10
    assert (server.ledger.total_generated.calls, server.ledger.total_told.calls) == (8, 7)


@pytest.mark.parametrize(
    ("words", "code", "start"),
    [
        (["-c", "import os; print(os.environ['OPENAI_BASE_URL'])"], 0, "http://127.0.0.1:"),
        (["-c", "exit(3)"], 3, ""),
    ],
)
def test_runs_a_program(words: list[str], code: int, start: str) -> None:
    """`python -m callspan.modelserver COMMAND` gives a program the server's address, and ends with its exit code."""
    command = [sys.executable, "-m", "callspan.modelserver", sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.startswith(start), done.stderr) == (code, True, "")


def test_a_program_that_is_not_there() -> None:
    """A command that cannot be run is one line and the shell's exit code for it."""
    command = [sys.executable, "-m", "callspan.modelserver", "no-such-program"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (127, "no-such-program: No such file or directory\n")


def run_command(*arguments: str) -> Any:
    command = [sys.executable, "-m", "callspan.modelserver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_has_help() -> None:
    done = run_command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--port N" in done.stdout


def test_options_of_the_program_are_its_own() -> None:
    program = "import sys; print(sys.argv[1:])"
    done = run_command("--", sys.executable, "-c", program, "--port", "x")
    assert (done.returncode, done.stdout, done.stderr) == (0, "['--port', 'x']\n", "")


def test_a_port_that_is_taken_is_one_line(server: ModelServer) -> None:
    done = run_command("--port", str(server.port), sys.executable, "-c", "")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"port {server.port}: Address already in use\n"


@pytest.mark.parametrize("port", ["", "-1", "65536", "1_0", "x"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    done = run_command(f"--port={port}")
    assert done.returncode == 2
    assert done.stderr.endswith(f"{port!r} is no port: use a number from 0 to 65535\n")
