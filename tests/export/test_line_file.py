"""Files as they are in the world: rotated, torn, full, pipes; what was not written is a number."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from callspan.export import line_writer
from callspan.export.line_file import LineFile
from callspan.export.line_writer import LineWriter
from callspan.export.losses import ItemCount
from export.conftest import Program

LOST = re.compile(r"callspan: (\d+) spans? and 1 metric could not be written to '([^']+)'$")


def span_names(*paths: Path) -> list[str]:
    """The names of the spans in files of JSON lines."""
    lines = [
        json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [
        s["name"]
        for d in lines
        for r in d.get("resourceSpans", ())
        for x in r["scopeSpans"]
        for s in x["spans"]
    ]


ROTATION = """
    import shutil
    providers.setup(Destinations(file="t.jsonl"))
    call("before")
    providers.flush(20)
    {rotate}
    call("after")
    providers.flush(20)
    call("at exit")
"""


@pytest.mark.parametrize(
    ("rotate", "old"),
    [
        ('os.rename("t.jsonl", "t.jsonl.1")', ["before"]),
        ('shutil.copy("t.jsonl", "t.jsonl.1"); os.truncate("t.jsonl", 0)', ["before"]),
        ('os.remove("t.jsonl")', None),
        ('os.rename("t.jsonl", "t.jsonl.1"); open("t.jsonl", "w").close()', ["before"]),
    ],
    ids=["mv", "copytruncate", "rm", "mv and create"],
)
def test_a_rotated_file_is_opened_anew(
    program: Program, rotate: str, old: list[str] | None
) -> None:
    ran = program(ROTATION.replace("{rotate}", rotate))
    assert ran.stderr == ""
    assert span_names(program.folder / "t.jsonl") == ["after", "at exit"]
    if old is not None:
        assert span_names(program.folder / "t.jsonl.1") == old


def test_a_torn_last_line_takes_no_other_with_it(program: Program) -> None:
    path = program.folder / "t.jsonl"
    path.write_text('{"resourceSpans": [{"sco')
    program('providers.setup(Destinations(file="t.jsonl"))\ncall("whole")')
    torn, *whole = path.read_text().splitlines()
    assert torn == '{"resourceSpans": [{"sco'
    (program.folder / "rest.jsonl").write_text("\n".join(whole))
    assert span_names(program.folder / "rest.jsonl") == ["whole"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_what_a_full_disk_does_not_take_is_a_number(program: Program) -> None:
    ran = program("""
        import callspan
        callspan.configure(file="/dev/full")
        for _ in range(57):
            call("lost")
        print(callspan.flush(20), callspan.flush(20))
        print({row.signal: row.lost for row in callspan.status().losses if row.destination == "/dev/full"})
        print(callspan.status().problems)
    """)
    assert ran.stdout.splitlines() == [
        "False False",  # the second writes metrics once more, and they are lost too
        "{'traces': 57, 'metrics': 1}",
        "(\"57 spans and 1 metric could not be written to '/dev/full'\",)",
    ]
    why, lost = ran.stderr.splitlines()
    assert "No space left on device" in why
    assert LOST.match(lost) is not None


def test_a_file_at_its_limit_has_whole_lines_only_and_the_rest_is_counted(program: Program) -> None:
    ran = program("""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        providers.setup(Destinations(file="t.jsonl"))
        for number in range(100):
            call(f"call {number}")
        print(providers.flush(20))
        call("one more")
    """)
    assert ran.stdout == "False\n"
    lost = LOST.match(ran.stderr.splitlines()[-1])
    assert lost is not None, ran.stderr
    there = span_names(program.folder / "t.jsonl")
    assert there == [f"call {number}" for number in range(len(there))]
    assert len(there) + int(lost[1]) == 101


def test_a_half_line_that_cannot_be_taken_back_spoils_no_other(tmp_path: Path) -> None:
    """Another process has written behind it: the next line begins anew."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"half')
    file = LineFile(str(path))
    assert file.write(['{"a": 1}\n', '{"b": 2}\n']) == 2
    file.close()
    assert path.read_text() == '{"half\n{"a": 1}\n{"b": 2}\n'


def fifo(program: Program) -> Path:
    """A pipe with a name."""
    path = program.folder / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("reader", [False, True], ids=["without a reader", "that nobody drains"])
def test_a_pipe_that_takes_no_more_holds_up_nothing(program: Program, reader: bool) -> None:
    path = fifo(program)
    held = os.open(path, os.O_RDWR) if reader else None  # takes what a pipe holds, 64 KB
    try:
        ran = program(
            """
            import atexit, time
            began = []
            atexit.register(lambda: print(f"{time.monotonic() - began[0]:.3f}"))  # runs last
            providers.setup(Destinations(file="pipe"))
            for _ in range(300):
                call("x" * 1_000)
            atexit.register(lambda: began.append(time.monotonic()))
            """,
            CALLSPAN_FLUSH_TIMEOUT="1",
        )
    finally:
        if held is not None:
            os.close(held)
    assert ran.returncode == 0
    assert float(ran.stdout) < 3
    lost = LOST.match(ran.stderr.splitlines()[-1])
    assert lost is not None, ran.stderr
    assert int(lost[1]) == 300 if not reader else 230 < int(lost[1]) < 300
    assert ("nobody reads" in ran.stderr) is not reader


def test_a_pipe_has_all_when_its_reader_comes_later(program: Program) -> None:
    path, text = fifo(program), program.folder / "read.jsonl"
    begun = threading.Event()

    def read() -> None:
        begun.wait()
        with open(path, "rb") as pipe, text.open("wb") as copy:
            shutil.copyfileobj(pipe, copy)

    thread = threading.Thread(target=read)
    thread.start()
    begun.set()
    ran = program("""
        providers.setup(Destinations(file="pipe"))
        for number in range(200):
            call(f"{number}" + "x" * 2_000)
    """)
    thread.join()
    assert "could not be written" not in ran.stderr
    assert [name.strip("x") for name in span_names(text)] == [str(number) for number in range(200)]


class Stuck(LineFile):
    """A file whose disk hangs."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.free = threading.Event()

    def write(self, lines: list[str]) -> int:
        self.free.wait()
        return super().write(lines)


@pytest.mark.guard_acts("more waits than may")
def test_what_waits_has_a_limit_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guard_reports: Any
) -> None:
    monkeypatch.setattr(line_writer, "LIMIT_BYTES", 2_000_000)
    file, count = Stuck(str(tmp_path / "t.jsonl")), ItemCount()
    writer = LineWriter(file)
    for _ in range(1_000):
        writer.submit(count, 1, lambda: [("x" * 9_999 + "\n", 1)])
    assert 1_000 - line_writer.AHEAD * 2 - 200 <= count.lost <= 1_000 - 200
    lost = count.lost
    file.free.set()
    assert writer.wait(20)
    assert (tmp_path / "t.jsonl").read_text().count("\n") == 1_000 - lost
    assert count.lost == lost
    writer.stop()
    assert len(guard_reports.messages) == 1
    assert "2 MB wait for it, so some is dropped" in guard_reports.messages[0]
