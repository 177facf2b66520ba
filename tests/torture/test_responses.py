"""The responses API, streamed and fetched again."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from callspan.testing.modelserver import ModelServer, Reply
from clients import HttpClient, async_openai_client, http, openai_client
from program import MODEL, Program, answering
from telemetry import Telemetry

pytestmark = pytest.mark.needs("responses.stream")
ASK: dict[str, Any] = {"model": MODEL, "input": "Which flowers last longest?"}
CREATE = "responses.create"


def status(telemetry: Telemetry) -> tuple[str, str, Any, Any]:
    """Outcome, status, error type and finish reasons of the one span."""
    attributes = telemetry.attributes
    return (
        attributes["callspan.outcome"],
        telemetry.span.status.status_code.name,
        attributes.get("error.type"),
        attributes.get("gen_ai.response.finish_reasons"),
    )


ENDINGS = {
    "completed": (Reply(text="Roses."), ("completed", "UNSET", None, ("stop",))),
    "incomplete": (
        Reply(text="Roses", finish_reason="length"),
        ("completed", "UNSET", None, ("length",)),
    ),
    "failed": (Reply(finish_reason="failed"), ("error", "ERROR", "server_error", ("error",))),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_endings_of_a_response(
    telemetry: Telemetry,
    capture: str,
    program: Program,
    model_server: ModelServer,
    ending: str,
    stream: bool,
) -> None:
    """Completed, incomplete or failed: the client raises for none of them, and the span tells them apart."""
    reply, expected = ENDINGS[ending]
    model_server.enqueue(reply)
    program.read(CREATE, **ASK) if stream else program.ask(CREATE, **ASK)
    assert status(telemetry) == expected
    total = model_server.ledger.total_told
    if ending != "failed":
        attributes = telemetry.attributes
        assert (
            attributes["gen_ai.usage.input_tokens"],
            attributes["gen_ai.usage.output_tokens"],
        ) == (
            total.input,
            total.output,
        )


def test_deltas_of_a_response(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer
) -> None:
    """The events of a stream add up to the text, once."""
    model_server.enqueue(Reply(text="Roses last longest."))
    events = [event.type for event in program.read(CREATE, **ASK)]
    assert (events[0], events[-1]) == ("response.created", "response.completed")
    if capture != "off":
        assert str(telemetry.attributes["gen_ai.output.messages"]).count("Roses last longest.") == 1


def test_a_stream_without_a_terminal_event(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer, payload: Any
) -> None:
    """A stream that stops without its closing event raises nothing; its reason is `error`, its usage unknown."""
    frames = payload("openai/responses_stream_text.sse").split(b"\n\n")
    model_server.enqueue(Reply(raw=b"\n\n".join(frames[:5]) + b"\n\n"))
    assert program.read(CREATE, **ASK)
    assert status(telemetry) == ("completed", "UNSET", None, ("error",))
    assert telemetry.tokens == {}


def test_an_error_event(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer, payload: Any
) -> None:
    """An `error` event is only passed on by the client; the call has failed all the same."""
    model_server.enqueue(Reply(raw=payload("openai/responses_stream_error_event.sse")))
    assert program.read(CREATE, **ASK)[-1].type == "error"
    outcome, code, error, _ = status(telemetry)
    assert (outcome, code) == ("error", "ERROR")
    assert error


def test_a_background_response(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer, payload: Any
) -> None:
    """A queued answer has no usage yet; fetching it later is an operation of its own that counts no tokens again."""
    model_server.enqueue(Reply(raw=payload("openai/responses_background_queued.json")))
    queued = program.ask(CREATE, **ASK, background=True)
    assert queued.status == "queued"
    assert (telemetry.attributes["callspan.outcome"], telemetry.tokens) == ("completed", {})
    telemetry.clear()
    later = answering(lambda: [payload("openai/responses_stream_text.sse")], program.asynchronous)
    fetching = Program("http://model.test/v1", program.asynchronous, http_client=later)
    events = fetching.read("responses.retrieve", response_id=queued.id)
    assert events[-1].type == "response.completed"
    assert (telemetry.span.name, telemetry.attributes["callspan.outcome"]) == (
        "fetch_response",
        "completed",
    )
    assert not [name for name in telemetry.attributes if name.startswith("gen_ai.usage")]
    assert telemetry.tokens == {}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_retrieved_response(
    telemetry: Telemetry, capture: str, program: Program, model_server: ModelServer, stream: bool
) -> None:
    """A response fetched by its id, streamed too: one span of its own, which does not count the tokens again."""
    identity = program.ask(CREATE, **ASK).id
    told = telemetry.tokens
    telemetry.clear()
    (program.read if stream else program.ask)("responses.retrieve", response_id=identity)
    assert telemetry.span.name == "fetch_response"
    assert telemetry.attributes["gen_ai.response.id"] == identity
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert telemetry.tokens == told


def test_a_retrieved_response_whose_tools_are_none(telemetry: Telemetry, payload: Any) -> None:
    """A response whose tools are null is read like any other, made or fetched."""
    text = payload("openai/responses_text.json").decode()
    body = {**json.loads(text), "tools": None, "tool_choice": None, "parallel_tool_calls": None}
    transport = http.MockTransport(lambda _request: http.Response(200, json=body))
    with openai_client(
        "http://model.test/v1", http_client=HttpClient(transport=transport)
    ) as client:
        for ask in (
            lambda: client.responses.create(**ASK),
            lambda: client.responses.retrieve("resp_1"),
        ):
            telemetry.clear()
            assert ask().tools is None
            assert status(telemetry)[:3] == ("completed", "UNSET", None)


def test_a_retrieved_response_that_is_unknown(telemetry: Telemetry, program: Program) -> None:
    """A response that is not there is an error of that operation."""
    with pytest.raises(openai.NotFoundError):
        program.ask("responses.retrieve", response_id="resp_none")
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert telemetry.attributes["http.response.status_code"] == 404


def assert_ended(telemetry: Telemetry, server: ModelServer, way: str) -> None:
    """One span: abandoned if the helper was left, else completed with the tokens that the server told."""
    assert telemetry.attributes["callspan.outcome"] == (
        "abandoned" if way == "leave" else "completed"
    )
    total = server.ledger.total_told
    assert telemetry.tokens == (
        {} if way == "leave" else {"input": total.input, "output": total.output}
    )


HELPER = pytest.mark.parametrize("way", ["events", "until_done", "get_final_response", "leave"])


@HELPER
def test_the_stream_helper_of_responses(
    telemetry: Telemetry, capture: str, client: openai.OpenAI, model_server: ModelServer, way: str
) -> None:
    """The stream helper of responses ends its one span in whatever way it is used."""
    with client.responses.stream(**ASK) as stream:
        assert type(stream).__name__ == "ResponseStream"
        if way == "events":
            assert [event.type for event in stream][-1] == "response.completed"
        elif way == "until_done":
            assert stream.until_done() is stream
        elif way == "get_final_response":
            assert stream.get_final_response().status == "completed"
    assert_ended(telemetry, model_server, way)


@HELPER
async def test_the_stream_helper_of_responses_async(
    telemetry: Telemetry, capture: str, model_server: ModelServer, way: str
) -> None:
    """The same in asynchronous code."""
    async with (
        async_openai_client(model_server.url) as client,
        client.responses.stream(**ASK) as stream,
    ):
        assert type(stream).__name__ == "AsyncResponseStream"
        if way == "events":
            assert [event.type async for event in stream][-1] == "response.completed"
        elif way == "until_done":
            assert await stream.until_done() is stream
        elif way == "get_final_response":
            assert (await stream.get_final_response()).status == "completed"
    assert_ended(telemetry, model_server, way)
