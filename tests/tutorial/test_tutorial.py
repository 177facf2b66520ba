"""Programs with LangChain's old imports, which know nothing of callspan, under `callspan run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from callspan.testing.modelserver import Counts, ModelServer

pytest.importorskip(
    "langchain.chains", reason="the old imports need langchain 0.3 with langchain-community"
)

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ran:
    """A program that has run: what it printed, its spans, where it wrote, and what the server told it."""

    printed: str
    spans: list[dict[str, Any]]
    folder: Path
    told: Counts

    def attribute(self, name: str) -> list[Any]:
        """The values of one attribute of all spans, those that have it."""
        found = [
            entry["value"]
            for span in self.spans
            for entry in span["attributes"]
            if entry["key"] == name
        ]
        return [next(iter(value.values())) for value in found]


def run(name: str, folder: Path) -> Ran:
    """Run a program of this folder, unchanged, under `callspan run`."""
    command = [sys.executable, "-m", "callspan.cli", "run", "--file", "traces.jsonl", HERE / name]
    with ModelServer() as server:
        env = {
            **os.environ,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "none",
            "PYTHONIOENCODING": "utf-8",
        }
        done = subprocess.run(
            command,
            env=env,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        total = server.ledger.total_told
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    lines = (folder / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    return Ran(
        done.stdout, [span for line in lines for span in _spans(json.loads(line))], folder, total
    )


def _spans(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in line.get("resourceSpans", ()):
        for scope in resource["scopeSpans"]:
            yield from (
                span for span in scope["spans"] if span["kind"] == 3
            )  # CLIENT: calls of models


def test_chain(tmp_path: Path) -> None:
    """The chain prints, writes its file and logs as without us, and its call is a span."""
    ran = run("chain.py", tmp_path)
    assert [span["name"] for span in ran.spans] == ["text_completion gpt-3.5-turbo-instruct"]
    assert "Entering new LLMChain chain..." in ran.printed
    written = (ran.folder / "chain.log").read_text(encoding="utf-8")
    assert all(word in written for word in ("1 + 2 = ", "Finished chain.", "the sum is 3"))


def test_handlers(tmp_path: Path) -> None:
    """Handlers of the program's own hear each word, the async one the start and the end; the call is one span."""
    ran = run("handlers.py", tmp_path)
    assert [span["name"] for span in ran.spans] == ["chat gpt-3.5-turbo"]
    lines = ran.printed.splitlines()
    assert (lines[0], lines[-1]) == (
        "asked: Human: 哪种花卉最适合生日?",
        "answered: 生日适合送粉玫瑰、百合和向日葵。",
    )
    assert (
        "".join(line.removeprefix("word: ") for line in lines[1:-1])
        == "生日适合送粉玫瑰、百合和向日葵。"
    )


def test_tokens(tmp_path: Path) -> None:
    """Six calls are six spans, whose tokens are what the server handed out and what LangChain's own counters say."""
    ran = run("tokens.py", tmp_path)
    tokens = [
        int(n) for name in ("input", "output") for n in ran.attribute(f"gen_ai.usage.{name}_tokens")
    ]
    assert (len(ran.spans), len(tokens), sum(tokens)) == (6, 12, ran.told.input + ran.told.output)
    first, _, second = ran.printed.splitlines()[-1].removeprefix("tokens: ").partition(" and ")
    assert int(first) + int(second) == sum(tokens)
    assert "AI:" in ran.printed
    assert "记得,您昨天来是为姐姐的生日买花束" in ran.printed
