"""The readers of spans: the attributes that each needs beyond the conventions, and those that mislead it.

One row a reader. Its source, a reader's own code or its documentation, stands in docs/readers.md,
and `python -m tests.readers` shows how each reads our spans.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from callspan.semconv import names
from callspan.settings.choices import ReaderName

_AUDIO_INPUT = "gen_ai.usage.audio.input_tokens"
_AUDIO_OUTPUT = "gen_ai.usage.audio.output_tokens"
_USAGE_COST = "gen_ai.usage.cost"
_CACHE_WRITES = (names.CACHE_WRITE_TOKENS, names.CACHE_CREATION_TOKENS)
"""The newest name of tokens written to a cache, and the one that most readers know."""
_MEMORY_WRITES = ("create_memory", "update_memory", "upsert_memory", "delete_memory")
"""The operations of a store of memories but the search, which few readers have a word for."""
_OPENINFERENCE_COUNTS = (
    "llm.token_count.prompt",
    "llm.token_count.completion",
    "llm.token_count.total",
)


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader of spans.

    Attributes:
        title: Its name, as people write it.
        kind: The attribute for the kind of a span.
        kinds: Its values by operation, for the operations that the reader would take for others.
        copies: The names of attributes, with the names under which the reader looks for them; of
            two with one such name the first that is there.
        counts: The names of the tokens of the input, of the output and of both, for a call that
            states only one of them: the reader adds up nothing then.
        total: The name of the tokens of input and output.
        cost: The name of the cost as a JSON object with a total.
        first_chunk: The name of the moment of the first chunk, in ISO 8601.
        texts: The names of the text that went in last and of its type, and the same of the one that came out.
        hidden_by: The beginning of names that hide messages from the reader.
        messages: The names under which it sees those all the same.
        is_strict: Whether it loses all messages for one without a finish reason, and all documents
            for one without an id or a score.
        left_out: The beginnings of names that mislead it.
        hosts: The ends of the names of the hosts that take spans for it.
        port: The port at which it takes spans, where it runs on a machine of one's own.
        path: A part of the path at which it takes spans.
        header: A header that only it has.
    """

    title: str
    kind: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    copies: tuple[tuple[str, str], ...] = ()
    counts: tuple[str, str, str] | None = None
    total: str = ""
    cost: str = ""
    first_chunk: str = ""
    texts: tuple[tuple[str, str], tuple[str, str]] | None = None
    hidden_by: str = ""
    messages: tuple[str, str] | None = None
    is_strict: bool = False
    left_out: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    port: int | None = None
    path: str = ""
    header: str = ""

    @property
    def has_needs(self) -> bool:
        """Whether the reader needs anything beyond the conventions, or is misled by something."""
        return bool(self.kind or self.copies or self.total or self.left_out)


READERS: dict[ReaderName, Reader] = {
    "datadog": Reader(
        "Datadog",
        hosts=("datadoghq.com", "datadoghq.eu", "ddog-gov.com"),
        header="dd-api-key",
    ),
    # its dashboards are made for what OpenLIT records
    "grafana": Reader(
        "Grafana Cloud",
        copies=((names.COST, _USAGE_COST), _CACHE_WRITES),
        total="gen_ai.usage.total_tokens",
        hosts=("grafana.net",),
    ),
    "honeycomb": Reader("Honeycomb", hosts=("honeycomb.io",), header="x-honeycomb-team"),
    "jaeger": Reader("Jaeger", copies=(_CACHE_WRITES,)),
    "langfuse": Reader(
        "Langfuse",
        kind="langfuse.observation.type",
        # what has a model and is none of its kinds is a generation there, whose tokens it guesses
        kinds={
            "fetch_batch": "span",
            "fetch_response": "span",
            "invoke_workflow": "chain",
            "moderation": "guardrail",
            "rerank": "retriever",
            "retrieval": "retriever",
            "run_node": "chain",
            "search_memory": "retriever",
        },
        copies=(
            _CACHE_WRITES,
            (names.COST, _USAGE_COST),
            (names.RETRIEVAL_QUERY, "langfuse.observation.input"),
            (names.RETRIEVAL_DOCUMENTS, "langfuse.observation.output"),
        ),
        first_chunk="langfuse.observation.completion_start_time",
        hidden_by="gen_ai.prompt.",
        messages=("langfuse.observation.input", "langfuse.observation.output"),
        # it adds each of them to the total, in which they are already
        left_out=(
            names.CACHE_WRITE_TOKENS,
            "gen_ai.usage.text.",
            "gen_ai.usage.audio.",
            "gen_ai.usage.image.",
            "llm.token_count.prompt_details.audio",
        ),
        hosts=("langfuse.com",),
        path="/api/public/otel",
    ),
    "langsmith": Reader(
        "LangSmith",
        kind="langsmith.span.kind",
        kinds={
            "chat": "llm",
            "embeddings": "embedding",
            "execute_tool": "tool",
            "fetch_batch": "chain",
            "fetch_response": "chain",
            "generate_content": "llm",
            "invoke_agent": "chain",
            "invoke_workflow": "chain",
            "moderation": "chain",
            "rerank": "retriever",
            "retrieval": "retriever",
            "run_node": "chain",
            "search_memory": "retriever",
            "text_completion": "llm",
            **dict.fromkeys(_MEMORY_WRITES, "tool"),
        },
        copies=(
            (names.PROVIDER, "gen_ai.system"),
            # a thread is what its runs have in their metadata
            (names.SESSION_ID, "langsmith.metadata.session_id"),
            (names.CONVERSATION_ID, "langsmith.metadata.session_id"),
            (names.USER_ID, "langsmith.metadata.user_id"),
        ),
        total="gen_ai.usage.total_tokens",
        hosts=("smith.langchain.com",),
        header="langsmith-project",
    ),
    "logfire": Reader(
        "Logfire",
        copies=((names.COST, "operation.cost"),),
        hosts=("pydantic.dev",),
    ),
    "mlflow": Reader(
        "MLflow",
        kind="mlflow.spanType",
        kinds={
            "fetch_batch": "CHAIN",
            "fetch_response": "CHAIN",
            "invoke_workflow": "CHAIN",
            "moderation": "GUARDRAIL",
            "rerank": "RERANKER",
            "retrieval": "RETRIEVER",
            "run_node": "CHAIN",
            **dict.fromkeys(("search_memory", *_MEMORY_WRITES), "MEMORY"),
        },
        copies=(
            (names.RETRIEVAL_QUERY, "mlflow.spanInputs"),
            (names.RETRIEVAL_DOCUMENTS, "mlflow.spanOutputs"),
        ),
        # names of OpenInference, which it reads before those of the conventions
        counts=_OPENINFERENCE_COUNTS,
        cost="mlflow.llm.cost",
        header="x-mlflow-experiment-id",
    ),
    "openlit": Reader(
        "OpenLIT",
        copies=((names.COST, _USAGE_COST), _CACHE_WRITES),
        total="gen_ai.usage.total_tokens",
    ),
    "phoenix": Reader(
        "Phoenix",
        kind="openinference.span.kind",
        kinds={
            "fetch_batch": "CHAIN",
            "fetch_response": "CHAIN",
            "invoke_workflow": "CHAIN",
            "moderation": "GUARDRAIL",
            "rerank": "RERANKER",
            "run_node": "CHAIN",
            "search_memory": "RETRIEVER",
            **dict.fromkeys(_MEMORY_WRITES, "TOOL"),
        },
        copies=(
            _CACHE_WRITES,
            (names.REASONING_TOKENS, "llm.token_count.completion_details.reasoning"),
            (_AUDIO_INPUT, "llm.token_count.prompt_details.audio"),
            (_AUDIO_OUTPUT, "llm.token_count.completion_details.audio"),
        ),
        counts=_OPENINFERENCE_COUNTS,
        # the list of traces shows these; without them the id of the response stands for the output
        texts=(("input.value", "input.mime_type"), ("output.value", "output.mime_type")),
        is_strict=True,
        hosts=("phoenix.arize.com",),
        port=6006,
    ),
    "signoz": Reader(
        "SigNoz",
        copies=(_CACHE_WRITES, (names.TIME_TO_FIRST_CHUNK, "gen_ai.server.ttft")),
        hosts=("signoz.cloud",),
        header="signoz-ingestion-key",
    ),
}
"""All readers, by the names that the setting has."""
