"""The layers, read from the source: imports go down only, and each foreign package is imported where it may be."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import callspan

SOURCE = Path(callspan.__file__).parent
MODULES = {
    path.relative_to(SOURCE).with_suffix("").as_posix(): path
    for path in sorted(SOURCE.rglob("*.py"))
}

ARCHITECTURE = Path(__file__).parent.parent / "ARCHITECTURE.md"
DECLARED = {
    ("runtime/patching", "bootstrap/callspan_watch"),
    ("runtime/searches", "bootstrap/callspan_watch"),
    ("settings/environment", "bootstrap/callspan_switches"),
}
"""Imports upward, which ARCHITECTURE.md explains."""
OPENTELEMETRY = (
    "semconv/",
    "telemetry/",
    "runtime/scope",
    "export/",
    "setup/",
    "frameworks/muting",
    "view/otlp",
)
WRAPT = ("runtime/patching", "runtime/wrappers", "lifecycle/streams")
CLIENTS = {
    "openai",
    "anthropic",
    "httpx",
    "httpx2",
    "groq",
    "mistralai",
    "cohere",
    "ollama",
    "botocore",
    "ai21",
    "azure",
    "perplexity",
    "letta_client",
    "replicate",
    "databricks",
    "deepgram",
    "elevenlabs",
    "ibm_watsonx_ai",
    "sambanova",
    "voyageai",
    "writerai",
    "xai_sdk",
    "transformers",
    "llama_cpp",
    "vllm",
    "sentence_transformers",
    "fastembed",
}
REQUIRED = {"opentelemetry", "wrapt", "tiktoken", "tiktoken_ext"}
OPTIONAL = {
    "orjson": ("content/encoding",),
    "prometheus_client": ("export/",),
    "fsspec": ("content/uploads",),
    "genai_prices": ("accounting/prices/bundled",),
    "langchain_core": ("frameworks/langchain/",),
    "PyInstaller": ("pyinstaller/",),
    "jinja2": ("view/",),
    "pytest": ("testing/pytest_plugin",),
    "markdown_it": ("view/",),
    "markupsafe": ("view/",),
    "starlette": ("view/",),
    "uvicorn": ("view/",),
    # these come with the OTLP exporter
    "google": ("export/", "view/otlp"),
    "grpc": ("export/grpc_stub",),
    "requests": ("export/http_session",),
    "urllib3": ("export/http_session",),
}
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base", "core"}


def read_floors() -> dict[str, int]:
    """Return the floor of each room, 0 at the bottom, from the table in ARCHITECTURE.md."""
    section = (
        ARCHITECTURE.read_text(encoding="utf-8").partition("## Rooms")[2].partition("\n## ")[0]
    )
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {
        room: number
        for number, row in enumerate(reversed(rows))
        for room in re.findall(r"`(\w+)`", row)
    }


FLOORS = read_floors()


def room(module: str) -> str:
    """Return the room in which a module stands."""
    return module.partition("/")[0]


def imports(module: str) -> Iterator[tuple[str, int]]:
    """What a module imports, by absolute dotted name, and in which line; also inside functions."""
    path = MODULES[module]
    package = ["callspan", *module.split("/")[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            yield name, node.lineno
            yield from ((f"{name}.{alias.name}", node.lineno) for alias in node.names)


def own(name: str) -> str | None:
    """The module of ours that an import means, by its path; none where it means something inside a module."""
    path = name.removeprefix("callspan").lstrip(".").replace(".", "/")
    if not name.startswith("callspan"):
        return None
    return next(
        (found for found in (path, f"{path}/__init__".lstrip("/")) if found in MODULES), None
    )


def allowed(module: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of these places."""
    return any(
        module == place or (place.endswith("/") and module.startswith(place)) for place in places
    )


def test_each_room_stands_in_the_table() -> None:
    """ARCHITECTURE.md names all rooms, and no others."""
    assert set(FLOORS) == {room(module) for module in MODULES}


def test_imports_go_down_only() -> None:
    """No module imports from a room above its own, or beside it in another row, but for what is declared."""
    upward = {
        (module, target.removesuffix("/__init__"))
        for module in MODULES
        for name, _ in imports(module)
        if (target := own(name))
        and target != "__init__"
        and FLOORS[room(target)] > FLOORS[room(module)]
    }
    assert upward == DECLARED


def test_the_whole_is_imported_from_above_only() -> None:
    """What stands below the public API does not import the public API."""
    found = [
        f"{module}:{line}"
        for module in MODULES
        for name, line in imports(module)
        if own(name) == "__init__"
        and name == "callspan"
        and FLOORS[room(module)] < FLOORS["__init__"]
        and not any(
            own(other) not in (None, "__init__") for other, same in imports(module) if same == line
        )
    ]
    assert found == []


def test_no_circles() -> None:
    """No module imports, over however many others, itself."""
    graph = {
        module: {
            target
            for name, _ in imports(module)
            if (target := own(name)) and target not in (module, "__init__")
        }
        for module in MODULES
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module]):
                if (
                    f"{target}/__init__" != module
                    and target != f"{module.rpartition('/')[0]}/__init__"
                ):
                    visit(target, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(
    ("package", "places"), [("opentelemetry", OPENTELEMETRY), ("wrapt", WRAPT)]
)
def test_where_a_package_may_be_imported(package: str, places: tuple[str, ...]) -> None:
    """OpenTelemetry and wrapt are known in few places, so that the rest can be read without them."""
    found = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        for name, line in imports(module)
        if name.partition(".")[0] == package and not allowed(module, places)
    ]
    assert found == []


def test_no_client_is_imported() -> None:
    """A client's package is reached through what the app has imported, and never imported by us."""
    found = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        for name, line in imports(module)
        if name.partition(".")[0] in CLIENTS and not module.startswith("demo/")
    ]
    assert found == []


def test_nothing_else_is_imported() -> None:
    """Beside the required packages, and the extras in their places, there is the standard library only."""
    found = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        for name, line in imports(module)
        if (top := name.partition(".")[0])
        not in sys.stdlib_module_names | REQUIRED | {"callspan", "__future__"}
        and not allowed(module, OPTIONAL.get(top, ()))
        and f"bootstrap/{top}"
        not in MODULES  # a neighbour, in a folder that is on the path by itself
        and not module.startswith("demo/")
    ]
    assert found == []


def strings(module: str) -> Iterator[tuple[str, int]]:
    """The texts in a module that are not docstrings."""
    tree = ast.parse(MODULES[module].read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value, node.lineno


def test_names_of_the_conventions_stand_in_one_place() -> None:
    """`gen_ai.` names are written in `semconv/` and nowhere else."""
    found = [
        f"{module}:{line} {text!r}"
        for module in MODULES
        for text, line in strings(module)
        if "gen_ai." in text and not module.startswith("semconv/")
    ]
    assert found == []


def test_files_are_named_after_what_is_in_them() -> None:
    """No file is called by a name that could hold anything."""
    assert [module for module in MODULES if module.rpartition("/")[2] in NO_NAMES] == []
