"""Calls of apps whose tests put mocks in place of the network, or of the client itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx
import openai
import pytest

from telemetry import Telemetry

URL = "http://models.test/v1"
QUESTION: Any = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    """Make a client on httpx, which these mocks know, where newer versions have httpx2 by default."""
    http: Any = httpx.Client()
    with openai.OpenAI(base_url=URL, api_key="k", max_retries=0, http_client=http) as client:
        yield client


def test_respx_answers_a_call_that_is_traced(
    telemetry: Telemetry, client: openai.OpenAI, payload: Any
) -> None:
    """An error that it raises in place of an answer is the call's."""
    respx = pytest.importorskip("respx", reason="respx is not installed")
    with respx.mock(base_url=URL) as router:
        route = router.post("/chat/completions")
        route.respond(200, content=payload("openai/chat_basic.json"))
        answer = client.chat.completions.create(**QUESTION)
        route.mock(side_effect=httpx.ConnectTimeout("too slow"))
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(**QUESTION)
    first, second = telemetry.spans
    attributes = dict(first.attributes or {})
    assert attributes["gen_ai.usage.output_tokens"] == answer.usage.completion_tokens
    assert attributes["server.address"] == "models.test"
    assert dict(second.attributes or {})["error.type"] == "openai.APITimeoutError"


def test_pytest_httpx_answers_a_stream_that_is_traced(
    telemetry: Telemetry,
    client: openai.OpenAI,
    payload: Any,
    request: pytest.FixtureRequest,
) -> None:
    """Its transport gives the whole body at once, and the chunks are still followed."""
    pytest.importorskip("pytest_httpx", reason="pytest-httpx is not installed")
    httpx_mock = request.getfixturevalue("httpx_mock")
    httpx_mock.add_response(
        content=payload("openai/chat_stream.sse"), headers={"content-type": "text/event-stream"}
    )
    chunks = list(client.chat.completions.create(**QUESTION, stream=True))
    assert chunks
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_a_mock_of_the_method_is_no_call(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Nothing was asked of a model."""
    with mock.patch.object(client.chat.completions, "create", autospec=True) as create:
        create.return_value.object = "a mock"
        assert client.chat.completions.create(**QUESTION).object == "a mock"
        create.assert_called_once_with(**QUESTION)
    assert telemetry.spans == []


def test_a_mock_below_the_client_returns_what_it_was_set_to(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """Also where the answer is no answer of the client's, as mocks are."""
    answer = mock.MagicMock(name="answer")
    no_network = mock.patch.object(
        httpx.Client, "send", side_effect=httpx.ConnectError("no network")
    )
    with no_network, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**QUESTION)
    with mock.patch.object(client.chat.completions, "_post", return_value=answer):
        assert client.chat.completions.create(**QUESTION) is answer
    assert telemetry.attributes["error.type"] == "openai.APIConnectionError"


def test_specs_of_clients_are_as_without_us(telemetry: Telemetry) -> None:
    """`create_autospec` reads signatures and refuses wrong arguments."""
    spec = mock.create_autospec(openai.OpenAI, instance=True)
    with pytest.raises(TypeError):
        spec.request()
    spec.request(cast_to=object, options={})
    assert telemetry.spans == []
