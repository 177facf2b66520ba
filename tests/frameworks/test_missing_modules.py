"""`callspan doctor` names a module that a framework has moved, and none of another version's.

Packages of the frameworks' names and shapes stand for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callspan.cli.probe import probe_clients

# the probe sets no provider up
pytestmark = pytest.mark.guard_acts("no provider is set")
Install = Callable[..., None]
AGENTS = "class MultiStepAgent:\n    def run(self): pass\n"
TOOLS = "class Tool:\n    def __call__(self): pass\n"
SESSION = """
class BaseSession:
    def send_request(self): pass
    def send_notification(self): pass
class RequestResponder:
    def respond(self): pass
    def cancel(self): pass
"""
CLIENT = """
class ClientSession:
    def __aenter__(self): pass
    def __aexit__(self): pass
"""
DISPATCHER = """
class {0}:
    def run(self): pass
    def send_raw_request(self): pass
    def {1}(self): pass
"""
RUNNER = """
class ServerRunner:
    def _on_request(self): pass
    def _on_notify(self): pass
"""
BOTH = {"shared/__init__.py": "", "client/__init__.py": "", "client/session.py": CLIENT}
MCP_1 = {**BOTH, "shared/session.py": SESSION}
MCP_2 = {
    **BOTH,
    "shared/jsonrpc_dispatcher.py": DISPATCHER.format("JSONRPCDispatcher", "notify"),
    "shared/direct_dispatcher.py": DISPATCHER.format("DirectDispatcher", "_dispatch_notify"),
    "server/__init__.py": "",
    "server/runner.py": RUNNER,
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package in place of a framework, and observe that framework alone."""
    before = dict(sys.modules)
    names: list[str] = []

    def install(name: str, version: str, modules: dict[str, str]) -> None:
        names.append(name)
        for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[loaded]
        for path, text in {"__init__.py": "", **modules}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        metadata = tmp_path / f"{name}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("CALLSPAN_CLIENTS", name)

    yield install
    for module in [each for each in sys.modules if each.partition(".")[0] in names]:
        del sys.modules[module]
    # the real ones, which other tests have loaded
    for module, loaded in before.items():
        sys.modules.setdefault(module, loaded)


def test_a_module_that_moved_is_one_line(install: Install) -> None:
    install("smolagents", "1.26.0", {"agents.py": AGENTS})
    assert probe_clients().problems == (
        "module smolagents.tools is missing in smolagents 1.26.0, so its runs are not seen",
    )


def test_a_framework_with_all_its_modules_is_well(install: Install) -> None:
    install("smolagents", "1.26.0", {"agents.py": AGENTS, "tools.py": TOOLS})
    assert probe_clients().problems == ()


@pytest.mark.parametrize(
    ("version", "modules"), [("1.30.0", MCP_1), ("2.3.0", MCP_2)], ids=["1.x", "2.x"]
)
def test_modules_of_the_other_major_version_are_not_missed(
    install: Install, version: str, modules: dict[str, str]
) -> None:
    install("mcp", version, modules)
    assert probe_clients().problems == ()


@pytest.mark.parametrize("module", ["client/websocket", "shared/session"])
def test_a_module_that_needs_an_extra_is_no_broken_installation(
    install: Install, module: str
) -> None:
    """One that each installation has tells of a broken one."""
    text = "import a_package_that_is_missing\n"
    install("mcp", "1.30.0", {**MCP_1, f"{module}.py": text})
    problems = probe_clients().problems
    if module == "client/websocket":
        assert problems == ()
    else:
        assert "cannot be imported (No module named 'a_package_that_is_missing')" in problems[0]


def test_a_module_of_the_installed_major_version_is_missed(install: Install) -> None:
    modules = {name: text for name, text in MCP_2.items() if "server" not in name}
    install("mcp", "2.3.0", modules)
    assert probe_clients().problems == (
        "module mcp.server.runner is missing in mcp 2.3.0, so its runs are not seen",
    )
