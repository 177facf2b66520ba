"""The packages that callspan needs, and the advice where one of them is missing."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = {
    "google.protobuf": "protobuf",
    "jinja2": "callspan[view]",
    "markdown_it": "callspan[view]",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.exporter.otlp": "opentelemetry-exporter-otlp",
    "opentelemetry.proto": "opentelemetry-proto",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "starlette": "callspan[view]",
    "tiktoken": "tiktoken",
    "uvicorn": "callspan[view]",
    "wrapt": "wrapt",
}
"""The package to install, by module."""


def advice(error: ImportError) -> str | None:
    """Return one line that names the package to install; `None` for another error."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    name = error.name
    # a missing module may stand inside of a package of the table
    while name not in PACKAGES:
        name = name.rpartition(".")[0]
        if not name:
            return None
    return f"callspan needs {PACKAGES[name]}, which is not installed: pip install {PACKAGES[name]}"


def require(*modules: str) -> None:
    """Raise where modules are missing that are loaded later, so that the program hears of it at its start.

    Raises:
        ModuleNotFoundError: One of them is not there; `advice` tells what to install.
    """
    for module in modules:
        if find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
