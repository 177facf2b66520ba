"""The first call waits for no import: what its telemetry needs is imported before, on a thread."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from receiver import Receiver

from .conftest import ASK, Command, spans

PREPARED = """
import json, os, sys, threading, time
from ask import ask, OpenAI

def preparation():
    return [thread for thread in threading.enumerate() if thread.name == "callspan-preparation"]

def imports_of_a_call():
    before = set(sys.modules)
    ask()
    return sorted(set(sys.modules) - before)
"""
WAITING = """
OpenAI().chat.completions  # what the client itself imports late
for thread in preparation():
    thread.join()
print(json.dumps(imports_of_a_call()))
"""
DESTINATIONS = {
    "console": {"CALLSPAN_CONSOLE": "true"},
    "file and Prometheus": {"CALLSPAN_FILE": "traces.jsonl", "CALLSPAN_PROMETHEUS": "127.0.0.1:0"},
    "OTLP by HTTP": {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    "OTLP by gRPC": {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "CALLSPAN_FLUSH_TIMEOUT": "0.1"},
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A collector on loopback."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def ask(write) -> None:
    """A module with a plain call."""
    write("ask.py", ASK)


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_nothing_is_imported_within_the_first_call(
    callspan: Command,
    write,
    openai_variables: dict[str, str],
    ask: None,
    receiver: Receiver,
    destination: str,
) -> None:
    """But for what the client imports in its own first request, which it does without us too."""
    write("app.py", PREPARED + WAITING)
    env = {**openai_variables, **DESTINATIONS[destination]}
    if destination.startswith("OTLP"):
        env["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.url
    bare = callspan("run", "app.py", env={**openai_variables, "OTEL_SDK_DISABLED": "true"})
    watched = callspan("run", "app.py", env=env)
    assert watched.returncode == bare.returncode == 0, watched.stderr
    assert set(json.loads(watched.stdout)) <= set(json.loads(bare.stdout))


def test_a_child_forked_within_an_import_prepares_itself(
    callspan: Command, folder, write, openai_variables: dict[str, str], ask: None
) -> None:
    """No lock of an import is held for ever there, and its first call finds all that it needs."""
    write(
        "app.py",
        PREPARED
        + """
while "opentelemetry.sdk.resources" not in sys.modules:
    time.sleep(0.001)  # the preparation is under way, and nothing else tells how far it has come
sys.stdout.flush()
child = os.fork()
if child == 0:
    assert preparation()
    OpenAI().chat.completions
    for thread in preparation():
        thread.join()
    ours = ("callspan", "opentelemetry")
    print(json.dumps([name for name in imports_of_a_call() if name.startswith(ours)]))
    sys.exit()
assert not preparation()  # Python warns of a fork where there are threads
assert os.waitpid(child, 0)[1] == 0
ask()
""",
    )
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout) == []
    assert len(spans(folder / "traces.jsonl")) == 2
