"""What is wrong is said in one line that names the fix, with exit code 2, before anything is started."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from .conftest import SRC, Command

CASES = [
    (["rum"], "did you mean 'run'"),
    (["app.py"], "did you mean 'callspan run app.py'"),
    (["--verson"], "did you mean '--version'"),
    (["run"], "callspan run app.py"),
    (["run", "--file", "x.jsonl"], "callspan run app.py"),
    (["run", "--fil", "x", "app.py"], "did you mean '--file'"),
    (["run", "-u", "app.py"], "callspan run python -u app.py"),
    (["run", "--file"], "callspan run --help"),
    (["run", "--capture", "spam", "app.py"], "did you mean 'span'"),
    (["run", "--capture=everything", "app.py"], "off, span, event, both"),
    (["run", "--semconv", "lastest", "app.py"], "did you mean 'latest'"),
    (["run", "--clients", "opneai", "app.py"], "did you mean 'openai'"),
    (["run", "--clients", "", "app.py"], "known clients are"),
    (["run", "--disable", "openai,nosuch", "app.py"], "unknown client 'nosuch'"),
    (["run", "--token-events", "some", "app.py"], "first, all, off"),
    (["run", "--service-name", "", "app.py"], "give it a value"),
    (["run", "--request-usage=yes", "app.py"], "callspan run --help"),
    (["run", "--no-console", "app.py"], "--file traces.jsonl"),
    (["run", "--otlp", "host:4317", "app.py"], "write http://host:4317"),
    (["run", "--otlp", "http://host:4318/v1/traces", "app.py"], "write http://host:4318"),
    (["run", "--otlp", "ftp://host", "app.py"], "http://host"),
    (["run", "--file", ".", "app.py"], "traces.jsonl"),
    (["run", "--file", "no/such/x.jsonl", "app.py"], "mkdir -p"),
    (["run", "--prometheus", "here", "app.py"], "HOST:PORT"),
    (["run", "--prometheus", "127.0.0.1:99999", "app.py"], "HOST:PORT"),
    (["run", "--prometheus", "192.0.2.1:9464", "app.py"], "use 127.0.0.1 or 0.0.0.0"),
    (["run", "ap.py"], "did you mean 'app.py'"),
    (["run", "app"], "did you mean 'app.py'"),
    (["run", "folder"], "__main__.py"),
    (["run", "plain.txt"], "chmod +x"),
    (["run", "./plain.txt"], "chmod +x"),
    (["run", "nosuchprogram"], "on PATH"),
    (["run", "-m", "nosuchmodule"], "no module 'nosuchmodule'"),
    (["run", "-m"], "needs a module"),
    (["run", sys.executable, "nosuch.py"], "no file 'nosuch.py'"),
    (["run", sys.executable, "-I", "app.py"], "leave -I out"),
    (["run", sys.executable, "-E", "app.py"], "leave -E out"),
    (["run", sys.executable, "-uS", "-m", "json.tool"], "leave -S out"),
    (["run", "./isolated"], "leave -I out"),
    (["run", "./noshebang"], "#!/bin/sh"),
    (["demo", "--otlp"], "set OTEL_EXPORTER_OTLP_ENDPOINT"),
    (["demo", "--slow"], "callspan demo --help"),
    (["clients", "--markdwon"], "did you mean '--markdown'"),
    (["doctor", "now"], "callspan doctor --help"),
]
ENVIRONMENT = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "host:4317", "write http://host:4317"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grcp", "grpc"),
    ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true", "NO_CONTENT, SPAN_ONLY"),
    ("CALLSPAN_SEMCONV", "newest", "released, latest, both"),
    ("CALLSPAN_CLIENTS", "opnai", "did you mean 'openai'"),
    ("CALLSPAN_FILE", "/no/such/x.jsonl", "mkdir -p /no/such"),
    ("CALLSPAN_CONSOLE", "perhaps", "true or false"),
]


@pytest.fixture(autouse=True)
def files(folder: Path, write) -> None:
    write("app.py", "print('must not run')")
    write("plain.txt", "text")
    write("folder/note", "")
    for name, text in (("isolated", f"#!{sys.executable} -I\n"), ("noshebang", "\x00\x01\x02")):
        write(name, text).chmod(stat.S_IRWXU)


def _is_one_line(result, fix: str) -> None:
    said = result.stderr.decode()
    assert result.returncode == 2
    assert result.stdout == b""
    assert said.startswith("callspan: ")
    assert said.count("\n") == 1
    assert said.endswith("\n")
    assert fix in said


@pytest.mark.parametrize(("words", "fix"), CASES, ids=[" ".join(map(os.path.basename, case[0])) for case in CASES])
def test_bad_input_is_one_line_that_names_the_fix(callspan: Command, words: list[str], fix: str) -> None:
    env = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"} if "--otlp" in words else {}
    _is_one_line(callspan(*words, env=env), fix)


@pytest.mark.parametrize(("variable", "value", "fix"), ENVIRONMENT)
def test_a_wrong_variable_too(callspan: Command, variable: str, value: str, fix: str) -> None:
    env = {variable: value}
    if variable.endswith("PROTOCOL"):
        env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://localhost:4318"
    result = callspan("run", "app.py", env=env)
    _is_one_line(result, fix)
    assert variable in result.stderr.decode()


def test_a_port_in_use(callspan: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _is_one_line(callspan("run", "--prometheus", f"127.0.0.1:{taken.getsockname()[1]}", "app.py"), "in use")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written(callspan: Command, folder: Path) -> None:
    (folder / "plain.txt").chmod(stat.S_IRUSR)
    _is_one_line(callspan("run", "--file", "plain.txt", "app.py"), "permissions")


def test_a_python_without_callspan(callspan: Command, folder: Path) -> None:
    """Recording nothing, and saying nothing of it, would be the worst of all."""
    other = folder / "bin" / "python3"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(stat.S_IRWXU)
    _is_one_line(callspan("run", other, "app.py"), "cannot import callspan")


def test_the_demo_without_the_openai_package(callspan: Command, write) -> None:
    write("sitecustomize.py", "import sys; sys.modules['openai'] = None")
    result = callspan("demo", env={"PYTHONPATH": f".:{SRC}"})
    _is_one_line(result, "pip install 'callspan[demo]'")
