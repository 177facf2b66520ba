"""`import callspan` does nothing but import."""

from __future__ import annotations

import json

import pytest

from callspan.clients import CLIENTS
from child import run

WATCHED = """
import json, os, sys, threading
from opentelemetry import _logs, metrics, trace

seen = []

def watch(event, arguments):
    if event == "open" and (not isinstance(arguments[0], int)):
        path, mode, flags = arguments
        code = str(path).endswith((".py", ".pyc")) or os.path.isdir(str(path)) or str(path) in sys.path
        info = ".dist-info" in str(path) or ".egg-info" in str(path)
        if not code and not info or (flags or 0) & (os.O_WRONLY | os.O_RDWR) and "__pycache__" not in str(path):
            seen.append((event, str(path)))
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_", "_thread.start")):
        seen.append((event, repr(arguments)))

before = set(sys.modules)
sys.addaudithook(watch)
%s
watching, seen = seen, []
print(json.dumps({
    "modules": sorted(set(sys.modules) - before),
    "seen": watching,
    "threads": [thread.name for thread in threading.enumerate()],
    "providers": [type(trace.get_tracer_provider()).__name__, type(metrics.get_meter_provider()).__name__,
                  type(_logs.get_logger_provider()).__name__],
}))
"""
HEAVY = (
    *(client.module for client in CLIENTS),
    "httpx",
    "httpx2",
    "pydantic",
    "tiktoken",
    "grpc",
    "google.protobuf",
    "requests",
    "opentelemetry.sdk",
    "opentelemetry.exporter",
    "prometheus_client",
    "http.server",
)


def looked_at(program: str) -> dict[str, list[str]]:
    """What a program does as it runs in a process of its own."""
    done = run(WATCHED % program, options=("-B",))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def assert_quiet(found: dict[str, list[str]], heavy: tuple[str, ...]) -> None:
    """No file or socket was opened, no thread or process started, no provider set, nothing heavy loaded."""
    assert found["seen"] == []
    assert found["threads"] == ["MainThread"]
    assert found["providers"] == [
        "ProxyTracerProvider",
        "_ProxyMeterProvider",
        "ProxyLoggerProvider",
    ]
    loaded = [
        name
        for name in found["modules"]
        if any(name == h or name.startswith(f"{h}.") for h in heavy)
    ]
    assert loaded == []


def test_importing_is_fast() -> None:
    """`import callspan` loads no client, no tiktoken, no grpc, no SDK, and touches nothing."""
    found = looked_at("import callspan")
    assert "callspan" in found["modules"]
    assert_quiet(found, HEAVY)


def test_importing_loads_few_modules() -> None:
    """Of ours it loads what `instrument()` needs: no command, no server, no exporter."""
    found = looked_at("import callspan")
    for part in ("cli", "export", "demo", "testing", "frameworks"):
        assert f"callspan.{part}" not in found["modules"]


@pytest.mark.parametrize(
    "module", ["semconv.names", "testing.modelserver", "semconv.providers", "settings.settings"]
)
def test_parts_can_be_imported_alone(module: str) -> None:
    """Parts can be imported by themselves, and are as quiet."""
    found = looked_at(f"import callspan.{module}")
    assert found["threads"] == ["MainThread"]
    assert [event for event in found["seen"] if not event[0].startswith("open")] == []


def test_instrument_imports_no_client() -> None:
    """`instrument()` imports no client, opens nothing, and sets no provider."""
    found = looked_at(
        "import logging; logging.getLogger('callspan').setLevel(logging.ERROR)\n"
        "import callspan; callspan.instrument(); callspan.status(); callspan.uninstrument()"
    )
    assert_quiet(found, HEAVY)


LATE = (
    *(f"callspan.formats.{name}" for name in ("openai", "anthropic", "bedrock", "gemini")),
    *(f"callspan.hooks.{name}" for name in ("stainless", "botocore", "methods")),
    *(f"callspan.clients.{name}" for name in ("openai", "anthropic", "boto3")),
    *(f"callspan.frameworks.{name}" for name in ("langchain", "litellm", "mcp", "reporter")),
    *("callspan.content.credentials", "callspan.export.providers", "wrapt", "asyncio", "ssl"),
)
"""Modules that a program without a client has no use for."""


def test_instrument_loads_few_modules() -> None:
    """`instrument()` loads nothing that only the client of a program needs, or a span."""
    found = looked_at(
        "import logging; logging.getLogger('callspan').setLevel(logging.ERROR)\n"
        "import callspan; callspan.instrument()"
    )
    assert_quiet(found, (*HEAVY, *LATE))
    # so many in 0.3: all that an app starts pays for each of them
    assert len([name for name in found["modules"] if name.startswith("callspan")]) < 150


@pytest.mark.parametrize("first", ["import callspan; callspan.instrument()\nimport groq", None])
def test_a_client_loads_its_own_modules(first: str | None) -> None:
    """A client that is imported, before `instrument()` or after it, loads its own data alone."""
    program = first or "import groq, callspan; callspan.instrument()"
    quiet = "import logging; logging.getLogger('callspan').setLevel(logging.ERROR)\n"
    modules = looked_at(quiet + program)["modules"]
    clients = {client.load.args[0] for client in CLIENTS}  # type: ignore[attr-defined]  # a partial
    assert clients & set(modules) == {"callspan.clients.groq"}


def test_run_loads_no_client() -> None:
    """`callspan run` names the modules to wait for without any data of clients."""
    found = looked_at(
        "from callspan.cli.environment import child_environment; child_environment({}, {})"
    )
    assert_quiet(found, (*HEAVY, *LATE, "opentelemetry.trace", "callspan.setup"))
