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
    "httpx-aiohttp",
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
    "pytest-cov",
    *("responses", "grandalf", "numpy", "langchain-tests", "vcrpy"),
)


@dataclass(frozen=True)
class Suite:
    """One suite: the package on the index, its tests, and what they need beside the package.

    Args:
        package: The name on the package index.
        tests: Files and folders of the source, or patterns of them.
        part: What of the suite is run, in words for the table; empty where it is all.
        omitted: Tests and files of these that are not run, each with the reason.
        requires: What to install beside the package.
        options: Options of pytest.
        variables: Variables of the environment. In their values `{server}` becomes the address of a server that
            answers everything with `{}`.
    """

    package: str
    tests: tuple[str, ...] = ("tests",)
    part: str = ""
    omitted: Mapping[str, str] = field(default_factory=dict)
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
_LOOSE = ("-k", "not [strict]")
"""Without the tests of a strict client: it refuses the empty object that the server answers."""
_UNIT = ("tests/unit_tests",)
_GRAPH_TESTS = (
    *(
        "graph_callbacks",
        "runnable",
        "trac*",
        "stream_*",
        "interrupt*",
        "parent_command*",
        "messages_state",
    ),
    *("runner_futures", "tool_stream_handler", "remote_graph*", "retry", "pregel_async"),
)
_AGENT_TESTS = (
    "models/test_*",
    "test_agent_runner*",
    "test_run",
    "test_cancel_streaming",
    "test_*tracing*",
    "test_stream*",
)
_HUB_TESTS = ("client", "async_client", "providers", "types", "text_generation")


def _resources(*names: str) -> tuple[str, ...]:
    """Return where a generated client has the tests of some resources."""
    return tuple(f"tests/api_resources/{name}" for name in names)


_PARENT = (
    "it wants no span between the one around the call and the client's own, and ours stands there"
)
_TOOL_RUNNER = "tests/lib/tools/test_open_telemetry.py::TestToolRunnerSpans::test_"
_OWN_SPANS = {
    "tests/test_open_telemetry.py::TestCallSpans::test_unary_attributes": _PARENT,
    "tests/test_open_telemetry.py::TestPropagationOption::"
    "test_false_keeps_a_span_that_the_sampler_dropped_current_for_the_requests": _PARENT,
    "tests/test_open_telemetry.py::TestTracingFailures::"
    "test_disabled_spans_call_nothing_of_opentelemetry": "callspan calls OpenTelemetry",
    f"{_TOOL_RUNNER}tool_runner_and_tool_spans": _PARENT,
    f"{_TOOL_RUNNER}streaming_runner": _PARENT,
    f"{_TOOL_RUNNER}output_type_is_json_when_the_runner_sets_a_json_output_format": _PARENT,
    f"{_TOOL_RUNNER}a_compaction_request_is_a_child_of_the_tool_runner_span": _PARENT,
    f"{_TOOL_RUNNER}all_of_the_runners_code_runs_in_the_tool_runner_span": _PARENT,
    f"{_TOOL_RUNNER}all_of_the_async_runners_code_runs_in_the_tool_runner_span": _PARENT,
    f"{_TOOL_RUNNER}closing_the_async_streaming_runner_during_a_compaction": _PARENT,
}
"""Tests of the spans that Anthropic's client makes itself, which cannot hold beside spans of ours."""

_PART_OF_RESOURCES = "of the resources those that reach a model"

SUITES = (
    Suite(
        "openai",
        tests=(
            *(
                "tests/test_response.py",
                "tests/test_legacy_response.py",
                "tests/test_stream*.py",
                "tests/lib/chat",
            ),
            *("tests/lib/responses/test_responses.py", "tests/lib/responses/test_null_*.py"),
            *_resources(
                "chat",
                "test_responses.py",
                "test_completions.py",
                "test_embeddings.py",
                "test_images.py",
            ),
        ),
        part="streams, responses' types, Chat Completions, Responses, embeddings, images",
        requires=(*_STAINLESS, "azure-identity", "numpy", "pandas", "websockets", "botocore"),
        options=(*_ONE_PROCESS, *_LOOSE),
        variables=_SERVER,
    ),
    Suite(
        "anthropic",
        tests=(
            *("tests/test_*.py", "tests/lib", "tests/decoders"),
            *_resources("messages", "test_messages.py", "test_models.py"),
            *_resources(
                "beta/messages", "beta/test_messages.py", "beta/test_output_format_conversion.py"
            ),
        ),
        part=f"{_PART_OF_RESOURCES}; its own spans kept",
        omitted=_OWN_SPANS,
        requires=(
            *_STAINLESS,
            *(
                "boto3",
                "google-auth",
                "mcp",
                "http-snapshot[httpx]",
                "standardwebhooks",
                "hypothesis",
                "httpx2",
            ),
        ),
        options=(*_ONE_PROCESS, *_LOOSE),
        variables={**_SERVER, "CALLSPAN_ON_NATIVE": "keep"},
    ),
    Suite("groq", requires=_STAINLESS, options=_ONE_PROCESS, variables=_SERVER),
    Suite("cerebras-cloud-sdk", requires=_STAINLESS, options=_ONE_PROCESS, variables=_SERVER),
    Suite(
        "together",
        tests=(
            *("tests/test_*.py", "tests/unit"),
            *_resources(
                "chat", "audio", "test_completions.py", "test_embeddings.py", "test_images.py"
            ),
            *_resources("test_rerank.py", "test_models.py", "test_batches.py"),
        ),
        part=f"{_PART_OF_RESOURCES}, and not the command line",
        requires=(*_STAINLESS, "pytest-mock"),
        options=(*_ONE_PROCESS, *_LOOSE),
        variables=_SERVER,
    ),
    Suite("ollama", requires=("pytest-httpserver", "pillow", "anyio")),
    Suite(
        "huggingface-hub",
        tests=tuple(f"tests/test_inference_{name}.py" for name in _HUB_TESTS),
        part="the inference clients",
        requires=("pytest-mock", "pytest-vcr", "pytest-env", "numpy", "pillow", "aiohttp"),
        options=(
            "--import-mode=importlib",
        ),  # its archive lacks the file that makes `tests` a package
    ),
    Suite("langchain-core", tests=_UNIT, requires=_LANGCHAIN),
    Suite(
        "langchain",
        tests=_UNIT,
        part="all but the adapters of MCP",
        omitted={"tests/unit_tests/mcp": "the adapters call no model, and need fastmcp"},
        requires=(*_LANGCHAIN, "langchain-openai", "toml", "jsonschema"),
    ),
    Suite("langchain-openai", tests=_UNIT, requires=(*_LANGCHAIN, "langchain")),
    Suite(
        "langgraph",
        tests=tuple(f"tests/test_{name}.py" for name in _GRAPH_TESTS),
        part="callbacks, streams, tracing, interruptions and the async loop, with what is kept in memory",
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
        options=("-k", "not sqlite and not postgres"),
        variables={"NO_DOCKER": "true"},
    ),
    Suite(
        "openai-agents",
        tests=tuple(f"tests/{name}.py" for name in _AGENT_TESTS),
        part="models, runners, streams and tracing",
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
