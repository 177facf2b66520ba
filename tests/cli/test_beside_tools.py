"""Programs in a Jupyter kernel, and beside Sentry's own tracing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import ASK, Command

NOTEBOOK = """
import nbclient, nbformat

cells = [nbformat.v4.new_code_cell(text) for text in {cells!r}]
notebook = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell.outputs:
        print(output.get("name", output.output_type), output.get("text", output.get("data", {{}}).get("text/plain")))
"""


def run_notebook(callspan: Command, write: Any, *cells: str, env: dict[str, str]) -> str:
    """Run cells in a kernel of their own under `callspan run`, and return what they show."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    write("ask.py", ASK)
    write("notebook.py", NOTEBOOK.format(cells=list(cells)))
    ran = callspan("run", "--file", "traces.jsonl", "notebook.py", env=env)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode()


def span_names(folder: Path) -> list[str]:
    """Return the names of the spans in the file, and in those of other processes."""
    names: list[str] = []
    for path in folder.glob("traces.jsonl*"):
        for line in path.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line).get("resourceSpans", ()):
                for scope in resource["scopeSpans"]:
                    names += [span["name"] for span in scope["spans"]]
    return names


def test_calls_in_a_notebook_are_traced(
    callspan: Command, write: Any, folder: Path, openai_variables: dict[str, str]
) -> None:
    """In cells with and without `await`; a kernel ends by a signal, and its spans arrive."""
    awaits = """
from openai import AsyncOpenAI
async with AsyncOpenAI() as client:
    answer = await client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": "hi"}])
answer.object"""
    output = run_notebook(
        callspan, write, "from ask import ask\nask().object", awaits, env=openai_variables
    )
    assert output.split("\n")[:2] == ["execute_result 'chat.completion'"] * 2
    assert span_names(folder) == ["chat gpt-4.1-mini"] * 2


SENTRY = """
import sentry_sdk
from openai import OpenAI
from sentry_sdk.integrations.openai import OpenAIIntegration
from sentry_sdk.transport import Transport

class Memory(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.type == "transaction":
                print(item.payload.json["transaction"])

# by name: to enable all that it finds would import all that is installed
sentry_sdk.init(
    dsn="http://k@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Memory, send_default_pii=True,
    auto_enabling_integrations=False, integrations=[OpenAIIntegration()],
)
question = dict(model="gpt-4.1-mini", messages=[{"role": "user", "content": "hi"}])
with sentry_sdk.start_transaction(name="job"), OpenAI() as client:
    print(client.chat.completions.create(**question).object)
    chunks = list(client.chat.completions.create(**question, stream=True))
    print(chunks[0].object)
sentry_sdk.flush()
"""


def test_calls_beside_sentry_are_traced(
    callspan: Command, write: Any, folder: Path, openai_variables: dict[str, str]
) -> None:
    """Sentry's integration wraps the client's methods above us, and its iterators ours."""
    pytest.importorskip("sentry_sdk", reason="sentry-sdk is not installed")
    write("ask.py", ASK)
    write("app.py", SENTRY)
    # Sentry imports eventlet where it is installed, whose DNS cannot be imported beside trio
    env = {**openai_variables, "EVENTLET_NO_GREENDNS": "yes", "PYTHONWARNINGS": "ignore"}
    ran = callspan("run", "--file", "traces.jsonl", "app.py", env=env)
    lines = ran.stdout.decode().splitlines()
    assert lines == ["chat.completion", "chat.completion.chunk", "job"], ran.stderr.decode()
    assert ran.stderr == b""
    assert span_names(folder) == ["chat gpt-4.1-mini"] * 2
