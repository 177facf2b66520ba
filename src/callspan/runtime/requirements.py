"""The packages that callspan needs, and what to say where one of them is missing."""

from __future__ import annotations

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
"""Which package brings a module."""


def advice(error: ImportError) -> str | None:
    """Return one line that names the package to install, or `None` for an import that fails for another reason."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    name = error.name
    while name not in PACKAGES:
        name = name.rpartition(".")[0]
        if not name:
            return None
    return f"callspan needs {PACKAGES[name]}, which is not installed: pip install {PACKAGES[name]}"
