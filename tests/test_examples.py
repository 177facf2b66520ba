"""Each program in examples/ runs against the model server and prints what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from callspan.modelserver import ModelServer

EXAMPLES = Path(__file__).parent.parent / "examples"
PRINTED = {
    "flower_shop.py": ["A tulip woke before the sun", "12 of our tulip stems cost 14.40 euros", "sunflower"],
    "handlers.py": ["[completed]", "gpt-4.1-mini: ", "two customers were served"],
    "count_tokens.py": ["morning: 1 call, ", "so far:  4 calls, ", "day:     gpt-4.1-mini: 6 calls, "],
    "own_opentelemetry.py": ["chat gpt-4.1-mini, child of "],
}


@pytest.mark.parametrize("name", PRINTED)
def test_example(name: str) -> None:
    """The example ends well, with nothing but notes of ours on stderr."""
    with ModelServer() as server:
        done = _run(EXAMPLES / name, server.url)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for expected in PRINTED[name]:
        assert expected in done.stdout


def test_no_example_is_forgotten() -> None:
    """Every program in the folder is in the table above."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTED)


def test_own_opentelemetry_is_the_parent() -> None:
    """The call's span is a child of the app's own."""
    with ModelServer() as server:
        printed = _run(EXAMPLES / "own_opentelemetry.py", server.url).stdout
    order = printed.split("the order is ")[1].split()[0]
    assert f"child of {order}" in printed


def _run(path: Path, url: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, path], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
