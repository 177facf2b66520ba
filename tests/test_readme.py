"""What README says is so: the picture of the demo, the table of clients, the settings, the code."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from write_readme import settings_table

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def callspan(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "callspan.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def between(name: str) -> str:
    """The part of README between two comments."""
    return README.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0]


def lasting(printed: str) -> list[str]:
    """The lines of the demo without what differs from run to run: times, ids, and the order of two customers."""
    without = re.sub(r"\b[\d.]+ m?s\b", "TIME", re.sub(r"\btrace [0-9a-f]{8}\b", "TRACE", printed))
    return sorted(re.sub(r" +", " ", line).strip() for line in without.splitlines() if line.strip())


def test_picture() -> None:
    """The picture is what the demo prints on stderr, below its introduction."""
    shown = between("demo").replace("```text\n", "").replace("```\n", "")
    assert lasting(shown) == lasting(callspan("demo").stderr.partition("\n\n")[2])


def test_clients() -> None:
    """The table of clients is the one that the command prints."""
    table = callspan("clients", "--markdown").stdout.strip()
    assert between("clients").strip() == table, "write it again by `make docs`"


def test_settings() -> None:
    """The table of settings is made of that in the code."""
    assert between("settings") == settings_table(), "write it again by `make docs`"


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_code(code: str) -> None:
    """The code is Python, and every name of ours in it exists."""
    compile(code, "README.md", "exec")
    package = __import__("callspan")
    for name in re.findall(r"callspan\.(\w+)", code):
        assert hasattr(package, name) or find_spec(f"callspan.{name}")
