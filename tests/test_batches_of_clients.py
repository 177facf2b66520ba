"""Results of batches of the clients that follow OpenAI's way, and of Google's, which has its own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

import callspan
from batches import CHAT, GPT, line, lines, sums
from clients import _mistral_http, google_client, google_http, library, mistral_client
from telemetry import Telemetry

pytestmark = pytest.mark.usefixtures("no_results_read")
RESULTS = [line("a", CHAT), line("b", None, error={"code": "batch_expired"}), line("c", CHAT)]
THREE_RESULTS = (3, 1, 0, 14, 6)


def _answer(http: Any, batch: dict[str, Any]) -> Any:
    """Return a function that answers requests for a batch, or for a file with results."""

    def respond(request: Any) -> Any:
        path = request.url.path
        if path.endswith(("/content", ":download")):
            return http.Response(200, content=lines(RESULTS))
        return http.Response(200, json=batch)

    return respond


@pytest.mark.instrument(batches=True)
@pytest.mark.parametrize(("module", "kind"), [("groq", "Groq"), ("together", "Together")])
def test_clients_like_openai(telemetry: Telemetry, module: str, kind: str) -> None:
    """The file of a batch counts, and names its batch if that was asked for."""
    client_module = import_module(module)
    http = library(client_module)
    batch = {"id": "batch_1", "object": "batch", "output_file_id": "file-1"}
    transport = http.MockTransport(_answer(http, batch))
    client = getattr(client_module, kind)(
        api_key="sk-test-secret", http_client=http.Client(transport=transport), max_retries=0
    )
    with client, callspan.count_tokens() as count:
        client.batches.retrieve("batch_1")
        client.files.content("file-1").read()
    assert sums(count) == THREE_RESULTS
    assert telemetry.attributes["callspan.batch.id"] == "batch_1"
    assert telemetry.attributes["gen_ai.provider.name"] == module


@pytest.mark.instrument(batches=True)
@pytest.mark.parametrize("module", ["groq", "together"])
async def test_async_clients_like_openai(telemetry: Telemetry, module: str) -> None:
    """In asynchronous code too."""
    client_module = import_module(module)
    http = library(client_module)
    transport = http.MockTransport(_answer(http, {}))
    client = getattr(client_module, f"Async{module.title()}")(
        api_key="sk-test-secret", http_client=http.AsyncClient(transport=transport), max_retries=0
    )
    with callspan.count_tokens() as count:
        async with client:
            await client.files.content("file-1")
    assert sums(count) == THREE_RESULTS
    assert telemetry.attributes["callspan.batch.file_id"] == "file-1"


JOB = {
    "id": "job_1",
    "object": "batch",
    "input_files": [],
    "endpoint": "/v1/chat/completions",
    "model": GPT,
    "errors": [],
    "status": "SUCCESS",
    "created_at": 1_790_000_000,
    "total_requests": 3,
    "completed_requests": 3,
    "succeeded_requests": 2,
    "failed_requests": 1,
    "output_file": "file-1",
}


def _mistral(batch: dict[str, Any]) -> Any:
    transport = _mistral_http.MockTransport(_answer(_mistral_http, batch))
    return mistral_client(
        "http://model.test/v1",
        client=_mistral_http.Client(transport=transport),
        async_client=_mistral_http.AsyncClient(transport=transport),
    )


@pytest.mark.instrument(batches=True)
def test_mistral(telemetry: Telemetry) -> None:
    """The file of a job counts as the app reads the response."""
    client = _mistral(JOB)
    with callspan.count_tokens() as count:
        job = client.batch.jobs.get(job_id="job_1")
        client.files.download(file_id=job.output_file).read()
    assert sums(count) == THREE_RESULTS
    assert telemetry.attributes["callspan.batch.id"] == "job_1"
    assert telemetry.attributes["gen_ai.provider.name"] == "mistral_ai"


@pytest.mark.instrument(batches=True)
async def test_mistral_inline(telemetry: Telemetry) -> None:
    """Outputs in the job itself count once, however often the job is asked for; files count too."""
    client = _mistral({**JOB, "output_file": None, "outputs": RESULTS})
    with callspan.count_tokens() as count:
        for _ in range(2):
            await client.batch.jobs.get_async(job_id="job_1")
        assert sums(count) == THREE_RESULTS
        response = await client.files.download_async(file_id="file-2")
        await response.aread()
    assert count.calls == 6
    assert len(telemetry.spans) == 2


GEMINI = "gemini-2.5-flash"
CONTENT = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "whisper"}]}, "finishReason": "STOP"}
    ],
    "modelVersion": GEMINI,
    "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10},
}
INLINED = {
    "inlinedResponses": {
        "inlinedResponses": [
            {"response": CONTENT},
            {"error": {"code": 3, "message": "whisper"}},
            {"response": CONTENT},
        ]
    }
}


def _operation(output: dict[str, Any]) -> dict[str, Any]:
    """Return a batch as the Gemini API sends it."""
    facts = {"model": f"models/{GEMINI}", "state": "BATCH_STATE_SUCCEEDED"}
    return {"name": "batches/1", "metadata": {**facts, "output": output}, "done": True}


def _gemini(batch: dict[str, Any], file: list[Any]) -> Any:
    def respond(request: Any) -> Any:
        if request.url.path.endswith(":download"):
            return google_http.Response(200, content=lines(file))
        return google_http.Response(200, json=batch)

    return google_client("http://model.test", respond)


@pytest.mark.instrument(batches=True, cost=True)
def test_gemini_inlined(telemetry: Telemetry) -> None:
    """Results in the batch count once by their places, priced as a batch."""
    client = _gemini(_operation(INLINED), [])
    with callspan.count_tokens() as count:
        for _ in range(2):
            batch = client.batches.get(name="batches/1")
    assert len(batch.dest.inlined_responses) == 3
    assert sums(count) == THREE_RESULTS
    # half of the list price, by genai-prices
    assert count.cost == pytest.approx((14 * 0.3 + 6 * 2.5) / 1e6 / 2)
    callspan.flush()
    assert telemetry.attributes["callspan.batch.id"] == "batches/1"
    assert telemetry.attributes["callspan.sum.models"] == (GEMINI,)
    assert telemetry.attributes["gen_ai.provider.name"] == "gcp.gemini"


@pytest.mark.instrument(batches=True)
def test_gemini_embeddings(telemetry: Telemetry) -> None:
    """Embeddings in a batch state their tokens in a way of their own."""
    response = {"response": {"embedding": {"values": [0.5]}, "tokenCount": "4"}}
    output = {"inlinedEmbedContentResponses": {"inlinedResponses": [response]}}
    with callspan.count_tokens() as count:
        _gemini(_operation(output), []).batches.get(name="batches/1")
    assert sums(count) == (1, 0, 0, 4, 0)
    operations = {
        point["attributes"]["gen_ai.operation.name"]
        for point in telemetry.points("gen_ai.client.token.usage")
    }
    assert operations == {"embeddings"}


@pytest.mark.instrument(batches=True)
async def test_gemini_file(telemetry: Telemetry) -> None:
    """A file of results counts as it is downloaded, in synchronous and in asynchronous code."""
    file = [
        {"key": "a", "response": CONTENT},
        {"key": "b", "error": {"code": 3}},
        {"key": "c", "response": CONTENT},
    ]
    client = _gemini(_operation({"responsesFile": "files/1"}), file)
    with callspan.count_tokens() as count:
        batch = client.batches.get(name="batches/1")
        assert len(client.files.download(file=batch.dest.file_name).splitlines()) == 3
        await client.aio.files.download(file=batch.dest.file_name)
        assert sums(count) == THREE_RESULTS
        await client.aio.files.download(file="files/2")
    assert count.calls == 6
    first, second = telemetry.spans
    assert dict(first.attributes or {})["callspan.batch.id"] == "batches/1"
    assert dict(second.attributes or {})["callspan.batch.file_id"] == "files/2"
