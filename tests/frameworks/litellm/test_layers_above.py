"""LiteLLM under a framework, and set up in every order."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import callspan
from callspan.testing.modelserver import ModelServer
from frameworks.litellm.models import ASK, CLAUDE, OPENAI, Model, litellm
from telemetry import Telemetry


@pytest.mark.parametrize("way", ["invoke", "stream", "left", "mocked"])
@pytest.mark.parametrize("model", [OPENAI, CLAUDE], ids=str)
def test_langchain(telemetry: Telemetry, model_server: ModelServer, model: Model, way: str) -> None:
    """LangChain over LiteLLM over a client, or over HTTP: one span, and it is LangChain's run that it stands for."""
    community = pytest.importorskip(
        "langchain_litellm", reason="langchain-litellm is not installed"
    )
    given = model.at(model_server)
    # older versions do not stream unless told to
    chat = community.ChatLiteLLM(
        **given, **({"streaming": True} if way in ("stream", "left") else {})
    )
    if way == "invoke":
        assert chat.invoke("Flowers?").content
    elif way == "mocked":
        assert chat.bind(mock_response="Roses.").invoke("Flowers?").content == "Roses."
        assert not telemetry.spans
        return
    else:
        for _chunk in chat.stream("Flowers?"):
            if way == "left":
                break
    gc.collect()
    callspan.flush()
    attributes = telemetry.attributes
    assert attributes["callspan.framework.name"] == "langchain"
    assert attributes["callspan.client.name"] == model.over
    assert attributes["callspan.outcome"] == ("abandoned" if way == "left" else "completed")


def test_left_in_the_middle(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A stream over a client's is left when its reader leaves, not when LiteLLM's objects are collected."""
    for model in (OPENAI, CLAUDE):
        stream = litellm.completion(messages=ASK, stream=True, **model.at(model_server))
        for _chunk in stream:
            break
        assert telemetry.attributes["callspan.outcome"] == "abandoned"
        assert isinstance(stream, litellm.CustomStreamWrapper)
        telemetry.clear()
        assert len(list(stream)) > 1  # reading on gives the rest
        assert not telemetry.spans


PROGRAM = """
import json, os, sys
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
url, order = sys.argv[1:]
if order == "litellm first":
    from litellm import acompletion, completion
import callspan
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
spans, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
callspan.instrument(tracer_provider=provider)
early = "litellm" in sys.modules
from litellm import acompletion, completion
import asyncio
given = dict(messages=[{"role": "user", "content": "Hi"}], api_key="k", api_base=url, model="hosted_vllm/x")
completion(**given)
asyncio.run(acompletion(**given))
seen = len(spans.get_finished_spans())
callspan.uninstrument()
completion(**given)
print(json.dumps([early, seen, len(spans.get_finished_spans())]))
"""


@pytest.mark.parametrize("order", ["litellm first", "callspan first"])
def test_names_taken_early(model_server: ModelServer, tmp_path: Path, order: str) -> None:
    """Functions that were imported by name before `instrument()` are heard, and callspan imports nothing of it."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, program, model_server.url, order],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert json.loads(ran.stdout.splitlines()[-1]) == [order == "litellm first", 2, 2]


def test_undone_exactly(telemetry: Telemetry) -> None:
    """After `uninstrument()` LiteLLM's decorators keep what they kept before."""

    def kept() -> list[Any]:
        found = []
        for name in ("completion", "acompletion", "embedding"):
            function: Any = getattr(sys.modules["litellm.main"], name)
            place = function.__code__.co_freevars.index("original_function")
            found.append(function.__closure__[place].cell_contents)
        return [*found, vars(litellm.litellm_core_utils.litellm_logging.Logging)["pre_call"]]

    patched = kept()
    callspan.uninstrument()
    before = kept()
    assert not any(one is other for one, other in zip(patched, before, strict=True))
    telemetry.instrument()
    callspan.uninstrument()
    assert all(one is other for one, other in zip(kept(), before, strict=True))


@pytest.mark.instrument(capture="span")
def test_content(telemetry: Telemetry, model_server: ModelServer) -> None:
    """What was said, on both sides, where it is captured."""
    litellm.completion(messages=ASK, **CLAUDE.at(model_server))
    asked, said = (
        json.loads(telemetry.attributes[f"gen_ai.{side}.messages"]) for side in ("input", "output")
    )
    assert asked[0]["parts"][0]["content"] == ASK[0]["content"]
    assert said[0]["parts"][0]["content"].startswith("You said")


def test_nothing_of_content_by_default(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Neither keys nor words leave the process unasked."""
    for model in (OPENAI, CLAUDE):
        litellm.completion(messages=ASK, **model.at(model_server))
    assert not any(
        secret in telemetry.everything()
        for secret in ("sk-test-secret", "Which flowers", "You said")
    )
