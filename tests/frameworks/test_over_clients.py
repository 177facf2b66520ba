"""Frameworks that callspan does not know, over clients that it watches."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from exits import MARK, Exits, secret
from telemetry import Telemetry


def told(telemetry: Telemetry, server: ModelServer, count: callspan.TokenCount) -> list[Any]:
    """The spans: one a request, with the tokens that the server has told, once each, in metrics and counters too."""
    spans, counts = telemetry.spans, server.ledger.total_told
    assert len(spans) == len(server.requests) == count.calls > 0
    assert {span.attributes["callspan.outcome"] for span in spans if span.attributes} == {
        "completed"
    }
    assert telemetry.tokens == {
        kind: n for kind, n in (("input", counts.input), ("output", counts.output)) if n
    }
    assert (count.input, count.output) == (counts.input, counts.output)
    return spans


# -- LlamaIndex over OpenAI --------------------------------------------------------------------------------------------


async def _aread(coming: Any) -> list[Any]:
    return [item async for item in await coming]


def _hello() -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage("Which flowers last longest?")]


WAYS: dict[str, Callable[[Any], Any]] = {
    "complete": lambda model: model.complete("Flowers?"),
    "chat": lambda model: model.chat(_hello()),
    "stream_chat": lambda model: list(model.stream_chat(_hello())),
    "stream_complete": lambda model: list(model.stream_complete("Flowers?")),
    "acomplete": lambda model: asyncio.run(model.acomplete("Flowers?")),
    "astream_chat": lambda model: asyncio.run(_aread(model.astream_chat(_hello()))),
}


@pytest.mark.parametrize("way", WAYS)
def test_calls_of_llama_index_count_once(
    telemetry: Telemetry, model_server: ModelServer, way: str
) -> None:
    """LlamaIndex over OpenAI's client: one span for a call, and its tokens once."""
    package = pytest.importorskip(
        "llama_index.llms.openai", reason="llama-index-llms-openai is not installed"
    )
    options = (
        {"additional_kwargs": {"stream_options": {"include_usage": True}}}
        if "stream" in way
        else {}
    )
    model = package.OpenAI(
        model="gpt-4.1-mini", api_base=model_server.url, api_key="any", max_retries=0, **options
    )
    with callspan.count_tokens() as count:
        assert WAYS[way](model)
    [span] = told(telemetry, model_server, count)
    assert span.name == "chat gpt-4.1-mini"


# -- CrewAI over LiteLLM over OpenAI, or over OpenAI -------------------------------------------------------------------

ANSWER = Reply(text="Thought: I now can give a great answer\nFinal Answer: Roses.")


@pytest.fixture
def crewai(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """CrewAI, which writes into a folder of the test's and tells its makers nothing."""
    for name, value in {
        "CREWAI_DISABLE_TELEMETRY": "true",
        "CREWAI_TRACING_ENABLED": "false",
        "CREWAI_STORAGE_DIR": str(tmp_path),
        "HOME": str(tmp_path),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else LiteLLM asks the network when it is imported
    }.items():
        monkeypatch.setenv(name, value)
    return pytest.importorskip("crewai", reason="crewai is not installed")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("over", ["litellm", "openai"])
def test_calls_of_crewai_count_once(
    telemetry: Telemetry, model_server: ModelServer, crewai: Any, over: str, asynchronous: bool
) -> None:
    """A crew whose model is LiteLLM's over OpenAI's client, or that client itself: one span for a call."""
    model = crewai.LLM(
        model="openai/gpt-4.1-mini",
        base_url=model_server.url,
        api_key="any",
        is_litellm=over == "litellm",
    )
    florist = crewai.Agent(
        role="Florist", goal="Sell flowers", backstory="Grew up in a garden", llm=model
    )
    tasks = [
        crewai.Task(description=text, expected_output="a flower", agent=florist)
        for text in ("Name a flower", "Name another")
    ]
    crew = crewai.Crew(agents=[florist], tasks=tasks)
    model_server.enqueue(ANSWER, ANSWER)
    with callspan.count_tokens() as count:
        answer = asyncio.run(crew.kickoff_async()) if asynchronous else crew.kickoff()
    assert answer.raw == "Roses."
    spans = told(telemetry, model_server, count)
    frameworks = {(span.attributes or {}).get("callspan.framework.name") for span in spans}
    assert frameworks == {"litellm" if over == "litellm" else None}
    assert {span.name for span in spans} == {"chat gpt-4.1-mini"}


# -- pydantic-ai over OpenAI -------------------------------------------------------------------------------------------


def test_no_content_of_pydantic_ai_leaves(model_server: ModelServer, tmp_path: Path) -> None:
    """Its exception carries the body of the answer, which quotes the prompt; none of it leaves the process."""
    pydantic_ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
    models = pytest.importorskip(
        "pydantic_ai.models.openai", reason="pydantic-ai is installed without OpenAI's client"
    )
    providers = importlib.import_module("pydantic_ai.providers.openai")
    provider = providers.OpenAIProvider(base_url=model_server.url, api_key=secret("api-key"))
    agent = pydantic_ai.Agent(models.OpenAIChatModel("gpt-4.1-mini", provider=provider))
    exits = Exits(tmp_path)
    model_server.enqueue(
        Reply(text=secret("answer")), Reply(status=400, error_message=secret("refusal"))
    )
    with exits.watched():
        assert MARK in agent.run_sync(secret("prompt")).output
        with pytest.raises(pydantic_ai.exceptions.ModelHTTPError) as raised:
            agent.run_sync(secret("prompt"))
    assert MARK in str(raised.value.body)
    outcomes = [(span.attributes or {})["callspan.outcome"] for span in exits.telemetry.spans]
    assert outcomes == ["completed", "error"]
    assert not exits.leaks()
