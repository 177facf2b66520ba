"""Fixtures for all tests, and two checks after each: the guard did not act, and nothing is open."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry import trace

import callspan
from callspan.lifecycle.batches import memory
from callspan.lifecycle.observation import open_observations
from callspan.runtime import guard
from callspan.testing.modelserver import ModelServer
from clients import has, openai_client
from program import Program
from scripted import ScriptedServer
from telemetry import Telemetry

PAYLOADS = Path(__file__).parent / "payloads"


def pytest_configure(config: pytest.Config) -> None:
    """Register our markers."""
    # A shell makes the programs that it runs in the background ignore these signals, and so would
    # the programs that tests start, which inherit it.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    config.addinivalue_line(
        "markers", "guard_acts(reason): the guard has to report something, and must"
    )
    config.addinivalue_line(
        "markers", "guard_may_act(reason): what the guard reports is looked at by the test itself"
    )
    config.addinivalue_line(
        "markers", "needs(path): something that older versions of the client do not have"
    )
    config.addinivalue_line(
        "markers", "breaks(rule, reason): a rule of the conventions that cannot be kept here"
    )
    config.addinivalue_line(
        "markers", "instrument(**options): options for the instrument() of the telemetry fixture"
    )


def pytest_collection_finish() -> None:
    """Import the late modules of the client, and make later garbage collections cheap."""
    for path in ("chat.completions", "responses", "completions", "embeddings"):
        has(path)
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what an older client cannot do."""
    for marker in item.iter_markers("needs"):
        if not has(marker.args[0]):
            pytest.skip(f"openai {openai.__version__} has no {marker.args[0]}")


class _Reports(logging.Handler):
    """The warnings of the guard."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if Path(record.pathname) == Path(guard.__file__):
            self.records.append(record)

    @property
    def messages(self) -> list[str]:
        """The texts of the warnings."""
        return [record.getMessage() for record in self.records]

    def __str__(self) -> str:
        return "\n".join(logging.Formatter().format(record) for record in self.records)


@pytest.fixture(autouse=True)
def guard_reports(request: pytest.FixtureRequest) -> Iterator[_Reports]:
    """Record the warnings of the guard: none, unless the test declares it, and then some."""
    reports = _Reports()
    guard.forget()
    logging.getLogger("callspan").addHandler(reports)
    yield reports
    logging.getLogger("callspan").removeHandler(reports)
    guard.forget()
    declared = request.node.get_closest_marker("guard_acts")
    if request.node.get_closest_marker("guard_may_act"):
        return
    if declared is None:
        assert not reports.records, f"the guard had to act:\n{reports}"
    else:
        assert reports.records, f"the guard did not act, though declared: {declared.args[0]}"


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Check that after a test no call is open, and no thread of ours runs twice."""
    yield
    if open_observations:
        gc.collect()
        callspan.flush()
    left = [observation.call for observation in open_observations]
    for observation in list(open_observations):
        observation.abandon()
    assert not left, f"calls left open: {[(call.operation, call.model) for call in left]}"
    assert trace.get_current_span() is trace.INVALID_SPAN, "a span is left in force"
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("callspan")]
    assert sorted(names) == sorted(set(names)), f"threads left: {names}"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the variables of the machine from the test."""
    for name in list(os.environ):
        if name.startswith(
            ("CALLSPAN_", "OTEL_", "OPENAI_", "AZURE_OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_")
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def no_results_read() -> Iterator[None]:
    """Forget which results of batches other tests have read."""
    memory.clear()
    yield
    memory.clear()


@pytest.fixture
def telemetry(request: pytest.FixtureRequest) -> Iterator[Telemetry]:
    """Instrument with providers of the test's own.

    Options stand in a marker, such as `@pytest.mark.instrument(capture="both")`.
    """
    telemetry = Telemetry()
    marker = request.node.get_closest_marker("instrument")
    telemetry.instrument(**(marker.kwargs if marker else {}))
    yield telemetry
    callspan.uninstrument()
    declared = {marker.args[0] for marker in request.node.iter_markers("breaks")}
    if "span.required" in declared:
        # the event of a call has the attributes of its span, and lacks the same
        declared.add("event.required")
    broken = telemetry.violations()
    # for `python -m tests.conformance`
    request.node.user_properties.append(("checked spans", len(telemetry.spans)))
    request.node.user_properties.append(("broken rules", {each.rule for each in broken}))
    telemetry.shutdown()
    violations = [each for each in broken if each.rule not in declared]
    assert not violations, "against the conventions:\n" + "\n".join(map(str, violations))


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads take turns about each microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """Run a scripted model server on loopback."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    """Run a server on loopback that answers any path."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def client(model_server: ModelServer) -> Iterator[openai.OpenAI]:
    """Make OpenAI's client, which speaks to the model server and does not retry."""
    with openai_client(model_server.url) as client:
        yield client


@pytest.fixture
def payload() -> Any:
    """Return a function that reads a payload by its name, such as `openai/chat_basic.json`."""
    return lambda name: (PAYLOADS / name).read_bytes()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def program(request: pytest.FixtureRequest, model_server: ModelServer) -> Program:
    """Return a program that calls the model server, once in sync and once in async code."""
    return Program(model_server.url, request.param)


@pytest.fixture(params=["off", "both"], ids=["content-off", "content-on"])
def capture(request: pytest.FixtureRequest, telemetry: Telemetry) -> str:
    """Instrument once without and once with the capture of content."""
    telemetry.instrument(capture=request.param)
    return request.param
