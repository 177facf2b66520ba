"""What is wrong is said in one line that names the fix: an option ends the command with exit code 2, before anything
is started; a variable, which may be meant for all programs of a machine, keeps no program from starting."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from callspan.cli.checks import check_settings
from callspan.runtime.requirements import PACKAGES

from .conftest import ASK, SRC, Command, environment, names

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
    (["run", "-mnosuchmodule"], "no module 'nosuchmodule'"),
    (["run", "-m"], "needs a module"),
    (["run", "-c"], "needs code"),
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
    ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "maybe", "NO_CONTENT, SPAN_ONLY"),
    ("CALLSPAN_CONTENT_LIMIT", "lots", "a number of bytes"),
    ("CALLSPAN_PRICES", "/no/such/prices.json", "a JSON file of prices"),
    ("CALLSPAN_EXTRA_METRICS", "everything", "output_rate"),
    ("CALLSPAN_REDACT", "no function", "module:function"),
    ("CALLSPAN_PROMETHEUS", "here", "HOST:PORT"),
    ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, console or none"),
    ("CALLSPAN_SEMCONV", "newest", "released, latest, both"),
    ("CALLSPAN_CLIENTS", "opnai", "did you mean 'openai'"),
    ("CALLSPAN_FILE", "/no/such/x.jsonl", "mkdir -p /no/such"),
    ("CALLSPAN_CONSOLE", "perhaps", "true or false"),
]
FOREIGN = {
    "OTEL_PYTHON_TRACER_PROVIDER": "no_such_provider",
    "OTEL_PYTHON_METER_PROVIDER": "no_such_provider",
    "OTEL_PROPAGATORS": "no_such_propagator",
    "OTEL_TRACES_SAMPLER": "no_such_sampler",
    "OTEL_METRIC_EXPORT_INTERVAL": "-5",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
    "CALLSPAN_FLUSH_TIMEOUT": "inf",
}
"""Variables that OpenTelemetry reads, or that are read at the end."""


@pytest.fixture(autouse=True)
def files(folder: Path, write) -> None:
    write("app.py", "print('must not run')")
    write("plain.txt", "text")
    write("folder/note", "")
    for name, text in (("isolated", f"#!{sys.executable} -I\n"), ("noshebang", "\x00\x01\x02")):
        write(name, text).chmod(stat.S_IRWXU)


def _is_one_line(result, fix: str) -> None:
    stderr = result.stderr.decode()
    assert result.returncode == 2
    assert result.stdout == b""
    assert stderr.startswith("callspan: ")
    assert stderr.count("\n") == 1
    assert stderr.endswith("\n")
    assert fix in stderr


@pytest.mark.parametrize(
    ("words", "fix"), CASES, ids=[" ".join(map(os.path.basename, case[0])) for case in CASES]
)
def test_bad_input_is_one_line_that_names_the_fix(
    callspan: Command, words: list[str], fix: str
) -> None:
    env = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"} if "--otlp" in words else {}
    _is_one_line(callspan(*words, env=env), fix)


@pytest.mark.parametrize(("variable", "value", "fix"), ENVIRONMENT)
def test_a_wrong_variable_too(callspan: Command, variable: str, value: str, fix: str) -> None:
    env = {variable: value}
    if variable.endswith("PROTOCOL"):
        env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://localhost:4318"
    result = callspan("run", "app.py", env=env)
    stderr = result.stderr.decode()
    assert (result.returncode, result.stdout) == (0, b"must not run\n")
    assert stderr.startswith("callspan: ")
    assert stderr.count("\n") == 1
    assert variable in stderr
    assert fix in stderr


@pytest.mark.parametrize("variable", FOREIGN)
def test_no_wrong_variable_keeps_a_program_from_its_calls(
    callspan: Command, write, openai_variables, variable: str
) -> None:
    """Nor does it print a traceback of ours, at the end either."""
    write("ask.py", ASK)
    write("calls.py", "from ask import ask\nprint(ask().choices[0].message.role)")
    env = {
        **openai_variables,
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "CALLSPAN_FLUSH_TIMEOUT": "0.1",
    }
    result = callspan("run", "calls.py", env={**env, variable: FOREIGN[variable]})
    assert (result.returncode, result.stdout) == (0, b"assistant\n")
    assert b"src/callspan/" not in result.stderr


def test_a_wrong_variable_is_said_once_and_the_rest_is_used(
    callspan: Command, write, folder: Path, openai_variables
) -> None:
    write("ask.py", ASK)
    write("calls.py", "from ask import ask\nask()")
    env = {
        **openai_variables,
        "OTEL_EXPORTER_OTLP_ENDPOINT": "host:4317",
        "CALLSPAN_SEMCONV": "newest",
    }
    result = callspan("run", "--file", "spans.jsonl", "calls.py", env=env)
    assert names(folder / "spans.jsonl") == ["chat gpt-4.1-mini"]
    assert [line.split()[1] for line in result.stderr.decode().splitlines()] == [
        "CALLSPAN_SEMCONV",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ]


@pytest.mark.parametrize(
    ("value", "captured"),
    [("true", True), ("1", True), ("True", True), ("false", False), ("0", False), ("on", False)],
)
def test_the_older_values_of_the_variable_for_content(
    callspan: Command, write, folder: Path, openai_variables, value: str, captured: bool
) -> None:
    """Other packages' documents say `true`, which is what the span's attributes are in ours; what is unknown is off."""
    write("ask.py", ASK)
    write("calls.py", "from ask import ask\nask('Which tulips?')")
    variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    result = callspan(
        "run", "--file", "spans.jsonl", "calls.py", env={**openai_variables, variable: value}
    )
    assert result.returncode == 0
    assert ("Which tulips?" in (folder / "spans.jsonl").read_text()) is captured
    assert (variable.encode() in result.stderr) is (value == "on")


@pytest.mark.parametrize("module", ["opentelemetry.sdk", "opentelemetry", "wrapt"])
def test_a_package_that_is_missing(callspan: Command, write, module: str) -> None:
    """One line names what to install, and the program goes on where it was started without `callspan run`."""
    block = f"""
        import sys

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name == {module!r} or name.startswith({module + "."!r}):
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

        sys.meta_path.insert(0, Missing())
        """
    write("sitecustomize.py", block)
    write("instruments.py", "import callspan\ncallspan.instrument()\nprint('goes on')")
    plain = subprocess.run(
        [sys.executable, "instruments.py"],
        env=environment(PYTHONPATH=f".:{SRC}"),
        cwd=write("app.py", "print('starts')").parent,
        capture_output=True,
        check=False,
    )
    assert (plain.returncode, plain.stdout) == (0, b"goes on\n")
    assert plain.stderr.count(b"\n") == 1
    assert f"pip install {PACKAGES[module]}" in plain.stderr.decode()
    if module != "opentelemetry.sdk":  # which is needed where a call is recorded, and no earlier
        _is_one_line(
            callspan("run", "app.py", env={"PYTHONPATH": f".:{SRC}"}),
            f"pip install {PACKAGES[module]}",
        )


def test_a_port_in_use(callspan: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _is_one_line(
            callspan("run", "--prometheus", f"127.0.0.1:{taken.getsockname()[1]}", "app.py"),
            "in use",
        )


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


def test_a_variable_that_nothing_reads_is_told(callspan: Command, write) -> None:
    """A name of ours with a slip in it would else be ignored without a word."""
    write("app.py", "print('done')")
    result = callspan("run", "app.py", env={"CALLSPAN_COSTS": "true"})
    line = "callspan: CALLSPAN_COSTS is no variable of callspan (did you mean 'CALLSPAN_COST'?)\n"
    assert (result.stdout, result.stderr.decode()) == (b"done\n", line)


def test_doctor_tells_a_variable_that_nothing_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The section is filled here, as the whole command takes long and reports more."""
    section = _Section()
    monkeypatch.setenv("CALLSPAN_COSTS", "true")
    check_settings(section)
    line = "CALLSPAN_COSTS is no variable of callspan (did you mean 'CALLSPAN_COST'?)"
    assert line in section.problems


class _Section:
    def __init__(self) -> None:
        self.problems: list[str | None] = []

    def add(self, *cells: str, problem: str | None = None) -> None:
        self.problems.append(problem)
