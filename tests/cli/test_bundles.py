"""Programs that bring their packages along: a bundle made by PyInstaller, PEX files, zipapps."""

from __future__ import annotations

import importlib.metadata
import os
import runpy
import subprocess
import sys
import zipapp
import zipfile
from pathlib import Path

import pytest

from callspan.testing.modelserver import ModelServer
from receiver import Receiver

from .conftest import SRC, Command, environment, names

CHAT = "chat gpt-4.1-mini"
PROGRAM = """
import sys

import callspan

if "configured" in sys.argv:
    callspan.configure(prometheus="127.0.0.1:0")
    callspan.instrument()

from ollama import Client

question = {"role": "user", "content": "How long do tulips last?"}
print(Client().chat("gpt-4.1-mini", [question]).message.role)
if "versions" in sys.argv:
    print({client.name: client.installed for client in callspan.status().clients}["ollama"])
"""
UNUSED = (
    "aiobotocore",
    "aiohttp",
    "anthropic",
    "boto3",
    "botocore",
    "click",
    "cohere",
    "cryptography",
    "dns",
    "email_validator",
    "eventlet",
    "fastapi",
    "fastavro",
    "gevent",
    "google.genai",
    "h2",
    "hf_xet",
    "httpcore2",
    "httpx2",
    "huggingface_hub",
    "hypothesis",
    "ipykernel",
    "IPython",
    "jedi",
    "jinja2",
    "langchain",
    "langchain_core",
    "langgraph",
    "langsmith",
    "litellm",
    "loguru",
    "lxml",
    "matplotlib",
    "mcp",
    "mistralai",
    "nbclient",
    "numpy",
    "openai",
    "pandas",
    "phonenumbers",
    "PIL",
    "pygments",
    "pytest",
    "redis",
    "respx",
    "rich",
    "sentry_sdk",
    "setuptools",
    "sqlalchemy",
    "starlette",
    "structlog",
    "tkinter",
    "tokenizers",
    "trio",
    "uvicorn",
    "yaml",
    "zmq",
    "zstandard",
)
"""What is installed for other tests, and would be bundled because something can use it."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program above, bundled without options but for what makes it small."""
    pytest.importorskip("PyInstaller", reason="PyInstaller is not installed")
    pytest.importorskip("ollama", reason="the client ollama is not installed")
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "shop.py").write_text(PROGRAM)
    path = os.pathsep.join([str(_installed(folder)), str(SRC)])
    without = [word for module in UNUSED for word in ("--exclude-module", module)]
    words = [sys.executable, "-m", "PyInstaller", "--onedir", "--log-level", "ERROR", *without]
    built = subprocess.run(
        [*words, "shop.py"],
        # PyInstaller imports all that it finds, and eventlet with dnspython breaks trio
        env={**environment(), "PYTHONPATH": path, "EVENTLET_NO_GREENDNS": "yes"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder / "dist" / "shop" / "shop"


def _installed(folder: Path) -> Path:
    """Write what an installed package says of its entry points, also in a source checkout."""
    project = (SRC.parent / "pyproject.toml").read_text()
    entry = project.partition("[project.entry-points.pyinstaller40]\n")[2].partition("\n\n")[0]
    info = folder / "installed" / "callspan-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: callspan\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[pyinstaller40]\n{entry}\n".replace('"', ""))
    return info.parent


@pytest.fixture
def address(model: ModelServer) -> dict[str, str]:
    """The variable by which the client ollama finds the model server."""
    return {"OLLAMA_HOST": model.url.removesuffix("/v1")}


def run(bundle: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the bundle to its end."""
    return subprocess.run(
        [str(bundle), *words],
        env=environment(**variables),
        cwd=bundle.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bundle_exports_over_http(bundle: Path, address: dict[str, str]) -> None:
    """Calls are traced and counted, and what is imported by its name is there."""
    with Receiver() as receiver:
        address["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.url
        ran = run(bundle, "configured", "versions", **address)
    version = importlib.metadata.version("ollama")
    assert (ran.stdout, ran.stderr) == (f"assistant\n{version}\n", "")
    assert receiver.ends == {("gpt-4.1-mini", "completed"): 1}
    assert receiver.metric_tokens == receiver.span_tokens
    assert receiver.span_tokens.total() > 0


def test_what_is_imported_by_name_is_bundled() -> None:
    """Exporters of each protocol, plugins of tiktoken, and packages of extras: none is seen by its import."""
    pytest.importorskip("PyInstaller", reason="PyInstaller is not installed")
    hook = runpy.run_path(str(SRC / "callspan" / "pyinstaller" / "hook-callspan.py"))
    expected = {
        "callspan.cli.deferred",
        "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
        "opentelemetry.exporter.otlp.proto.http.metric_exporter",
        "phonenumbers",
        "tiktoken_ext.openai_public",
    }
    assert expected <= set(hook["hiddenimports"])
    assert not [name for name in hook["hiddenimports"] if name.startswith("callspan.testing")]


def test_a_bundle_under_callspan_run(
    bundle: Path, callspan: Command, folder: Path, address: dict[str, str]
) -> None:
    """The program itself need not instrument anything, where callspan is in the bundle."""
    ran = callspan("run", "--file", "traces.jsonl", bundle, env=address)
    assert (ran.stdout, ran.stderr, ran.returncode) == (b"assistant\n", b"", 0)
    assert names(folder / "traces.jsonl") == [CHAT]


def test_a_bundle_without_callspan(callspan: Command, folder: Path) -> None:
    """It is not started, as nothing would be recorded."""
    bundle = folder / "shop"
    bundle.write_bytes(b"\x7fELF loader MEI\x0c\x0b\x0a\x0b\x0e" + bytes(80))
    bundle.chmod(0o755)
    ran = callspan("run", bundle)
    assert (ran.returncode, ran.stderr) == (
        2,
        b"callspan: shop was bundled by PyInstaller without callspan, so nothing would be recorded: "
        b"build it where callspan is installed, with --hidden-import callspan\n",
    )


def test_a_zipapp_of_any_name(
    callspan: Command, folder: Path, write, address: dict[str, str]
) -> None:
    """This Python runs it, though its first line names another, which need not have callspan."""
    pytest.importorskip("ollama", reason="the client ollama is not installed")
    write("shop/__main__.py", PROGRAM)
    zipapp.create_archive(folder / "shop", folder / "florist", "/usr/bin/env python3")
    ran = callspan("run", "--file", "traces.jsonl", "./florist", env=address)
    assert (ran.stdout, ran.stderr) == (b"assistant\n", b"")
    assert names(folder / "traces.jsonl") == [CHAT]


@pytest.mark.parametrize("words", [["./shop.pex"], [sys.executable, "shop.pex"]])
def test_a_pex_file_without_callspan(callspan: Command, folder: Path, words: list[str]) -> None:
    """It would start a Python that shuts callspan out, so one line says what to do."""
    with zipfile.ZipFile(folder / "shop.pex", "w") as archive:
        archive.writestr("PEX-INFO", "{}")
        archive.writestr("__main__.py", "print('started')")
    (folder / "shop.pex").chmod(0o755)
    ran = callspan("run", *words)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.startswith(b"callspan: shop.pex is a PEX file")
    assert ran.stderr.count(b"\n") == 1
