"""Models that vLLM runs in the program.

vLLM takes gigabytes and needs its hardware, so a package with the same names and fields stands in for it, written
from the source of vllm 0.33; the real one was not run.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from telemetry import Telemetry

_MODULE = """
from dataclasses import dataclass
from types import SimpleNamespace


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: object = None
    stop: object = None
    max_tokens: object = 16


class LLM:
    def __init__(self, model):
        self.model_config = SimpleNamespace(model=model)

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True):
        return self._run(prompts if isinstance(prompts, list) else [prompts], sampling_params)

    def chat(self, messages, sampling_params=None, use_tqdm=True, *, tools=None):
        chats = messages if isinstance(messages[0], list) else [messages]
        return self._run(chats, sampling_params)

    def _run(self, prompts, sampling_params):
        if "wrong" in str(prompts):
            raise ValueError("whisper-reason")
        answers = sampling_params.n if isinstance(sampling_params, SamplingParams) else 1
        return [self._output(number, answers) for number in range(len(prompts))]

    def _output(self, number, answers):
        outputs = [
            SimpleNamespace(index=i, text="Roses.", token_ids=[1, 2, 3], finish_reason="stop")
            for i in range(answers)
        ]
        return SimpleNamespace(
            prompt_token_ids=[1] * (number + 4), outputs=outputs, num_cached_tokens=2
        )
"""


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, telemetry: Telemetry) -> Iterator[Any]:
    """The package that stands in for vLLM, imported after callspan was set up."""
    folder = tmp_path / "vllm" / "entrypoints"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "llm.py").write_text(_MODULE)
    (tmp_path / "vllm" / "__init__.py").write_text(
        "from vllm.entrypoints.llm import LLM, SamplingParams\n"
    )
    info = tmp_path / "vllm-0.33.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.33.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("vllm")
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


@pytest.mark.instrument(capture="span")
def test_prompts(telemetry: Telemetry, vllm: Any) -> None:
    """A batch is one call with an answer for each prompt, and the tokens of all; it is INTERNAL."""
    settings = vllm.SamplingParams(temperature=0.5, max_tokens=9, seed=7)
    model = vllm.LLM("/home/somebody/flowers")
    results = model.generate(["Which?", {"prompt": "How many?"}], settings)
    assert [result.outputs[0].text for result in results] == ["Roses.", "Roses."]
    span, attributes = telemetry.span, telemetry.attributes
    assert (span.name, span.kind) == ("text_completion flowers", SpanKind.INTERNAL)
    assert attributes["gen_ai.provider.name"] == "vllm"
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.request.max_tokens"] == 9
    assert attributes["gen_ai.request.seed"] == 7
    assert attributes["gen_ai.response.finish_reasons"] == ("stop", "stop")
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 4
    assert telemetry.tokens == {"input": 4 + 5, "output": 6}
    assert "How many?" in attributes["gen_ai.input.messages"]
    assert len(json.loads(attributes["gen_ai.output.messages"])) == 2
    assert "somebody" not in telemetry.everything()


def test_several_answers(telemetry: Telemetry, vllm: Any) -> None:
    """A prompt is counted once, whatever the number of its answers."""
    vllm.LLM("org/flowers").generate("Which?", vllm.SamplingParams(n=3))
    assert telemetry.span.name == "text_completion org/flowers"
    assert telemetry.attributes["gen_ai.request.choice.count"] == 3
    assert telemetry.tokens == {"input": 4, "output": 9}


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize(
    "chats",
    [
        1,
        pytest.param(
            2, marks=pytest.mark.breaks("span.finish", "each conversation has an answer of its own")
        ),
    ],
)
def test_chat(telemetry: Telemetry, vllm: Any, chats: int) -> None:
    """One conversation, or several, is one call."""
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which?"}]
    vllm.LLM("flowers").chat(chat if chats == 1 else [chat, chat])
    assert telemetry.span.name == "chat flowers"
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("stop",) * chats
    assert telemetry.attributes["gen_ai.input.messages"].count("Which?") == chats


def test_settings_of_each_prompt(telemetry: Telemetry, vllm: Any) -> None:
    """Settings that differ by prompt are no settings of the call; nothing is recorded of the text."""
    settings = [vllm.SamplingParams(temperature=0.1), vllm.SamplingParams(temperature=0.9)]
    vllm.LLM("flowers").generate(["Which?", "How many?"], settings)
    assert "gen_ai.request.temperature" not in telemetry.attributes
    assert not [word for word in ("Which", "Roses") if word in telemetry.everything()]


def test_error(telemetry: Telemetry, vllm: Any) -> None:
    """The app gets the very exception, and its text is not recorded."""
    with pytest.raises(ValueError, match="whisper-reason"):
        vllm.LLM("flowers").generate("wrong")
    assert telemetry.attributes["error.type"] == "ValueError"
    assert "whisper-reason" not in telemetry.everything()
