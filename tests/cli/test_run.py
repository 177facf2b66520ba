"""`callspan run` leaves the program what it was."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer

from .conftest import ASK, COMMAND, SECONDS, Command, environment, names, spans


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit(255)", 255),
        ("import os; os._exit(7)", 7),
        ("raise RuntimeError('mine')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_the_exit_code_is_the_programs_own(callspan: Command, write, end: str, code: int) -> None:
    write("app.py", end)
    assert callspan("run", "app.py").returncode == code


def test_a_signal_reaches_the_program_itself(folder: Path, write) -> None:
    write(
        "app.py",
        """
        import os, signal, sys
        def on_signal(number, frame):
            print("got", number)
            sys.exit(5)
        signal.signal(signal.SIGINT, on_signal)
        print(os.getpid(), flush=True)
        signal.pause()
        """,
    )
    with subprocess.Popen(
        [*COMMAND, "run", "app.py"],
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=folder,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert int(program.stdout.readline()) == program.pid
        program.send_signal(signal.SIGINT)
        assert program.stdout.read() == "got 2\n"
        assert program.wait(SECONDS) == 5


def test_stdin_is_the_programs(callspan: Command, write) -> None:
    write("app.py", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])")
    assert callspan("run", "app.py", stdin=b"\x00\xffabc\r\n").stdout == b"\n\rcba\xff\x00"


def test_stdout_is_untouched_byte_for_byte(
    callspan: Command, write, openai_variables: dict[str, str]
) -> None:
    write("ask.py", ASK)
    app = write(
        "app.py",
        """
        import sys
        from ask import ask
        sys.stdout.buffer.write(b"\\x00\\xff" + ask().choices[0].message.content.encode())
        """,
    )
    plain = subprocess.run(
        [sys.executable, app], env=environment(**openai_variables), capture_output=True, check=True
    )
    recorded = callspan("run", "--console", "app.py", env=openai_variables)
    assert recorded.stdout == plain.stdout
    assert b"gpt-4.1-mini" in recorded.stderr


def test_content_shows_what_was_said(
    callspan: Command, write, openai_variables: dict[str, str]
) -> None:
    write("ask.py", ASK)
    write("app.py", "from ask import ask; ask()")
    result = callspan("run", "--content", "--capture", "span", "app.py", env=openai_variables)
    first, question, answer, *_ = result.stderr.splitlines()
    assert first.startswith(b"chat gpt-4.1-mini")
    assert question.split()[0] == b"user"
    assert answer.split()[0] == b"assistant"


@pytest.mark.parametrize(
    "command",
    [
        ["app.py"],
        ["./app.py"],
        ["--", "app.py"],
        ["python", "app.py"],
        [sys.executable, "app.py"],
        [sys.executable, "-u", "-W", "ignore", "-X", "utf8", "app.py"],
        ["--service-name", "shop", "app.py"],
        ["--service-name=shop", "--", "app.py"],
    ],
)
def test_everything_after_the_program_is_its_own(
    callspan: Command, write, command: list[str]
) -> None:
    write("app.py", "import sys; print(sys.argv)")
    own = ["--file", "x", "--help", "--", "-m", "--no-such-option"]
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    result = callspan("run", *command, *own, env=path)
    name = command[-1]
    assert result.stderr == b""
    assert result.stdout.decode() == f"{[name, *own]}\n"


@pytest.mark.parametrize(
    "words", [["-m", "shop"], ["-mshop"], ["python", "-m", "shop"], ["python", "-Bmshop"]]
)
def test_a_module_is_run_as_python_does(callspan: Command, write, words: list[str]) -> None:
    write("shop/__init__.py", "")
    write("shop/__main__.py", "import sys; print(__name__, __package__, sys.argv[1:])")
    ran = callspan("run", *words, "--file", "x")
    assert ran.stdout == b"__main__ shop ['--file', 'x']\n"


def test_a_folder_with_a_main_module(callspan: Command, write) -> None:
    write("shop/__main__.py", "import sys; print(__name__, repr(__package__), sys.argv)")
    assert callspan("run", "shop", "-x").stdout == b"__main__ '' ['shop', '-x']\n"


@pytest.mark.parametrize("words", [["-c", "CODE"], ["-cCODE"], ["python", "-uc", "CODE"]])
def test_code_on_the_command_line(callspan: Command, words: list[str]) -> None:
    code = "import sys; print(sys.argv)"
    words = [word.replace("CODE", code) for word in words]
    assert callspan("run", *words, "-m").stdout == b"['-c', '-m']\n"


def test_a_module_in_one_word_names_the_service(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write("ask.py", ASK + "ask()")
    callspan("run", "--file", "a.jsonl", "-mask", env=openai_variables)
    assert '"ask"' in (folder / "a.jsonl").read_text()


def test_a_command_that_is_not_python(callspan: Command) -> None:
    result = callspan(
        "run", "sh", "-c", 'echo "$OTEL_SERVICE_NAME"; exit 4', env={"OTEL_SERVICE_NAME": "shop"}
    )
    assert (result.returncode, result.stdout, result.stderr) == (4, b"shop\n", b"")


def test_the_program_sees_the_same_interpreter(callspan: Command, folder: Path, write) -> None:
    """sys.path, argv, the main module and the sitecustomize module are what they are without callspan."""
    app = write(
        "app.py",
        """
        import sys, __main__
        print(sys.path, sys.argv, sys.flags, __main__.__file__)
        print("sitecustomize" in sys.modules)
        """,
    )
    plain = subprocess.run(
        [sys.executable, app.name], env=environment(), capture_output=True, check=True, cwd=folder
    ).stdout
    assert callspan("run", "app.py").stdout.replace(b"True\n", b"False\n") == plain.replace(
        b"True\n", b"False\n"
    )


def test_the_next_sitecustomize_still_runs(callspan: Command, folder: Path, write) -> None:
    write("theirs/sitecustomize.py", "import sys; sys.theirs = __file__")
    write("app.py", "import sys, sitecustomize; print(sys.theirs == sitecustomize.__file__)")
    result = callspan(
        "run", "app.py", env={"PYTHONPATH": f"{folder / 'theirs'}:{environment()['PYTHONPATH']}"}
    )
    assert (result.stdout, result.stderr) == (b"True\n", b"")


def test_a_broken_sitecustomize_is_reported_as_ever(callspan: Command, folder: Path, write) -> None:
    write("theirs/sitecustomize.py", "raise RuntimeError('theirs')")
    app = write("app.py", "print('runs')")
    env = {"PYTHONPATH": f"{folder / 'theirs'}:{environment()['PYTHONPATH']}"}
    plain = subprocess.run(
        [sys.executable, app], env=environment(**env), capture_output=True, check=True
    )
    result = callspan("run", sys.executable, "app.py", env=env)
    assert result.stdout == plain.stdout
    assert (
        result.stderr.count(b"RuntimeError: theirs")
        >= plain.stderr.count(b"RuntimeError: theirs")
        == 1
    )


def test_a_process_without_a_client_pays_next_to_nothing(callspan: Command, write) -> None:
    write(
        "app.py",
        "import sys; print(sorted(m for m in sys.modules if m.startswith(('callspan', 'opentel', 'wrapt'))))",
    )
    loaded = callspan("run", "app.py").stdout
    assert loaded == b"['callspan_start', 'callspan_switches', 'callspan_watch']\n"


def test_a_call_is_recorded_once(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write("ask.py", ASK)
    write("app.py", "from ask import ask; ask()")
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert (result.returncode, result.stderr) == (0, b"")
    assert names(folder / "traces.jsonl") == ["chat gpt-4.1-mini"]


def test_the_service_is_named_after_the_program(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write("shop.py", ASK + "ask()")
    callspan("run", "--file", "a.jsonl", "shop.py", env=openai_variables)
    callspan(
        "run", "--file", "b.jsonl", "--service-name", "flowers", "shop.py", env=openai_variables
    )
    assert '"shop"' in (folder / "a.jsonl").read_text()
    assert '"flowers"' in (folder / "b.jsonl").read_text()


def test_the_apps_own_spans_stand_around_the_calls(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    """Also where they begin before the client is imported."""
    write("ask.py", ASK)
    write(
        "app.py",
        """
        from opentelemetry import trace
        with trace.get_tracer("app").start_as_current_span("handle"):
            from ask import ask
            ask()
        """,
    )
    callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    by_name = {span["name"]: span for span in spans(folder / "traces.jsonl")}
    assert by_name["chat gpt-4.1-mini"]["parentSpanId"] == by_name["handle"]["spanId"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_app_with_providers_of_its_own_keeps_them(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], when: str
) -> None:
    """No matter whether they are set before or after the client is imported; and nothing is said of it."""
    setup = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
tracer = trace.get_tracer("app")
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
"""
    end = "\nask()\nprint([span.name for span in memory.get_finished_spans()])"
    write("app.py", setup + ASK + end if when == "before" else ASK + setup + end)
    result = callspan("run", "app.py", env=openai_variables)
    assert (result.stdout, result.stderr) == (b"['chat gpt-4.1-mini']\n", b"")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "requests, callspan"),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "callspan_openai"),
        ("CALLSPAN_DISABLED_CLIENTS", "openai"),
    ],
)
def test_the_environment_can_switch_it_off(
    callspan: Command,
    folder: Path,
    write,
    openai_variables: dict[str, str],
    variable: str,
    value: str,
) -> None:
    write("app.py", ASK + "print(type(ask()).__name__)")
    result = callspan(
        "run", "--file", "traces.jsonl", "app.py", env={**openai_variables, variable: value}
    )
    assert result.stdout == b"ChatCompletion\n"
    assert b"Traceback" not in result.stderr
    assert names(folder / "traces.jsonl") == []


def test_suppressed_blocks_are_not_recorded(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write(
        "app.py",
        ASK
        + """
from opentelemetry import context
mark = context.attach(context.set_value("suppress_instrumentation", True))
ask()
context.detach(mark)
""",
    )
    callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert names(folder / "traces.jsonl") == []


def test_what_the_program_calls_before_it_fails_is_recorded(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str], model: ModelServer
) -> None:
    write("app.py", ASK + "ask()\nraise RuntimeError('mine')")
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert result.returncode == 1
    assert b"RuntimeError: mine" in result.stderr
    assert names(folder / "traces.jsonl") == ["chat gpt-4.1-mini"]
    assert len(model.requests) == 1


def test_a_stream_still_open_at_the_end_is_recorded(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write(
        "app.py",
        """
        from openai import OpenAI
        stream = OpenAI().chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "Write a poem"}], stream=True
        )
        next(iter(stream))
        """,
    )
    result = callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert result.stderr == b""
    assert names(folder / "traces.jsonl") == ["chat gpt-4.1"]


def test_a_program_that_changes_its_folder_writes_where_it_was_told(
    callspan: Command, folder: Path, write, openai_variables: dict[str, str]
) -> None:
    write("app.py", ASK + "import os; os.chdir('/'); ask()")
    callspan("run", "--file", "traces.jsonl", "app.py", env=openai_variables)
    assert names(folder / "traces.jsonl") == ["chat gpt-4.1-mini"]


def test_a_collector_that_is_down_neither_stops_nor_delays_the_program(
    callspan: Command, write, openai_variables: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    write("app.py", ASK + "print(ask().object)")
    begun = time.monotonic()
    result = callspan(
        "run",
        "--otlp",
        f"http://127.0.0.1:{port}",
        "app.py",
        env={**openai_variables, "CALLSPAN_FLUSH_TIMEOUT": "1"},
    )
    assert (result.returncode, result.stdout) == (0, b"chat.completion\n")
    assert b"Traceback" not in result.stderr
    assert time.monotonic() - begun < 15


def test_metrics_are_served(folder: Path, write, openai_variables: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    write("app.py", ASK + "ask(); print('asked', flush=True); input()")
    with subprocess.Popen(
        [*COMMAND, "run", "--prometheus", f"127.0.0.1:{port}", "app.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(**openai_variables),
        cwd=folder,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "asked\n"
        served = (
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS)
            .read()
            .decode()
        )
        program.communicate("\n", SECONDS)
    assert "gen_ai_client_token_usage" in served
    assert "callspan_client_calls" in served


def test_telemetry_goes_where_the_standard_variables_say(
    callspan: Command, write, openai_variables: dict[str, str]
) -> None:
    """And then not to the console."""
    received: dict[str, bytes] = {}

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received[self.path] = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    write("shop.py", ASK + "ask()")
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        env = {
            **openai_variables,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}/",
        }
        result = callspan("run", "shop.py", env={**env, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"})
        server.shutdown()
        thread.join()
    assert result.stderr == b""
    assert b"chat gpt-4.1-mini" in received["/v1/traces"]
    assert b"shop" in received["/v1/traces"]
    assert b"gen_ai.client.token.usage" in received["/v1/metrics"]
    assert b"callspan.client.calls" in received["/v1/metrics"]


@pytest.mark.parametrize(
    "event",
    [
        "import anthropic",
        # its own metrics are muted as soon as it is imported
        "import mcp",
        "import callspan; callspan.configure(file='traces.jsonl')",
        "from callspan.testing import Recorder; Recorder().__enter__()",
    ],
)
def test_calls_are_counted_once_after_handlers_were_added(
    callspan: Command, write, openai_variables: dict[str, str], event: str
) -> None:
    """The table comes with the first call; what is set up later must not bring it a second time."""
    write("ask.py", ASK)
    write("app.py", f"from ask import ask; ask(); {event}; ask(); ask()")
    result = callspan("run", "app.py", env=openai_variables)
    shown = result.stderr.decode()
    assert result.returncode == 0, shown
    (row,) = (line.split() for line in shown.splitlines() if line.startswith("gpt-4.1-mini "))
    assert row[1] == "3", shown
