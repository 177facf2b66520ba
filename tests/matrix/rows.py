"""What is tried: one entry a client, and the rows that follow from them. A new client is one entry in `CLIENTS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_TORTURE = (
    *("answers", "arguments", "chunks", "exits", "faults", "likeness"),
    *("other_loops", "responses", "setup", "streams", "tokens", "web"),
)
"""The torture list without what is made of today's clients: the fuzz run, comparisons, the search for secrets."""
_CALLS = (
    "tests/test_outcomes.py",
    *(f"tests/torture/test_{name}.py" for name in _TORTURE),
    "tests/test_handlers.py",
    "tests/test_count_tokens.py",
    "tests/test_request_usage.py",
    "tests/test_retries.py",
)
_COMPATIBLE = ("tests/test_outcomes.py", "tests/test_compatible_clients.py")
_GUEST = ("tests/test_guest.py", "tests/test_estimates.py", "tests/export")


@dataclass(frozen=True)
class Client:
    """One client: the oldest version that is supported, others in use, and its tests. The newest is always tried.

    `word` stands in the names of its tests and of no other client's. `beside` has what a version needs in other
    packages. The versions of `landing` are rows of the landing check by themselves.
    """

    word: str
    package: str
    oldest: str
    tests: tuple[str, ...]
    between: tuple[str, ...] = ()
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    landing: tuple[str, ...] = ()


TOO_LARGE = frozenset({"vllm"})
"""Clients that are not tried: gigabytes, which need hardware of their own (tests/test_vllm.py)."""

CLIENTS = (
    Client(
        "openai",
        "openai",
        "1.40.0",
        (*_CALLS, "tests/test_compatible_servers.py", "tests/test_providers_by_address.py"),
        between=("1.109.1", "2.*"),
        beside={"1.40.0": ("httpx<0.28",)},
        landing=("2.*",),
    ),
    Client(
        "anthropic",
        "anthropic",
        "0.40.0",
        (
            "tests/test_outcomes.py",
            "tests/test_anthropic.py",
            "tests/test_anthropic_completions.py",
            "tests/test_anthropic_content.py",
            "tests/test_anthropic_platforms.py",
            "tests/test_anthropic_tools.py",
        ),
        between=("0.75.0", "1.0.0", "1.17.0"),
        beside={"0.40.0": ("httpx<0.28",)},
    ),
    Client(
        "google",
        "google-genai",
        "1.10.0",
        ("tests/test_outcomes.py", "tests/test_google_genai.py"),
        between=("1.75.0", "2.33.0"),
        landing=("1.10.0",),
    ),
    Client("groq", "groq", "0.13.1", _COMPATIBLE, beside={"0.13.1": ("httpx<0.28",)}),
    Client("together", "together", "2.0.0", _COMPATIBLE),
    Client(
        "cerebras", "cerebras-cloud-sdk", "1.12.1", _COMPATIBLE, beside={"1.12.1": ("httpx<0.28",)}
    ),
    Client("fireworks", "fireworks-ai", "1.2.0", _COMPATIBLE),
    Client("sambanova", "sambanova", "1.1.0", (*_COMPATIBLE, "tests/test_sambanova.py")),
    Client("perplexity", "perplexityai", "0.20.0", (*_COMPATIBLE, "tests/test_perplexity.py")),
    Client("voyageai", "voyageai", "0.4.0", ("tests/test_voyageai.py",)),
    Client("replicate", "replicate", "1.0.0", ("tests/test_replicate.py",)),
    Client("letta", "letta-client", "1.0.0", ("tests/test_letta.py",)),
    Client("watsonx", "ibm-watsonx-ai", "1.8.1", ("tests/test_watsonx.py",)),
    Client("databricks", "databricks-sdk", "0.162.0", ("tests/test_databricks.py",)),
    Client("deepgram", "deepgram-sdk", "7.0.0", ("tests/test_deepgram.py", "tests/test_speech.py")),
    Client(
        "elevenlabs", "elevenlabs", "2.78.0", ("tests/test_elevenlabs.py", "tests/test_speech.py")
    ),
    Client("xai", "xai-sdk", "1.4.0", ("tests/test_xai.py",)),
    Client("ai21", "ai21", "3.0.0", ("tests/test_outcomes.py", "tests/test_ai21.py")),
    Client(
        "azure",
        "azure-ai-inference",
        "1.0.0b9",
        ("tests/test_outcomes.py", "tests/test_azure_ai_inference.py"),
    ),
    Client("writer", "writer-sdk", "2.0.0", ("tests/test_outcomes.py", "tests/test_writer.py")),
    Client(
        "cohere",
        "cohere",
        "5.16.0",
        ("tests/test_outcomes.py", "tests/test_cohere.py", "tests/test_cohere_clouds.py"),
        between=("5.21.1",),
    ),
    Client(
        "ollama",
        "ollama",
        "0.4.0",
        ("tests/test_outcomes.py", "tests/test_ollama.py"),
        beside={"0.4.0": ("httpx<0.28",)},
    ),
    Client(
        "mistral",
        "mistralai",
        "1.2.0",
        ("tests/test_outcomes.py", "tests/test_mistral.py", "tests/test_mistral_clouds.py"),
        between=("1.5.0", "1.12.4", "2.0.0"),
    ),
    Client(
        "huggingface",
        "huggingface-hub",
        "0.30.0",
        ("tests/test_outcomes.py", "tests/test_huggingface_hub.py"),
        between=("0.36.2", "1.0.1"),
    ),
    Client(
        "sentence_transformers",
        "sentence-transformers",
        "6.2.0",
        ("tests/test_sentence_transformers.py",),
    ),
    Client(
        "fastembed",
        "fastembed",
        "0.9.1",
        ("tests/test_fastembed.py",),
        beside={"0.9.1": ("onnx",), "newest": ("onnx",)},
    ),
    Client(
        "transformers",
        "transformers",
        "5.24.0",
        ("tests/test_transformers.py",),
        beside={"5.24.0": ("torch",), "newest": ("torch",)},
    ),
    Client(
        "llama_cpp",
        "llama-cpp-python",
        "0.3.36",
        ("tests/test_llama_cpp.py",),
        beside={"0.3.36": ("gguf",), "newest": ("gguf",)},
    ),
    Client(
        "bedrock",
        "boto3",
        "1.34.131",
        (
            "tests/test_outcomes.py",
            "tests/test_bedrock.py",
            "tests/test_bedrock_agents.py",
            "tests/test_bedrock_agents_async.py",
            "tests/test_bedrock_bodies.py",
            "tests/test_bedrock_searches.py",
            "tests/test_bedrock_vendors.py",
        ),
        beside={"1.34.131": ("aiobotocore==2.13.1",)},
    ),
)


@dataclass(frozen=True)
class Row:
    """One environment: what is asked for beside callspan, and which tests run in it, chosen by their names.

    `package` is what it is about, if that is one. A row that `lands` is run by the landing check. `extra` is what of
    callspan is installed; the empty text stands for an environment without callspan.
    """

    name: str
    requires: tuple[str, ...]
    tests: tuple[str, ...]
    select: str = ""
    python: str = "3.11"
    extra: str = "test-clients"
    package: str | None = None
    lands: bool = False


def _rows_of(client: Client) -> list[Row]:
    return [
        Row(
            f"{client.word}-{version.removesuffix('.*')}",
            asked(client, version),
            client.tests,
            _only(client.word) if client.word == "openai" else client.word,
            package=client.package,
            lands=version in client.landing,
        )
        for version in (client.oldest, *client.between, _NEWEST)
    ]


def asked(client: Client, version: str) -> tuple[str, ...]:
    """What is installed for a version of a client."""
    if version == _NEWEST:
        # by name, as not every client is among those that all rows have
        return (client.package, *client.beside.get(_NEWEST, ()))
    return (f"{client.package}=={version}", *client.beside.get(version, ()))


def _only(*words: str) -> str:
    """The tests that are about no other clients; most tests name none and are made with OpenAI's."""
    return " and ".join(f"not {client.word}" for client in CLIENTS if client.word not in words)


def _once(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


_NEWEST = "newest"
_TOGETHER = ("openai", "anthropic", "groq", "together", "cerebras", "fireworks")
"""Clients whose oldest versions go into one environment."""
_AT_THEIR_OLDEST = [client for client in CLIENTS if client.word in _TOGETHER]
_A_YEAR_OLD = ("wrapt==1.16.*", "opentelemetry-sdk==1.37.*", "tiktoken==0.7.*")
"""The oldest of callspan's own dependencies."""
_ELSEWHERE = _once(
    [
        *(test for test in _CALLS if "torture" not in test),
        *(
            f"tests/torture/test_{name}.py"
            for name in ("streams", "chunks", "exits", "other_loops", "web")
        ),
        *(test for client in CLIENTS for test in client.tests),
        *_GUEST,
        "tests/decorators",
    ]
)
"""What can differ from one Python to another: tasks, generators, the end of a process, and each client."""
_OF_LANGCHAIN = ("tests/tutorial", "tests/test_langchain_forwarding.py", "tests/frameworks")
_LANGCHAIN_0_3 = (
    "langchain>=0.3,<0.4",
    "langchain-community>=0.3,<0.4",
    "langchain-openai>=0.3,<0.4",
    "langgraph<1",
    "openai<2",
    "loguru",
    # it is tested in the same folder
    "mcp",
)
_OF_MCP = ("tests/frameworks/test_mcp.py",)
_OVER_CLIENTS = ("tests/frameworks/test_over_clients.py",)
"""Frameworks that callspan does not know, which are in no extra, as they agree on no version of OpenAI's client."""

ROWS = (
    *(
        # what works on the oldest and on the newest works between them, where it is tried by hand
        Row(f"python-{version}", (), _ELSEWHERE, python=version, lands=version != "3.12")
        for version in ("3.10", "3.12", "3.13")
    ),
    Row(
        "oldest-clients",
        _once(
            [
                *(needed for client in _AT_THEIR_OLDEST for needed in asked(client, client.oldest)),
                *_A_YEAR_OLD,
            ]
        ),
        _once([*_CALLS, *(test for client in _AT_THEIR_OLDEST for test in client.tests), *_GUEST]),
        _only(*_TOGETHER),
        lands=True,
    ),
    *(row for client in CLIENTS for row in _rows_of(client)),
    Row("langchain-0.3", _LANGCHAIN_0_3, _OF_LANGCHAIN, package="langchain-core", lands=True),
    Row(
        "litellm-1.80.17",
        ("litellm==1.80.17",),
        ("tests/frameworks/litellm",),
        extra="test",
        package="litellm",
    ),
    Row("litellm-newest", (), ("tests/frameworks/litellm",), extra="test", package="litellm"),
    Row(
        "mcp-1.20",
        ("mcp==1.20.0", "pydantic<2.12"),
        _OF_MCP,
        package="mcp",
    ),
    Row("mcp-1.30", ("mcp==1.30.0",), _OF_MCP, package="mcp"),
    Row("mcp-newest", ("mcp",), _OF_MCP, package="mcp"),
    Row(
        "crewai",
        ("crewai>=1.15", "llama-index-llms-openai>=0.8"),
        _OVER_CLIENTS,
        "not pydantic_ai",
        extra="test",
        package="crewai",
    ),
    Row(
        "pydantic-ai",
        ("pydantic-ai-slim[openai]>=2.68",),
        _OVER_CLIENTS,
        "pydantic_ai",
        extra="test",
        package="pydantic-ai-slim",
    ),
    Row("langchain-newest", (), _OF_LANGCHAIN, extra="test", package="langchain-core"),
)
