"""Replicate's client: models that are run, whole and streamed, and the tokens of their predictions.

The answers are written from the classes of replicate 1.0.7; none was recorded.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import child
from child import PRINTING, printed_spans
from scripted import ScriptedServer
from telemetry import Telemetry, counts

replicate = pytest.importorskip("replicate", reason="replicate is not installed")

MODEL = "florist/roses-8b"
INPUT = {"prompt": "Which last longest?", "temperature": 0.5, "max_tokens": 64}
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def prediction(**more: Any) -> dict[str, Any]:
    """A prediction that is done."""
    done = {
        "id": "p-1",
        "model": MODEL,
        "version": "v1",
        "status": "succeeded",
        "input": INPUT,
        "output": ["Ro", "ses."],
        "logs": "",
        "error": None,
        "metrics": {"input_token_count": 9, "output_token_count": 4, "predict_time": 0.1},
        "created_at": "2026-01-01T00:00:00Z",
        "started_at": None,
        "completed_at": None,
        "urls": {},
    }
    return {**done, **more}


def make(server: ScriptedServer) -> Any:
    """A client object."""
    client = replicate.Client(api_token="any", base_url=server.url)
    client.poll_interval = 0
    return client


def run(server: ScriptedServer, asynchronous: bool, **more: Any) -> Any:
    """What a model makes of the input."""
    client = make(server)
    if asynchronous:
        return asyncio.run(client.async_run(MODEL, input=INPUT, **more))
    return client.run(MODEL, input=INPUT, **more)


@BOTH
@pytest.mark.instrument(capture="span")
def test_run(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A run has the model, the settings in its input, and the tokens of its prediction."""
    scripted_server.answer(prediction(), status=201)
    assert run(scripted_server, asynchronous) == ["Ro", "ses."]
    attributes = telemetry.attributes
    assert telemetry.span.name == f"generate_content {MODEL}"
    assert attributes["gen_ai.provider.name"] == "replicate"
    assert attributes["server.port"] == scripted_server.server_port
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.response.id"] == "p-1"
    assert telemetry.tokens == {"input": 9, "output": 4}
    assert "Which last longest?" in attributes["gen_ai.input.messages"]
    assert "Roses." in attributes["gen_ai.output.messages"]


@BOTH
def test_run_that_is_asked_again(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """A prediction that takes long is fetched until it is done, within one call."""
    scripted_server.answer(prediction(status="starting", output=None, metrics=None), status=201)
    scripted_server.answer(prediction(status="processing", output=None, metrics=None))
    scripted_server.answer(prediction())
    run(scripted_server, asynchronous)
    assert len(scripted_server.paths) == 3
    assert telemetry.tokens == {"input": 9, "output": 4}


@BOTH
def test_run_that_fails(
    telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool
) -> None:
    """A model that fails is an error, as is a request that is refused."""
    failure = prediction(status="failed", output=None, error="no roses", metrics=None)
    scripted_server.answer(failure, status=201)
    with pytest.raises(replicate.exceptions.ModelError):
        run(scripted_server, asynchronous)
    assert telemetry.attributes["error.type"] == "replicate.exceptions.ModelError"


@BOTH
def test_refusal(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A refused request has the status."""
    scripted_server.answer({"title": "no", "detail": "no", "status": 401}, status=401)
    with pytest.raises(replicate.exceptions.ReplicateError):
        run(scripted_server, asynchronous)
    attributes = telemetry.attributes
    assert attributes["error.type"] == "replicate.exceptions.ReplicateError"
    assert attributes["http.response.status_code"] == 401


def script_stream(server: ScriptedServer) -> None:
    """Script a prediction, then the stream at its address."""
    urls = {"stream": f"{server.url}/stream"}
    server.answer(prediction(status="starting", output=None, metrics=None, urls=urls), status=201)
    events = (("output", "Ro"), ("logs", "busy"), ("output", "ses."), ("done", "{}"))
    frames = [
        f"event: {kind}\nid: {number}\ndata: {data}\n\n"
        for number, (kind, data) in enumerate(events, 1)
    ]
    server.replies.append((200, "text/event-stream", "".join(frames).encode(), {}))


async def _chunks(client: Any, most: int) -> list[str]:
    chunks: list[str] = []
    async for event in await client.async_stream(MODEL, input=INPUT):
        chunks.append(str(event))
        if len(chunks) == most:
            break
    return chunks


@BOTH
@pytest.mark.instrument(capture="span")
def test_stream(telemetry: Telemetry, scripted_server: ScriptedServer, asynchronous: bool) -> None:
    """A stream is one call from its first step on, without tokens: Replicate states none in it."""
    script_stream(scripted_server)
    client = make(scripted_server)
    if asynchronous:
        chunks = asyncio.run(_chunks(client, 9))
    else:
        stream = client.stream(MODEL, input=INPUT)
        assert not scripted_server.paths, "asked before it is read"
        chunks = [str(event) for event in stream]
    assert "".join(chunks) == "Roses."
    attributes = telemetry.attributes
    assert attributes["callspan.outcome"] == "completed"
    assert attributes["gen_ai.response.id"] == "p-1"
    assert "Roses." in attributes["gen_ai.output.messages"]
    assert not counts(telemetry)


def test_stream_that_is_left(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A stream that its reader leaves is abandoned."""
    script_stream(scripted_server)
    for _event in make(scripted_server).stream(MODEL, input=INPUT):
        break
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


def test_prediction_is_no_call(telemetry: Telemetry, scripted_server: ScriptedServer) -> None:
    """A prediction that is only begun is a job, and no call."""
    scripted_server.answer(prediction(status="starting"), status=201)
    make(scripted_server).predictions.create(version="v1", input=INPUT)
    assert not telemetry.spans


IMPORTED_LATE = """
callspan.instrument(tracer_provider=provider, capture="span")
import replicate

client = replicate.Client(api_token="any", base_url=sys.argv[1])
client.run("florist/roses-8b", input={"prompt": "Which last longest?"})
provider.force_flush()
callspan.uninstrument()
from replicate import model, prediction
assert model._json_to_prediction is prediction._json_to_prediction
assert type(model._json_to_prediction).__module__ == "builtins"
"""


def test_import_after_instrument(scripted_server: ScriptedServer) -> None:
    """A function that the client imports by name, from where it is patched already, is patched once."""
    scripted_server.answer(prediction(), status=201)
    (span,) = printed_spans(
        child.run(f"import callspan\n{PRINTING}{IMPORTED_LATE}", scripted_server.url)
    )
    (message,) = json.loads(span["gen_ai.output.messages"])
    assert [part["content"] for part in message["parts"]] == ["Roses."]
