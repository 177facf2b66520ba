"""What README and the first page say is so: the pictures, and the lines that the landing check runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.documents.pictures import lasting_lines, picture

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_picture_of_the_demo() -> None:
    """The picture is what the demo prints on stderr, below its introduction."""
    command = [sys.executable, "-m", "callspan.cli", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    printed = done.stderr.partition("\n\n")[2]
    assert lasting_lines(picture("docs/start/script.md", "demo")) == lasting_lines(printed)


def test_picture_of_an_agent() -> None:
    """The two pages with the tree have the same one; tests/test_examples.py compares it with what is printed."""
    assert picture("README.md", "tree") == picture("docs/start/agents.md", "tree")


@pytest.mark.parametrize("text", ["callspan demo", ".venv/bin/pytest"])
def test_line_of_the_landing_check(text: str) -> None:
    """The first line with the text is one that a shell can run in a fresh clone."""
    line = next(line for line in README.splitlines() if text in line)
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install ")
