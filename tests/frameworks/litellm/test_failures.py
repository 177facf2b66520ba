"""Errors, and what LiteLLM and its router do about them: each request that is made is a call of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer, Reply
from frameworks.litellm.models import ASK, CLAUDE, GEMINI, OPENAI, VLLM, Model, litellm
from telemetry import Telemetry

BUSY = Reply(status=429, retry_after=2)
CODES = {CLAUDE: "rate_limit_error", GEMINI: "RESOURCE_EXHAUSTED", VLLM: "rate_limit_exceeded"}


def router(server: ModelServer, **options: Any) -> Any:
    """A router that knows one model over LiteLLM's own HTTP, and one over OpenAI's client."""
    known = {"own": CLAUDE, "client": OPENAI}
    models = [
        {"model_name": name, "litellm_params": model.at(server)} for name, model in known.items()
    ]
    return litellm.Router(model_list=models, **{"num_retries": 0, "retry_after": 0, **options})


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("model", CODES, ids=str)
def test_a_refusal(
    telemetry: Telemetry, model_server: ModelServer, model: Model, asynchronous: bool, stream: bool
) -> None:
    """The provider's own code, its status, and what it says of the request and of when to come again."""
    model_server.enqueue(BUSY)
    given = {"messages": ASK, "stream": stream, **model.at(model_server)}

    async def aread() -> None:
        answer = await litellm.acompletion(**given)
        if stream:
            _ = [chunk async for chunk in answer]

    with pytest.raises(litellm.exceptions.openai.APIStatusError):
        asyncio.run(aread()) if asynchronous else list(litellm.completion(**given))
    attributes = telemetry.attributes
    assert (attributes["error.type"], attributes["http.response.status_code"]) == (
        CODES[model],
        429,
    )
    assert attributes["http.response.header.retry-after"] == ("2",)
    assert attributes["callspan.outcome"] == "error"
    assert len(model_server.requests) == 1


def test_a_server_that_is_not_there(telemetry: Telemetry, model_server: ModelServer) -> None:
    """No answer, no code and no status, though LiteLLM makes one up: the exception's class says what it was."""
    given = CLAUDE.at(model_server)
    model_server.close()
    with pytest.raises(litellm.exceptions.openai.APIError) as raised:
        litellm.completion(messages=ASK, **given)
    assert telemetry.attributes["error.type"] == f"litellm.exceptions.{type(raised.value).__name__}"
    assert "http.response.status_code" not in telemetry.attributes


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_retries_of_litellm(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """A request that LiteLLM makes again is a call of its own; one that OpenAI's client makes again is not."""
    model_server.enqueue(Reply(status=500))
    ask = litellm.acompletion if asynchronous else litellm.completion
    found = ask(messages=ASK, num_retries=1, **CLAUDE.at(model_server))
    if asynchronous:
        asyncio.run(found)
    assert [span.attributes["callspan.outcome"] for span in telemetry.spans] == [
        "error",
        "completed",
    ]
    assert len(model_server.requests) == 2
    total = model_server.ledger.total_told
    assert telemetry.tokens == {"input": total.input, "output": total.output}


ROUTES = {
    "own": ("own", (), {}, [("litellm", "completed")]),
    "client": ("client", (), {}, [("openai", "completed")]),
    "retry": (
        "own",
        (Reply(status=500),),
        {"num_retries": 1},
        [("litellm", "error"), ("litellm", "completed")],
    ),
    "fallback": (
        "own",
        (Reply(status=500),),
        {"fallbacks": [{"own": ["client"]}]},
        [("litellm", "error"), ("openai", "completed")],
    ),
}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_router(
    telemetry: Telemetry, model_server: ModelServer, route: str, asynchronous: bool
) -> None:
    """A router's calls are those that it makes in the end, each once, with its retries and fallbacks."""
    name, replies, options, expected = ROUTES[route]
    model_server.enqueue(*replies)
    by = router(model_server, **options)
    if asynchronous:
        asyncio.run(by.acompletion(name, ASK))
    else:
        by.completion(name, ASK)
    spans = [
        (span.attributes["callspan.client.name"], span.attributes["callspan.outcome"])
        for span in telemetry.spans
    ]
    assert spans == expected
    assert len(model_server.requests) == len(expected)


def test_a_router_streams(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A stream that a router passes on ends as its reader saw it end."""

    async def read() -> None:
        stream = await router(model_server).acompletion("own", ASK, stream=True)
        _ = [chunk async for chunk in stream]

    asyncio.run(read())
    total = model_server.ledger.total_told
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert telemetry.tokens == {"input": total.input, "output": total.output}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_fallbacks_of_one_call(
    telemetry: Telemetry, model_server: ModelServer, asynchronous: bool
) -> None:
    """Each model that is tried is a call; the function around them is none."""
    model_server.enqueue(Reply(status=429))
    ask = litellm.acompletion if asynchronous else litellm.completion
    found = ask(messages=ASK, fallbacks=[OPENAI.at(model_server)], **CLAUDE.at(model_server))
    if asynchronous:
        asyncio.run(found)
    assert [span.attributes["callspan.client.name"] for span in telemetry.spans] == [
        "litellm",
        "openai",
    ]
