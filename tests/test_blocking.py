"""Nothing of ours blocks an event loop: no first call, stream, error or callback, whatever is switched on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "langgraph", reason="the programs need the frameworks, which tests of old clients do without"
)

PROGRAM = Path(__file__).parent / "blocking_program.py"
CASES = (
    "plain",
    "failing",
    "messages",
    "generated",
    "proxied",
    "heard",
    "chain",
    "graph",
    "marked",
)
ALL_ON = {
    "capture": "both",
    "cost": True,
    "estimate": "missing",
    "redact": "common",
    "token_events": "all",
    "chunk_metrics": True,
}


def _run(case: str, options: dict[str, object]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), case, json.dumps(options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("options", [{}, ALL_ON], ids=["defaults", "all on"])
def test_nothing_blocks_an_event_loop(case: str, options: dict[str, object]) -> None:
    """In a fresh program, so that everything is done there for the first time."""
    run = _run(case, options)
    assert json.loads(run.stdout) == []
    assert "Traceback" not in run.stderr
