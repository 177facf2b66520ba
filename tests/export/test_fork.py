"""Forked children: sums from zero, files of their own, connections of their own, nothing twice."""

from __future__ import annotations

import json
import os

import pytest

from export.conftest import Program, Received

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

IN_CHILD = {
    "os.fork": """
if os.fork() == 0:
    in_child()
    sys.exit()
os.wait()
""",
    "multiprocessing": """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=in_child)
child.start()
child.join()
""",
}


@pytest.mark.parametrize("how", IN_CHILD)
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_child_sends_its_own_telemetry_and_its_own_sums(
    program: Program, how: str, protocol: str, request: pytest.FixtureRequest
) -> None:
    collector: Received = request.getfixturevalue(
        "grpc_collector" if protocol == "grpc" else "http_collector"
    )
    ran = program(
        """
providers.setup(from_environment())
call("parent")
call("parent")
providers.flush(20)  # a connection in use is not to be shared with the child

def in_child():
    call("child")

"""
        + IN_CHILD[how]
        + 'call("parent")',
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
    )
    assert ran.returncode == 0
    assert sorted(collector.spans) == ["child", "parent", "parent", "parent"]
    assert [value for _, value in collector.sums["calls"]] == [1, 3]


@pytest.mark.parametrize("how", IN_CHILD)
def test_a_child_writes_to_a_file_of_its_own_and_prints_its_own_trees(
    program: Program, how: str
) -> None:
    ran = program(
        """
providers.setup(Destinations(console=True, file="t.jsonl"))
root = trace.get_tracer("app").start_span("root")
def in_child():
    with trace.use_span(root):
        call("child")
"""
        + IN_CHILD[how]
        + "root.end()"
    )
    files = {
        path.name: path.read_text(encoding="utf-8") for path in program.folder.glob("t.jsonl*")
    }
    own = next(name for name in files if name != "t.jsonl")
    assert own.removeprefix("t.jsonl.").isdigit()
    assert '"child"' not in files["t.jsonl"]
    assert '"root"' not in files[own]
    assert [json.loads(line) for line in files[own].splitlines()]
    assert [line.split("  ")[0] for line in ran.stderr.splitlines()] == ["child", "root"]


def test_a_child_without_calls_leaves_no_trace(program: Program) -> None:
    ran = program(
        'providers.setup(Destinations(console=True, file="t.jsonl"))\ncall("parent")\ndef in_child(): pass\n'
        + IN_CHILD["os.fork"]
    )
    assert [path.name for path in program.folder.glob("t.jsonl*")] == ["t.jsonl"]
    assert len(ran.stderr.splitlines()) == 1


def test_each_process_prints_the_table_of_its_own_calls(program: Program) -> None:
    ran = program(
        """
from callspan.events import Call, Usage
providers.setup(Destinations(console=True))
table, *_ = providers.handlers()
def ask(model):
    asked = Call("chat", "openai", model)
    asked.response.usage = Usage(1, 2)
    table.on_end(asked, asked.response)
ask("in-parent")
def in_child():
    ask("in-child")
"""
        + IN_CHILD["os.fork"]
    )
    assert ran.stderr.count("in-child") == 1
    assert ran.stderr.count("in-parent") == 1


def test_a_child_that_configures_anew_leaves_the_parents_destinations_alone(
    program: Program,
) -> None:
    program(
        """
providers.setup(Destinations(file="t.jsonl"))
def in_child():
    providers.setup(Destinations(file="child.jsonl"))
    call("child")
"""
        + IN_CHILD["os.fork"]
        + 'call("parent")'
    )
    assert '"parent"' in (program.folder / "t.jsonl").read_text(encoding="utf-8")
    assert '"child"' in (program.folder / "child.jsonl").read_text(encoding="utf-8")


def test_a_child_that_can_start_no_thread_goes_on_with_the_destinations_that_need_none(
    program: Program, http_collector: Received
) -> None:
    ran = program(
        """
import threading
providers.setup(Destinations(file="t.jsonl"))
providers.setup(from_environment(), by="operator")
call("parent")
providers.flush(20)
def refuse(thread):
    raise RuntimeError("can't start new thread")
def in_child():
    start, threading.Thread.start = threading.Thread.start, refuse
    call("first")
    threading.Thread.start = start
    call("second")
    print("the child goes on", flush=True)
"""
        + IN_CHILD["os.fork"],
        OTEL_EXPORTER_OTLP_ENDPOINT=http_collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )
    assert "the child goes on" in ran.stdout, ran.stderr
    assert "can't start new thread; nothing goes there from this process" in ran.stderr
    assert http_collector.spans == ["parent"]
    own = next(program.folder.glob("t.jsonl.*"))
    assert '"second"' in own.read_text(encoding="utf-8")
