"""The layers, read from the source: imports go down only, and each foreign package is imported where it may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import callspan

SOURCE = Path(callspan.__file__).parent
MODULES = {path.relative_to(SOURCE).with_suffix("").as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}

# the first prefix that fits says on which floor a module stands
FLOORS: dict[str, float] = {
    "version": 0,
    "requirements": 0,
    "guard": 1,
    "greenlets": 1,
    "number": 0,
    "content": 1,
    "errors": 0,
    "events": 1,
    "settings": 1,
    "patching": 1,
    "swapping": 1,
    "bypass": 2,
    "muting": 6,
    "private": 1,
    "steering": 1,
    "process": 1,
    "losses": 1,
    "semconv": 2,
    "background": 2,
    "cancellation": 2,
    "scope": 2,
    "dispatch": 2,
    "prices/own": 1,
    "prices/rates": 1,
    "prices/__init__": 1,
    "prices": 2,
    "tokens": 2,
    "budgets": 2,
    "client_options": 2,
    "pending_calls": 2,
    "reservations": 2,
    "labels": 2,
    "observation": 2,
    "native": 1,
    "reentry": 2,
    "exceptions": 2,
    "dialects": 2,
    "providers": 2,
    "foreign": 2,
    "streams": 3,
    "generators": 3,
    "marking": 4,
    "handlers": 3,
    "doors": 4,
    "adapters": 5,
    "frameworks": 5,
    "export": 6,
    "inspection": 6,
    "extras": 6,
    "install": 6,
    "installation": 6,
    "listening": 6,
    "langchain": 7,
    "__init__": 7,
    "modelserver": 0,
    "demo": 8,
    "cli": 8,
    "bootstrap/callspan_watch": 0,
    "bootstrap": 8,
    "testing": 8,
}
OPENTELEMETRY = (
    "semconv/",
    "handlers/spans",
    "handlers/metrics",
    "handlers/logs",
    "handlers/agents",
    "scope",
    "export/",
    "install",
    "installation",
    "inspection",
    "frameworks/muting",
)
WRAPT = ("patching", "streams")
CLIENTS = {"openai", "anthropic", "httpx", "httpx2", "groq", "mistralai", "cohere", "ollama", "botocore"}
REQUIRED = {"opentelemetry", "wrapt", "tiktoken", "tiktoken_ext"}
OPTIONAL = {
    "orjson": ("content/encoding",),
    "prometheus_client": ("export/",),
    "genai_prices": ("prices/bundled",),
    "langchain_core": ("frameworks/langchain/",),
    "google": ("export/",),  # protobuf, which the OTLP exporter brings
}
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base", "core"}


def floor(module: str) -> float:
    """The floor on which a module stands."""
    for prefix, number in FLOORS.items():
        if module == prefix or module.startswith(f"{prefix}/"):
            return number
    raise AssertionError(f"{module} stands on no floor: add it to FLOORS")


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
    return next((found for found in (path, f"{path}/__init__".lstrip("/")) if found in MODULES), None)


def allowed(module: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of these places."""
    return any(module == place or (place.endswith("/") and module.startswith(place)) for place in places)


def test_imports_go_down_only() -> None:
    """No module imports from a floor above its own."""
    upward = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        for name, line in imports(module)
        if (target := own(name)) and target != "__init__" and floor(target.removesuffix("/__init__")) > floor(module)
    ]
    assert upward == []


def test_the_whole_is_imported_from_above_only() -> None:
    """What stands below the public API does not import the public API."""
    found = [
        f"{module}:{line}"
        for module in MODULES
        for name, line in imports(module)
        if own(name) == "__init__"
        and name == "callspan"
        and floor(module) < FLOORS["__init__"]
        and not any(own(other) not in (None, "__init__") for other, same in imports(module) if same == line)
    ]
    assert found == []


def test_no_circles() -> None:
    """No module imports, over however many others, itself."""
    graph = {
        module: {target for name, _ in imports(module) if (target := own(name)) and target not in (module, "__init__")}
        for module in MODULES
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module]):
                if f"{target}/__init__" != module and target != f"{module.rpartition('/')[0]}/__init__":
                    visit(target, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(("package", "places"), [("opentelemetry", OPENTELEMETRY), ("wrapt", WRAPT)])
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
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names | REQUIRED | {"callspan", "__future__"}
        and not allowed(module, OPTIONAL.get(top, ()))
        and f"bootstrap/{top}" not in MODULES  # a neighbour, in a folder that is on the path by itself
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
