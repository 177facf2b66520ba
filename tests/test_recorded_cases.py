"""Recorded responses of real providers, replayed through the real client: every fact they state is on the telemetry.

The recordings are not part of the project; they lie beside a checkout of its maintainers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent.parent.parent / "shared" / "cases"
MODES = (
    "sync",
    "async",
    "helper",
    "async-helper",
    "raw",
    "async-raw",
    "ctx",
    "early",
    "async-early",
)
CLIENTS = {
    "openai.": 1000,
    "anthropic.": 1000,
    "google.": 100,
    "groq.": 30,
    "together.": 30,
    "bedrock.": 700,
    "mistral.": 100,
    "cohere.": 200,
    "ollama.": 200,
}
"""The clients by the name of their cases, and how many facts there are at least."""
DRIVER = """
import callspan

SUPPORTS = %s


def setup(tracer_provider, meter_provider, logger_provider):
    callspan.instrument(
        tracer_provider=tracer_provider,
        meter_provider=meter_provider,
        logger_provider=logger_provider,
        capture="%s",
    )


def teardown():
    callspan.uninstrument()
"""


@pytest.mark.skipif(
    not CASES.exists(), reason="the recordings lie beside a maintainer's checkout, not in a clone"
)
@pytest.mark.parametrize("capture", ["span", "event"])
def test_every_fact(tmp_path: Path, capture: str) -> None:
    """Every fact of every case of the clients holds, in every mode; nothing is skipped but other clients."""
    driver, out = tmp_path / "driver.py", tmp_path / "out.json"
    driver.write_text(DRIVER % ({client.rstrip(".") for client in CLIENTS}, capture))
    command = [
        sys.executable,
        CASES / "replay.py",
        "--cases",
        CASES / "dev",
        "--driver",
        driver,
        "--out",
        out,
    ]
    command += ["--modes", ",".join(MODES), "--only", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    details = [
        call
        for call in json.loads(out.read_text())["details"]
        if call["api"].startswith(tuple(CLIENTS))
    ]
    failed = [
        f"{call['case']} {call['mode']} {name}: want {fact.get('want')!r}, got {fact.get('got')!r}"
        for call in details
        for name, fact in call["facts"].items()
        if fact["v"] != "pass"
    ]
    assert not failed, "\n".join(failed)
    assert {call["mode"] for call in details} == set(MODES)
    assert not [call["case"] for call in details if call["native_spans"]]
    for client, least in CLIENTS.items():
        assert sum(len(call["facts"]) for call in details if call["api"].startswith(client)) > least
