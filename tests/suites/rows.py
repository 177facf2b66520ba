"""The suites that are run: one entry a package whose source archive has its tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_PYTEST = ("pytest>=8.4", "pytest-asyncio>=1.0", "pytest-timeout>=2.3")
_STAINLESS = (
    "respx",
    "dirty-equals",
    "rich",
    "inline-snapshot",
    "nest-asyncio",
    "time-machine",
    "trio",
    "pytest-xdist",
)
_LANGCHAIN = (
    *(
        "syrupy",
        "pytest-mock",
        "pytest-socket",
        "pytest-recording",
        "pytest-benchmark",
        "blockbuster",
        "freezegun",
    ),
    *("responses", "grandalf", "numpy", "langchain-tests", "vcrpy"),
)


@dataclass(frozen=True)
class Suite:
    """One suite: the package on the index, the folders of its tests, and what they need beside the package.

    `variables` are for its environment; `{server}` in them becomes the address of a server that answers all with `{}`.
    """

    package: str
    tests: tuple[str, ...] = ("tests",)
    requires: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """Everything to install but callspan."""
        return (self.package, *_PYTEST, *self.requires)


_SERVER = {"TEST_API_BASE_URL": "{server}"}
_ONE_PROCESS = ("-n0",)
"""These suites ask pytest-xdist for several processes, of which each would write a report."""
_UNIT = ("tests/unit_tests",)
_HUB_TESTS = ("client", "providers", "types", "text_generation")

SUITES = (
    Suite(
        "openai",
        requires=(*_STAINLESS, "azure-identity", "numpy", "pandas", "websockets", "botocore"),
        options=_ONE_PROCESS,
        variables=_SERVER,
    ),
    Suite(
        "anthropic",
        requires=(*_STAINLESS, "boto3", "google-auth", "mcp", "http-snapshot[httpx]"),
        variables=_SERVER,
    ),
    Suite("groq", requires=_STAINLESS, options=_ONE_PROCESS, variables=_SERVER),
    Suite("cerebras-cloud-sdk", requires=_STAINLESS, options=_ONE_PROCESS, variables=_SERVER),
    Suite("together", requires=_STAINLESS, options=_ONE_PROCESS, variables=_SERVER),
    Suite("ollama", requires=("pytest-httpserver", "pillow", "anyio")),
    Suite(
        "huggingface-hub",
        tests=tuple(f"tests/test_inference_{name}.py" for name in _HUB_TESTS),
        requires=("pytest-mock", "pytest-vcr", "numpy", "pillow", "aiohttp"),
    ),
    Suite("langchain-core", tests=_UNIT, requires=_LANGCHAIN),
    Suite("langchain", tests=_UNIT, requires=(*_LANGCHAIN, "langchain-openai", "toml")),
    Suite("langchain-openai", tests=_UNIT, requires=_LANGCHAIN),
    Suite(
        "langgraph",
        requires=(
            *_LANGCHAIN,
            *(
                "langgraph-checkpoint-sqlite",
                "langgraph-checkpoint-postgres",
                "psycopg[binary]",
                "redis",
            ),
            *("pycryptodome", "httpx", "uvloop"),
        ),
        variables={"NO_DOCKER": "true"},
    ),
    Suite(
        "openai-agents",
        requires=(
            *(
                "inline-snapshot",
                "pytest-mock",
                "graphviz",
                "eval-type-backport",
                "websockets",
                "numpy",
            ),
            *("fastapi", "litellm", "mcp", "sqlalchemy", "aiosqlite"),
        ),
    ),
)
