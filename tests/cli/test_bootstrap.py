"""What happens in the program's process before its first model call."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from callspan.bootstrap import callspan_watch
from callspan.bootstrap.callspan_switches import switched_off
from callspan.bootstrap.callspan_watch import when_imported
from callspan.cli import deferred
from callspan.runtime import owner_only


@pytest.fixture
def module(tmp_path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that has not been imported."""
    (tmp_path / "rare_client.py").write_text("def call():\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "rare_client"
    sys.modules.pop("rare_client", None)


def test_a_module_is_told_of_once_it_has_run(module: str) -> None:
    heard: list[int] = []
    when_imported(module, lambda: heard.append(sys.modules[module].call()))
    assert heard == []
    __import__(module)
    assert heard == [1]


def test_modules_of_one_zip_file_are_told_of_each_when_it_has_run(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share one loader, and one of them may be loaded in the middle of the other."""
    with zipfile.ZipFile(tmp_path / "rare.zip", "w") as archive:
        archive.writestr("rare_inner.py", "there = True")
        archive.writestr("rare_outer.py", "import rare_inner\nthere = True")
    monkeypatch.syspath_prepend(str(tmp_path / "rare.zip"))
    finders, heard = list(sys.meta_path), []
    for name in ("rare_outer", "rare_inner"):
        when_imported(name, lambda name=name: heard.append((name, sys.modules[name].there)))
    try:
        loader = __import__("rare_outer").__loader__
    finally:
        sys.modules.pop("rare_outer", None)
        sys.modules.pop("rare_inner", None)
    assert heard == [("rare_inner", True), ("rare_outer", True)]
    assert sys.meta_path == finders
    assert "exec_module" not in vars(loader)


def test_a_lazy_module_is_told_of_when_it_is_used(module: str) -> None:
    """Also one that was made lazy before anybody watched it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    lazy = sys.modules[module] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lazy)
    heard: list[int] = []
    when_imported(module, lambda: heard.append(lazy.call()))
    assert heard == []
    assert lazy.call() == 1
    assert heard == [1]


def test_a_module_already_there_is_told_of_at_once() -> None:
    heard: list[str] = []
    when_imported("sys", lambda: heard.append("sys"))
    assert heard == ["sys"]


def test_threads_that_watch_and_unwatch_at_once(frequent_switches: None) -> None:
    """No callback of one thread is lost or left by those of another, nor is the finder."""
    threads = 4
    ready = threading.Barrier(threads)

    def watch_often(number: int) -> None:
        ready.wait(10)
        for _ in range(300):
            callback = partial(print, number)
            assert callspan_watch._FINDER.add("a_module_of_nobody", callback)
            assert callspan_watch._FINDER in sys.meta_path
            assert callspan_watch._FINDER.remove("a_module_of_nobody", callback)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(watch_often, range(threads)))
    assert "a_module_of_nobody" not in callspan_watch._FINDER._watched


def test_the_module_looks_as_ever(module: str) -> None:
    """Its loader is of the same type, with no trace left of us, and its source can be read."""
    finders = list(sys.meta_path)
    when_imported(module, lambda: None)
    maker = __import__(module)
    assert sys.meta_path == finders
    assert type(maker.__loader__).__name__ == "SourceFileLoader"
    assert "exec_module" not in vars(maker.__loader__)
    assert "return 1" in inspect.getsource(maker.call)


def test_a_namespace_is_told_of_before_what_is_in_it(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package without a file of its own, as Mistral's, has no code to wait for."""
    (tmp_path / "rare_maker").mkdir()
    (tmp_path / "rare_maker" / "client.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    finders, heard = list(sys.meta_path), []
    when_imported("rare_maker", lambda: heard.append("rare_maker.client" in sys.modules))
    maker = __import__("rare_maker.client")
    assert heard == [False]
    assert sys.meta_path == finders
    assert maker.__spec__.origin is None
    for name in ("rare_maker", "rare_maker.client"):
        sys.modules.pop(name)


def test_a_module_that_does_not_exist_stays_an_import_error() -> None:
    finders = list(sys.meta_path)
    when_imported("no_such_client", lambda: None)
    try:
        with pytest.raises(ModuleNotFoundError):
            __import__("no_such_client")
    finally:
        sys.meta_path[:] = finders


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({}, None),
        ({"OTEL_SDK_DISABLED": "false"}, None),
        ({"OTEL_SDK_DISABLED": " TRUE "}, "OTEL_SDK_DISABLED"),
        ({"OTEL_SDK_DISABLED": "1"}, None),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "callspan_openai"}, None),
        (
            {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "flask ,callspan"},
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        ),
    ],
)
def test_what_switches_everything_off(environ: dict[str, str], variable: str | None) -> None:
    assert switched_off(environ) == variable


@pytest.mark.parametrize(
    ("environ", "console"),
    [
        ({}, True),
        ({"CALLSPAN_FILE": "x"}, False),
        ({"CALLSPAN_FILE": "x", "CALLSPAN_CONSOLE": "true"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, False),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"CALLSPAN_CONSOLE": "false"}, False),
        ({"CALLSPAN_FILE": "x", "CALLSPAN_CONSOLE": "content"}, True),
    ],
)
def test_the_console_is_for_when_nothing_is_configured(
    environ: dict[str, str], console: bool
) -> None:
    assert deferred.destinations(environ).console is console


def test_two_processes_at_a_time_write_two_files(tmp_path: Path) -> None:
    path = str(tmp_path / "traces.jsonl")
    assert owner_only.claim(path) == path
    assert owner_only.claim(path) == path  # it is this process's own, however often it is asked for
    _, descriptor = owner_only._claims.pop(path)
    try:
        assert owner_only.claim(path) == f"{path}.{os.getpid()}"
    finally:
        os.close(descriptor)
    assert owner_only.claim(path) == path
    os.close(owner_only._claims.pop(path)[1])
