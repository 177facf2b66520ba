"""A machine on which nothing can be written, no home is known, and stdin is closed."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from callspan.cli import main

from .conftest import ASK, COMMAND, environment, names


def test_no_folder_for_temporary_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python finds none on a read-only file system, and the rank files are looked for elsewhere."""

    def find_none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", find_none)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/nowhere")
    assert main(["tokens"]) == 0
    assert capsys.readouterr().out.startswith("o200k_base")


def test_no_home_and_a_closed_stdin(folder: Path, write, openai_variables: dict[str, str]) -> None:
    """A program is run and recorded as elsewhere."""
    write("app.py", f"{ASK}\nprint(ask().object)")
    env = environment(**openai_variables, CALLSPAN_ESTIMATE="missing")
    env.pop("HOME", None)
    words = [*COMMAND, "run", "--file", "traces.jsonl", "app.py"]
    ran = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *words],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "chat.completion\n", "")
    assert names(folder / "traces.jsonl") == ["chat gpt-4.1-mini"]
