"""The command as a user runs it: in a process of its own, with a clean environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer

SRC = Path(__file__).resolve().parents[2] / "src"
COMMAND = (sys.executable, "-m", "callspan.cli")
SECONDS = 180

ASK = """
from openai import OpenAI

def ask(question="How long do tulips last?", **more):
    with OpenAI() as client:
        return client.chat.completions.create(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": question}], **more
        )
"""
"""A module that makes one plain call."""


def environment(**more: str) -> dict[str, str]:
    """Return the environment of this process without the variables of callspan and its clients."""
    ours = ("OTEL_", "CALLSPAN_", "OPENAI_", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return env | {"PYTHONPATH": str(SRC), "NO_PROXY": "127.0.0.1"} | more


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder in which the command runs."""
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Return a function that writes a file of the user's into the folder."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


Command = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def callspan(folder: Path) -> Command:
    """Return a function that runs `callspan` to its end."""

    def run(
        *words: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*COMMAND, *words],
            input=stdin,
            env=environment(**(env or {})),
            cwd=folder,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )

    return run


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """Run a model server, to which `openai_variables` lead."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def openai_variables(model: ModelServer) -> dict[str, str]:
    """Return the variables by which the openai client finds the model server."""
    return {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "test"}


def spans(file: Path) -> list[dict[str, Any]]:
    """Return the spans of a file of OTLP JSON lines, and of the files of other processes beside it."""
    lines = [
        line
        for path in sorted(file.parent.glob(f"{file.name}*"))
        for line in path.read_text().splitlines()
    ]
    resources = [
        resource for line in lines for resource in json.loads(line).get("resourceSpans", ())
    ]
    return [
        span
        for resource in resources
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def names(file: Path) -> list[str]:
    """Return the names of the spans in a file."""
    return sorted(span["name"] for span in spans(file))
