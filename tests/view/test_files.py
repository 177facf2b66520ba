"""Files that grow, are torn and are rotated, and what is printed of them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from callspan.view.follow import BLOCK, FollowedFile
from callspan.view.receiving import keep_documents
from callspan.view.store import Store

from .conftest import COMMAND, Page, until
from .lines import chat, span, text


def line(number: int, name: str) -> str:
    """One trace as a line of a file."""
    return text([span(number, name, chat("a", "b"), trace=number, start=number)])


def test_a_file_is_followed_while_it_grows_is_torn_and_rotated(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(line(1, "first") + "no JSON\n")
    client = page(path)
    until(client, "/", "first")
    whole = line(2, "second")
    with path.open("a") as file:
        file.write(whole[:50])
        file.flush()
        file.write(whole[50:])
    until(client, "/", "second")
    path.rename(tmp_path / "traces.jsonl.1")
    path.write_text(line(3, "third"))
    until(client, "/", "third")
    os.truncate(path, 0)
    path.write_text(line(4, "x"))
    until(client, "/", ">x<")
    assert "first" in client.get("/").text


def printed(*words: object) -> subprocess.CompletedProcess[str]:
    """What the command prints."""
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a good trace and then a failed one."""
    path = tmp_path / "traces.jsonl"
    failed = span(
        2,
        "chat n",
        {"gen_ai.operation.name": "chat", "error.type": "timeout"},
        trace=2,
        start=9,
        error=True,
    )
    path.write_text(line(1, "chat m") + text([failed]))
    return path


def test_traces_as_text(path: Path) -> None:
    assert "chat n   ? → ? tokens   0.10 s   error timeout" in printed(path, "--last").stdout
    assert "chat m   10 → 20 tokens   0.10 s" in printed(path, "--trace", "0" * 31 + "1").stdout
    assert "chat m" not in printed(path, "--errors").stdout
    assert printed(path, "--errors", "--trace", "0" * 31 + "1").returncode == 1


def test_traces_as_json(path: Path) -> None:
    traces = [json.loads(each) for each in printed(path, "--json").stdout.splitlines()]
    assert [trace["spans"][0]["name"] for trace in traces] == ["chat m", "chat n"]


def test_no_such_trace(path: Path) -> None:
    result = printed(path, "--trace", "abc")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "callspan: no such trace\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["missing.jsonl"], "missing.jsonl is no file"),
        (["--last"], "name the files to read"),
        (["--keep", "0"], "--keep takes a number of spans"),
        (["--port", "70000"], "'70000' is no port"),
        (["--trace", "xyz", os.devnull], "is no file"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], says: str) -> None:
    result = printed(*words)
    assert result.returncode == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    """It is not touched."""
    file = tmp_path / "books.db"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE spans (pages INTEGER)")
    content = file.read_bytes()
    result = printed("--db", str(file))
    assert result.returncode == 2
    assert result.stderr == (
        f"callspan: {file} cannot be used: it is of another program or version; name a new file\n"
    )
    assert file.read_bytes() == content


def test_spans_stay_in_a_database(page: Page, tmp_path: Path) -> None:
    """A second page on the same file shows what the first has taken in, and so does the text."""
    traces = tmp_path / "traces.jsonl"
    traces.write_text(text([span(1, "chat", chat("Red?", "Roses"))]))
    for words in ([traces], []):
        client = page("--db", tmp_path / "kept.db", *words)
        assert "Roses" in until(client, "/", "Roses")
        assert "Red?" in client.get(f"/traces/{1:032x}").text


def test_a_port_that_is_taken(page: Page) -> None:
    result = printed("--port", str(page().base_url.port))
    assert result.returncode == 2
    assert "use --port" in result.stderr


def test_run_with_a_page(tmp_path: Path) -> None:
    """The page is there for the program's spans, and is no child of the program."""
    app = tmp_path / "app.py"
    app.write_text(
        "import os, callspan\n"
        "with callspan.workflow('order'):\n    pass\n"
        "try:\n    os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError:\n    print('no child')\n"
    )
    command = [
        sys.executable,
        "-m",
        "callspan.cli",
        "run",
        "--view",
        "--file",
        tmp_path / "t.jsonl",
        app,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "no child\n"
    said = next(each for each in result.stderr.splitlines() if "the page is at" in each)
    address, process = re.findall(r"at (\S+) \(process (\d+),", said)[0]
    try:
        assert "Traces" in httpx.get(address, timeout=60).text
    finally:
        os.kill(int(process), signal.SIGTERM)


def test_a_long_trace_is_summed_up_once_a_block(tmp_path: Path) -> None:
    """A file has a line for each span, and a sum reads the whole trace: each line by itself took minutes."""
    path = tmp_path / "traces.jsonl"
    spans = [span(number, "chat m", chat("a", "b"), trace=1) for number in range(1, 1001)]
    path.write_text("".join(text([each]) for each in spans))
    store = Store()
    for documents in FollowedFile(path).read():
        keep_documents(store, documents)
    assert store.value("SELECT spans FROM traces") == 1000
    # the version grows with each step
    assert store.version <= 1 + path.stat().st_size // BLOCK
