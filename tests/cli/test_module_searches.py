"""A program may ask for a client, load it late or anew, in any way that Python has: its calls are seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import ASK, Command, names

SEARCHES = {
    "find_spec": "importlib.util.find_spec('openai')",
    "find_spec of a submodule": "importlib.util.find_spec('openai.resources.chat')",
    "find_spec for the path finder": "importlib.machinery.PathFinder.find_spec('openai')",
    "pkgutil": "[module.name for module in pkgutil.iter_modules()]; pkgutil.find_loader('openai')",
    "metadata": "importlib.metadata.version('openai'); importlib.metadata.files('openai')",
    "resources": "importlib.resources.files('openai')",
    "a namespace": "importlib.util.find_spec('google'); importlib.util.find_spec('google.genai')",
    "twice": "importlib.util.find_spec('openai'); importlib.util.find_spec('openai'); importlib.invalidate_caches()",
    "runpy": "runpy.run_module('openai.version')",
    "no such client": "importlib.util.find_spec('no_such_client')",
}
LOADS = {
    "lazily": """
        spec = importlib.util.find_spec('openai')
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules['openai'] = module
        spec.loader.exec_module(module)
        """,
    "by hand": """
        spec = importlib.util.find_spec('openai')
        module = sys.modules['openai'] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        """,
    "after a failure": """
        def refuse(event, arguments, left=[1]):
            if event == 'import' and arguments[0] == 'openai._base_client' and left:
                left.clear()
                raise ImportError('not now')
        sys.addaudithook(refuse)
        try:
            import openai
        except ImportError:
            assert 'openai' not in sys.modules
        """,
    "anew": """
        import openai
        importlib.reload(sys.modules['openai._base_client'])
        importlib.reload(openai)
        for name in [name for name in sys.modules if name.partition('.')[0] == 'openai']:
            del sys.modules[name]
        """,
    "in many threads": """
        threads = [threading.Thread(target=importlib.import_module, args=['openai']) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
    "by runpy as a program": "runpy.run_path('ask.py')",
}
MODULES = """
import importlib.machinery, importlib.metadata, importlib.resources, importlib.util
import pkgutil, runpy, sys, threading
"""


def _one_call_is_seen(
    callspan: Command, write, folder: Path, openai_variables: dict[str, str], before: str
) -> None:
    write("ask.py", ASK)
    program = write("app.py", before)
    program.write_text(f"{MODULES}{program.read_text()}\nfrom ask import ask\nask()\n")
    done = callspan("run", "--file", "spans.jsonl", "app.py", env=openai_variables)
    assert done.returncode == 0, done.stderr.decode()
    assert b"callspan" not in done.stderr
    assert names(folder / "spans.jsonl") == ["chat gpt-4.1-mini"]


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_asking_for_a_client_does_not_hide_it(
    callspan: Command, write, folder: Path, openai_variables, search: str
) -> None:
    _one_call_is_seen(callspan, write, folder, openai_variables, search)


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_a_client_is_seen_however_it_is_loaded(
    callspan: Command, write, folder: Path, openai_variables, load: str
) -> None:
    _one_call_is_seen(callspan, write, folder, openai_variables, load)
