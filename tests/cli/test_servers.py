"""Servers with worker processes, and `opentelemetry-instrument`, for real."""

from __future__ import annotations

import importlib.util
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from receiver import Receiver

from .conftest import ASK, COMMAND, SECONDS, environment, names, spans

CHAT = "chat gpt-4.1-mini"
GUNICORN = (sys.executable, "-m", "gunicorn", "--no-control-socket")
ENOUGH = 200
"""Requests after which both of two workers have surely had one."""

WSGI = (
    ASK
    + """
import os

def app(environ, start_response):
    ask()
    start_response("200 OK", [("content-type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
)
ASGI = """
import os
from openai import AsyncOpenAI

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    async with AsyncOpenAI() as client:
        stream = await client.chat.completions.create(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": "Tulips?"}], stream=True
        )
        async for chunk in stream:
            await send({"type": "http.response.body", "body": b"", "more_body": True})
    await send({"type": "http.response.body", "body": f"VERSION {os.getpid()}".encode()})
"""


def _needs(package: str, words: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None, reason=f"{words} is not installed"
    )


def _needs_distro() -> pytest.MarkDecorator:
    missing = importlib.util.find_spec("opentelemetry.distro") is None
    return pytest.mark.skipif(
        missing, reason="opentelemetry-distro, with opentelemetry-instrument, is not installed"
    )


class Server:
    """A server that has been started, by what it writes to stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []
        self.url = self.wait_for(r"(http://127\.0\.0\.1:\d+)")

    def wait_for(self, pattern: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if match := re.search(pattern, line):
                return match[1]
        raise AssertionError(f"{pattern!r} never came:\n{''.join(self.log)}")

    def get(self) -> str:
        """Its answer; it may listen a moment later than it says so."""
        give_up = time.monotonic() + SECONDS
        while True:
            try:
                with urllib.request.urlopen(self.url, timeout=SECONDS) as response:
                    return response.read().decode()
            except urllib.error.URLError:
                assert time.monotonic() < give_up
                time.sleep(0.02)

    def stop(self, by: int) -> int:
        self.process.send_signal(by)
        assert self.process.stderr is not None
        self.log += self.process.stderr.readlines()
        return self.process.wait(SECONDS)


@contextmanager
def running(folder: Path, openai_variables: dict[str, str], *words: str) -> Iterator[Server]:
    with subprocess.Popen(
        [*COMMAND, "run", "--file", "traces.jsonl", *words],
        stderr=subprocess.PIPE,
        env=environment(**openai_variables, PYTHONUNBUFFERED="1"),
        cwd=folder,
        text=True,
    ) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


def _until_two_workers_answered(server: Server) -> int:
    seen: set[str] = set()
    for number in range(1, ENOUGH):
        seen.add(server.get())
        if len(seen) == 2:
            return number
    raise AssertionError(f"only {seen} answered")


@_needs("gunicorn", "gunicorn")
@pytest.mark.parametrize("preload", [True, False])
def test_workers_of_gunicorn(
    folder: Path, write, openai_variables: dict[str, str], preload: bool
) -> None:
    write("shop.py", WSGI)
    options = ["--preload"] if preload else []
    with running(
        folder,
        openai_variables,
        "gunicorn",
        *options,
        "--workers",
        "2",
        "--no-control-socket",
        "-b",
        "127.0.0.1:0",
        "shop:app",
    ) as server:
        calls = _until_two_workers_answered(server)
        assert server.stop(signal.SIGTERM) == 0
    assert names(folder / "traces.jsonl") == [CHAT] * calls
    assert len(list(folder.glob("traces.jsonl*"))) == 2
    assert not [line for line in server.log if "Traceback" in line or "callspan" in line]


@_needs("gunicorn", "gunicorn")
@pytest.mark.parametrize("preload", [True, False])
def test_gunicorn_with_a_program_that_configures(
    folder: Path, write, openai_variables: dict[str, str], preload: bool
) -> None:
    """Without `callspan run`: set up in the parent before its workers are forked, or in each worker."""
    write(
        "shop.py", f"import callspan\ncallspan.configure(otlp=True)\ncallspan.instrument()\n{WSGI}"
    )
    options = ["--preload"] if preload else []
    words = [*GUNICORN, *options, "--workers", "2", "-b", "127.0.0.1:0", "shop:app"]
    with Receiver() as receiver:
        env = environment(**openai_variables, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
        with subprocess.Popen(
            words, stderr=subprocess.PIPE, env=env, cwd=folder, text=True
        ) as process:
            try:
                server = Server(process)
                calls = _until_two_workers_answered(server)
                assert server.stop(signal.SIGTERM) == 0
            finally:
                process.kill()
        assert receiver.ends == {("gpt-4.1-mini", "completed"): calls}
        assert receiver.metric_tokens == receiver.span_tokens
        assert len(receiver.instances) == 2
    assert not [line for line in server.log if "Traceback" in line or "callspan" in line]


@_needs("uvicorn", "uvicorn")
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_workers_of_uvicorn(folder: Path, write, openai_variables: dict[str, str], by: int) -> None:
    write("shop.py", ASGI)
    with running(
        folder, openai_variables, "uvicorn", "--workers", "2", "--port", "0", "shop:app"
    ) as server:
        calls = _until_two_workers_answered(server)
        server.stop(by)
    recorded_spans = spans(folder / "traces.jsonl")
    assert [span["name"] for span in recorded_spans] == [CHAT] * calls
    assert "gen_ai.client.operation.duration" in _text(folder)
    assert not [line for line in server.log if "callspan" in line]


@_needs("uvicorn", "uvicorn")
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_uvicorn_that_ends_itself_by_a_signal_still_exports(
    folder: Path, write, openai_variables: dict[str, str], by: int
) -> None:
    """It raises the signal again after a graceful stop, so that no exit hook of Python's runs."""
    write("shop.py", ASGI)
    with running(folder, openai_variables, "uvicorn", "--port", "0", "shop:app") as server:
        server.get()
        server.stop(by)
    assert names(folder / "traces.jsonl") == [CHAT]
    assert "gen_ai.client.operation.duration" in _text(folder)


@_needs("uvicorn", "uvicorn")
def test_uvicorn_reloads(folder: Path, write, openai_variables: dict[str, str]) -> None:
    write("shop.py", ASGI.replace("VERSION", "one"))
    with running(
        folder, openai_variables, "uvicorn", "--reload", "--port", "0", "shop:app"
    ) as server:
        server.wait_for("(startup complete)")
        assert server.get().startswith("one")
        write("shop.py", ASGI.replace("VERSION", "two, longer"))
        server.wait_for("(startup complete)")
        assert server.get().startswith("two")
        server.stop(signal.SIGINT)
    assert names(folder / "traces.jsonl") == [CHAT] * 2


def _traces_itself() -> bool:
    """Whether FastAPI is installed in a version that makes spans of its own."""
    try:
        return importlib.util.find_spec("fastapi.telemetry") is not None
    except ModuleNotFoundError:
        return False


@_needs("uvicorn", "uvicorn")
@pytest.mark.skipif(not _traces_itself(), reason="no FastAPI that makes spans is installed")
def test_the_first_request_has_the_span_of_fastapi(
    folder: Path, write, openai_variables: dict[str, str]
) -> None:
    """FastAPI makes spans where there is a provider, and ours are not set up at the start."""
    write("ask.py", ASK)
    write(
        "shop.py",
        """
        from ask import ask
        from fastapi import FastAPI

        app = FastAPI()

        @app.get("/")
        def answer() -> str:
            return ask().choices[0].message.content
        """,
    )
    with running(folder, openai_variables, "uvicorn", "--port", "0", "shop:app") as server:
        server.get()
        server.stop(signal.SIGTERM)
    recorded_spans = spans(folder / "traces.jsonl")
    assert {"GET /", CHAT} <= {span["name"] for span in recorded_spans}
    assert len({span["traceId"] for span in recorded_spans}) == 1


def _text(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("traces.jsonl*"))


INSTRUMENTED = (
    ASK
    + """
from opentelemetry import trace
print(type(trace.get_tracer_provider()).__name__, ask().object)
"""
)
AGENT = Path(sys.executable).with_name("opentelemetry-instrument")
CONSOLE = {
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


@pytest.fixture
def installed(folder: Path, write) -> dict[str, str]:
    """The entry point, as an installed package has it, also in a source checkout."""
    info = "installed/callspan-0.dist-info"
    write(f"{info}/METADATA", "Metadata-Version: 2.1\nName: callspan\nVersion: 0\n")
    write(
        f"{info}/entry_points.txt",
        "[opentelemetry_instrumentor]\ncallspan = callspan.setup.instrument:Instrumentor\n",
    )
    return {"PYTHONPATH": f"{folder / 'installed'}:{environment()['PYTHONPATH']}"}


@_needs_distro()
def test_opentelemetry_instrument_alone(
    folder: Path, write, openai_variables: dict[str, str], installed: dict[str, str]
) -> None:
    write("app.py", INSTRUMENTED)
    result = _by_agent(
        folder, {**openai_variables, **installed, **CONSOLE}, sys.executable, "app.py"
    )
    assert result.stdout.startswith("TracerProvider chat.completion\n")
    assert result.stdout.count(f'"name": "{CHAT}"') == 1
    assert "Traceback" not in result.stderr


@_needs_distro()
@pytest.mark.parametrize("name", ["callspan", "callspan_openai"])
def test_opentelemetry_instrument_disables_callspan_by_name(
    folder: Path, write, openai_variables: dict[str, str], installed: dict[str, str], name: str
) -> None:
    write("app.py", INSTRUMENTED)
    env = {
        **openai_variables,
        **installed,
        **CONSOLE,
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": name,
    }
    result = _by_agent(folder, env, sys.executable, "app.py")
    assert result.stdout == "TracerProvider chat.completion\n"


@_needs_distro()
def test_the_sdk_disabled(
    folder: Path, write, openai_variables: dict[str, str], installed: dict[str, str]
) -> None:
    write("app.py", INSTRUMENTED)
    result = _by_agent(
        folder,
        {**openai_variables, **installed, **CONSOLE, "OTEL_SDK_DISABLED": "true"},
        sys.executable,
        "app.py",
    )
    assert result.stdout.endswith("chat.completion\n")
    assert CHAT not in result.stdout


@_needs_distro()
@pytest.mark.parametrize("order", ["agent first", "callspan first"])
def test_callspan_run_with_opentelemetry_instrument_records_once(
    folder: Path, write, openai_variables: dict[str, str], installed: dict[str, str], order: str
) -> None:
    write("app.py", INSTRUMENTED)
    env = {**openai_variables, **installed, **CONSOLE}
    if order == "agent first":
        result = _by_agent(folder, env, *COMMAND, "run", "app.py")
    else:
        words = [*COMMAND, "run", str(AGENT), sys.executable, "app.py"]
        result = subprocess.run(
            words,
            env=environment(**env),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert result.stdout.count(f'"name": "{CHAT}"') == 1
    assert "Overriding" not in result.stderr
    assert "attempts" not in result.stderr


@_needs_distro()
def test_a_file_asked_for_is_written_beside_what_the_agent_exports(
    folder: Path, write, openai_variables: dict[str, str], installed: dict[str, str]
) -> None:
    write("app.py", INSTRUMENTED)
    result = _by_agent(
        folder,
        {**openai_variables, **installed, **CONSOLE},
        *COMMAND,
        "run",
        "--file",
        "traces.jsonl",
        "app.py",
    )
    assert result.stdout.count(f'"name": "{CHAT}"') == 1
    assert names(folder / "traces.jsonl") == [CHAT]


def _by_agent(folder: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(AGENT), *words],
        env=environment(**env),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
