"""IBM's client for watsonx: chats and generated texts, whole, streamed and for several prompts.

The answers are written from knowledge of the service and from the source of ibm-watsonx-ai 1.8; none was recorded. The
client brings pandas along, and is in no extra that the suite needs: `pip install '.[test-large]'` installs it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from telemetry import Telemetry

watsonx = pytest.importorskip("ibm_watsonx_ai", reason="ibm-watsonx-ai is large: see test-large")
from ibm_watsonx_ai.foundation_models import ModelInference  # noqa: E402  only where it is installed

MODEL = "ibm/granite-flowers"
HELLO: list[Any] = [{"role": "user", "content": "Which last longest?"}]
PROJECT = {"entity": {"storage": {"type": "bmcos_object_storage"}}, "metadata": {"guid": "p-1"}}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
CHAT = {
    "id": "w-1",
    "model_id": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Roses."},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}
TEXT = {
    "model_id": MODEL,
    "results": [
        {
            "generated_text": "Roses.",
            "generated_token_count": 4,
            "input_token_count": 9,
            "stop_reason": "eos_token",
        }
    ],
}


def chunk(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A piece of a chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "w-1", "model_id": MODEL, "choices": [choice], **more}


CHUNKS = [chunk("Ro"), chunk("ses.", "stop"), {**chunk(""), "choices": [], "usage": USAGE}]
PIECE = {"generated_text": "Ro", "input_token_count": 9, "stop_reason": "not_finished"}
PIECES = [
    {"model_id": MODEL, "results": [{**PIECE, "generated_token_count": 1}]},
    {"model_id": MODEL, "results": [{**TEXT["results"][0], "generated_text": "ses."}]},  # type: ignore[dict-item]
]


class Server:
    """Answers requests to models with what is scripted, and all others with a project."""

    def __init__(self, answer: Any, status: int = 200) -> None:
        self.answer, self.status = answer, status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if "/ml/v1/" not in request.url.path:
            return httpx.Response(200, json=PROJECT)
        if isinstance(self.answer, list):
            frames = [f"event: message\ndata: {json.dumps(item)}\n\n" for item in self.answer]
            kind = {"content-type": "text/event-stream"}
            return httpx.Response(200, content="".join(frames).encode(), headers=kind)
        return httpx.Response(self.status, json=self.answer)


def model_at(answer: Any, status: int = 200) -> Any:
    """A model's object, whose client is answered so and does not retry."""
    transport = httpx.MockTransport(Server(answer, status))
    client = watsonx.APIClient(
        watsonx.Credentials(url="https://us-south.ml.cloud.ibm.com", token="any"),
        httpx_client=httpx.Client(transport=transport),
        async_httpx_client=httpx.AsyncClient(transport=transport),
    )
    options = {"validate": False, "max_retries": 0, "params": {"temperature": 0.5}}
    return ModelInference(model_id=MODEL, api_client=client, project_id="p-1", **options)


def ask(model: Any, name: str, *args: Any, **more: Any) -> Any:
    """What a method returns, or the items of its stream."""
    if not name.startswith("a"):
        result = getattr(model, name)(*args, **more)
        return list(result) if name.endswith("_stream") else result

    async def aask() -> Any:
        result = await getattr(model, name)(*args, **more)
        return [item async for item in result] if name.endswith("_stream") else result

    return asyncio.run(aask())


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("name", ["chat", "achat", "chat_stream", "achat_stream"])
def test_chat(telemetry: Telemetry, name: str) -> None:
    """A chat has the settings of the model's object below those of the request."""
    model = model_at(CHUNKS if name.endswith("_stream") else CHAT)
    ask(model, name, HELLO, {"max_tokens": 64})
    attributes = telemetry.attributes
    assert telemetry.span.name == f"chat {MODEL}"
    assert attributes["gen_ai.provider.name"] == "ibm.watsonx.ai"
    assert attributes["server.address"] == "us-south.ml.cloud.ibm.com"
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.request.max_tokens"] == 64
    assert attributes["gen_ai.response.model"] == MODEL
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert telemetry.tokens == {"input": 9, "output": 4}
    assert "Which last longest?" in attributes["gen_ai.input.messages"]
    assert "Roses." in attributes["gen_ai.output.messages"]


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("name", ["generate", "generate_text", "agenerate"])
def test_text(telemetry: Telemetry, name: str) -> None:
    """A generated text is one call, by whichever method."""
    model = model_at(TEXT)
    ask(model, name, "Flowers:", {"max_new_tokens": 64})
    attributes = telemetry.attributes
    assert telemetry.span.name == f"text_completion {MODEL}"
    assert attributes["gen_ai.request.max_tokens"] == 64
    assert attributes["gen_ai.response.finish_reasons"] == ("eos_token",)
    assert telemetry.tokens == {"input": 9, "output": 4}
    assert "Flowers:" in attributes["gen_ai.input.messages"]
    assert "Roses." in attributes["gen_ai.output.messages"]


def test_several_prompts(telemetry: Telemetry) -> None:
    """Several prompts are one call with the tokens of all."""
    ask(model_at(TEXT), "generate", ["Flowers:", "Trees:"])
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("eos_token", "eos_token")
    assert telemetry.tokens == {"input": 18, "output": 8}


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("raw", [False, True], ids=["texts", "raw"])
def test_streamed_text(telemetry: Telemetry, raw: bool) -> None:
    """A stream of raw pieces states the counts so far in each; one of texts states none."""
    ask(model_at(PIECES), "generate_text_stream", "Flowers:", raw_response=raw)
    attributes = telemetry.attributes
    assert attributes["callspan.outcome"] == "completed"
    assert "Roses." in attributes["gen_ai.output.messages"]
    assert telemetry.tokens == ({"input": 9, "output": 4} if raw else {})


@pytest.mark.parametrize("name", ["chat", "achat"])
def test_error(telemetry: Telemetry, name: str) -> None:
    """A refused call has the first code of the answer."""
    model = model_at({"errors": [{"code": "model_not_supported", "message": "no"}]}, 404)
    with pytest.raises(watsonx.wml_client_error.ApiRequestFailure):
        ask(model, name, HELLO)
    attributes = telemetry.attributes
    assert attributes["error.type"] == "model_not_supported"
    assert attributes["http.response.status_code"] == 404
