"""Compaction and edited images, which LiteLLM asks for over its own HTTP."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import httpx
import pytest

from frameworks.litellm.models import litellm
from telemetry import Telemetry

WAYS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
HTTP: Any = importlib.import_module("litellm.llms.custom_httpx.http_handler")
COMPACTED = {
    "id": "resp_1",
    "object": "response.compaction",
    "created_at": 1,
    "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "opaque"}],
    "usage": {"input_tokens": 40, "output_tokens": 8, "total_tokens": 48},
}
EDITED = {
    "created": 1,
    "data": [{"b64_json": "aGVsbG8="}],
    "usage": {
        "input_tokens": 30,
        "output_tokens": 9,
        "total_tokens": 39,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 20},
    },
}


def done(name: str, body: dict[str, Any], asynchronous: bool, **options: Any) -> Any:
    """Return what a function gives for this answer."""
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=body))
    if not asynchronous:
        client = HTTP.HTTPHandler(client=httpx.Client(transport=transport))
        return getattr(litellm, name)(client=client, api_key="sk-test-secret", **options)
    client = HTTP.AsyncHTTPHandler()
    client.client = httpx.AsyncClient(transport=transport)
    return asyncio.run(
        getattr(litellm, f"a{name}")(client=client, api_key="sk-test-secret", **options)
    )


@WAYS
def test_compaction(telemetry: Telemetry, asynchronous: bool) -> None:
    """A conversation that a model makes shorter is one chat with its tokens."""
    done("compact_responses", COMPACTED, asynchronous, model="openai/gpt-5", input="Flowers?")
    (span,) = telemetry.spans
    assert span.name == "chat gpt-5"
    assert span.attributes["gen_ai.response.finish_reasons"] == ("compaction",)
    assert span.attributes["callspan.framework.name"] == "litellm"
    assert telemetry.tokens == {"input": 40, "output": 8}


@WAYS
def test_an_edited_image(telemetry: Telemetry, asynchronous: bool) -> None:
    """An image that is changed is made anew: one call with its output type."""
    done(
        "image_edit",
        EDITED,
        asynchronous,
        model="openai/gpt-image-1",
        image=b"png",
        prompt="Add roses",
    )
    (span,) = telemetry.spans
    assert span.name == "generate_content gpt-image-1"
    assert span.attributes["gen_ai.output.type"] == "image"
    assert span.attributes["callspan.framework.name"] == "litellm"
    assert "Add roses" not in telemetry.everything()
