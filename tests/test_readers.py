"""Readers of spans: what each needs beyond the conventions is added, and what misleads it left out."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import openai
import pytest
from tests.frameworks.spans import read_spans
from tests.readers.expectations import FACTS, score, sum_of_tokens
from tests.readers.rows import ROWS, in_our_words

import callspan
from callspan.cli import checks, reachable
from callspan.cli.doctor import Section
from callspan.cli.problem import Problem
from callspan.cli.reader import reader_of
from callspan.cli.values import read_readers
from callspan.events.operations import facts_of
from callspan.export.otlp_json import span_lines
from callspan.semconv.readers import READERS
from callspan.settings.choices import ReaderName
from callspan.testing.modelserver import Counts, ModelServer, Reply
from program import CHAT, WITH_USAGE
from telemetry import Telemetry

pytestmark = pytest.mark.breaks("name.unknown", "what readers need has names of their own")
FULL = Reply(
    text="Roses.", usage=Counts(input=50, output=20, cached=30, cache_write=5, reasoning=10)
)
PRICES = {"models": {"gpt-4.1-mini": {"input": 2, "output": 8}}}
SOUND = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}],
    "usage": {
        "prompt_tokens": 50,
        "completion_tokens": 20,
        "total_tokens": 70,
        "prompt_tokens_details": {"audio_tokens": 10, "text_tokens": 40},
    },
}
"""An answer that tells how many of its tokens were sound."""
COST = 50 * 2e-6 + 20 * 8e-6


def ask(telemetry: Telemetry, client: openai.OpenAI, server: ModelServer, **settings: Any) -> Any:
    """Ask once with these settings, and return the attributes of the span."""
    telemetry.instrument(**settings)
    server.enqueue(FULL)
    client.chat.completions.create(**CHAT)
    assert callspan.flush()
    return telemetry.attributes


def test_every_reader_has_a_row() -> None:
    """The names that the setting takes are those of the table, in its order."""
    assert get_args(ReaderName) == tuple(READERS)


def test_only_what_is_needed(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Without readers nothing is added; a reader that needs nothing changes nothing."""
    before = dict(ask(telemetry, client, model_server))
    telemetry.clear()
    after = dict(ask(telemetry, client, model_server, readers=["honeycomb"]))
    assert [*before] == [*after]
    own = ("gen_ai.", "openai.", "callspan.", "server.")
    assert all(name.startswith(own) for name in after)


@pytest.mark.parametrize("reader", ["langfuse", "openlit", "grafana"])
def test_cost_and_cache_writes(
    reader: str, telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """They stand where these readers look, whatever the version of the conventions."""
    settings: Any = {"semconv": "latest", "cost": True, "prices": PRICES}
    attributes = ask(telemetry, client, model_server, readers=[reader], **settings)
    assert attributes["gen_ai.usage.cost"] == pytest.approx(COST)
    assert attributes["gen_ai.usage.cache_creation.input_tokens"] == 5
    assert attributes["callspan.cost.usd"] == pytest.approx(COST)


def test_what_misleads_langfuse(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """It adds up all counts that it does not know: so none is there but those that it knows."""
    for readers, names in (((), {"audio", "text"}), (("langfuse",), set())):
        telemetry.instrument(readers=readers)
        model_server.enqueue(Reply(raw=json.dumps(SOUND)))
        client.chat.completions.create(**CHAT)
        parts = {name.split(".")[2] for name in telemetry.attributes if name.count(".") == 3}
        assert parts == names
        telemetry.clear()


def test_first_chunk_for_langfuse(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """It is told as the moment at which the answer began, which lies within the span."""
    telemetry.instrument(readers=["langfuse"])
    list(client.chat.completions.create(**CHAT, **WITH_USAGE))
    moment = seconds_of(telemetry.attributes["langfuse.observation.completion_start_time"])
    start, end = telemetry.span.start_time, telemetry.span.end_time
    assert start is not None
    assert end is not None
    seconds = telemetry.attributes["gen_ai.response.time_to_first_chunk"]
    assert moment == pytest.approx(start / 1e9 + seconds, abs=0.002)
    assert start / 1e9 <= moment + 0.001 <= end / 1e9 + 0.002


def seconds_of(text: str) -> float:
    """Return a moment in ISO 8601 as seconds since 1970."""
    # `fromisoformat` of Python 3.10 does not know the letter
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_messages_that_a_prompt_would_hide(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Langfuse takes any name that begins as the prompt's for all that was said."""
    telemetry.instrument(readers=["langfuse"], capture="span")
    client.responses.create(model="gpt-4.1-mini", input="Which vase?", prompt={"id": "pmpt_1"})
    attributes = telemetry.attributes
    assert attributes["langfuse.observation.input"] == attributes["gen_ai.input.messages"]
    assert attributes["langfuse.observation.output"] == attributes["gen_ai.output.messages"]


def test_texts_for_phoenix(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """The list of traces shows the last question and the answer, where content is captured."""
    assert "input.value" not in ask(telemetry, client, model_server, readers=["phoenix"])
    telemetry.clear()
    attributes = ask(telemetry, client, model_server, readers=["phoenix"], capture="span")
    assert attributes["input.value"] == CHAT["messages"][-1]["content"]
    assert attributes["output.value"] == "Roses."
    assert attributes["llm.token_count.completion_details.reasoning"] == 10


@pytest.mark.instrument(readers=["phoenix"], capture="span")
def test_texts_are_redacted(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """They are made of what was captured, so what was taken out is in none of them."""
    telemetry.instrument(readers=["phoenix"], capture="span", redact="common")
    client.chat.completions.create(
        **{**CHAT, "messages": [{"role": "user", "content": "I am ann@example.com"}]}
    )
    assert "ann@example.com" not in telemetry.everything()
    assert telemetry.attributes["input.value"].startswith("I am ")


@pytest.mark.instrument(readers=["phoenix"], capture="span", semconv="latest")
def test_answers_that_phoenix_would_lose(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """It drops all messages for one without a finish reason, which the newest text allows."""
    client.images.generate(model="gpt-image-1", prompt="A rose")
    (message,) = json.loads(telemetry.attributes["gen_ai.output.messages"])
    assert message["finish_reason"]


KINDS = {
    "langfuse": ("langfuse.observation.type", "guardrail", "chain"),
    "mlflow": ("mlflow.spanType", "GUARDRAIL", "CHAIN"),
    "phoenix": ("openinference.span.kind", "GUARDRAIL", "CHAIN"),
    "langsmith": ("langsmith.span.kind", "chain", "chain"),
}


@pytest.mark.parametrize("reader", KINDS)
def test_kinds(reader: str, telemetry: Telemetry, client: openai.OpenAI) -> None:
    """What a reader would take for a call to a model, or for nothing, says what it is."""
    name, moderation, workflow = KINDS[reader]
    telemetry.instrument(readers=[reader])
    with callspan.workflow("order"):
        client.moderations.create(model="omni-moderation-latest", input="a")
    inner, outer = telemetry.spans
    assert dict(inner.attributes or {})[name] == moderation
    assert dict(outer.attributes or {})[name] == workflow


@pytest.mark.parametrize("reader", READERS)
def test_kinds_are_of_operations(reader: Any) -> None:
    """A row has no operation that is not there: one that was renamed would be without its kind."""
    for operation in READERS[reader].kinds:
        # the facts of one that has no row are made anew each time
        assert facts_of(operation) is facts_of(operation), operation


@pytest.mark.parametrize("reader", ["mlflow", "phoenix"])
def test_totals_of_one_count(reader: str, telemetry: Telemetry, client: openai.OpenAI) -> None:
    """These readers add up two counts, and embeddings have one."""
    telemetry.instrument(readers=[reader])
    client.embeddings.create(model="text-embedding-3-small", input="a")
    attributes = telemetry.attributes
    tokens = attributes["gen_ai.usage.input_tokens"]
    assert attributes["llm.token_count.total"] == attributes["llm.token_count.prompt"] == tokens


def test_sessions_users_and_provider_for_langsmith(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """They stand in the metadata of each run, and the provider under its old name."""
    telemetry.instrument(readers=["langsmith"])
    with callspan.attributes(session_id="visit-1", user_id="ann"):
        client.chat.completions.create(**CHAT)
    attributes = telemetry.attributes
    assert attributes["langsmith.metadata.session_id"] == "visit-1"
    assert attributes["langsmith.metadata.user_id"] == "ann"
    assert attributes["gen_ai.system"] == "openai"


def test_what_the_app_says_stays(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """An attribute of the app's own is not replaced."""
    telemetry.instrument(readers=["langfuse"])
    own: Any = {"langfuse.observation.type": "evaluator"}
    with callspan.attributes(**own):
        client.moderations.create(model="omni-moderation-latest", input="a")
    assert telemetry.attributes["langfuse.observation.type"] == "evaluator"


@pytest.mark.parametrize("reader", READERS)
def test_no_agent_has_counts(reader: str, telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Whoever adds up the counts of all spans counts each token once: agents have their sums alone."""
    telemetry.instrument(readers=[reader], cost=True, prices=PRICES)
    with callspan.workflow("order"), callspan.agent("florist"):
        client.chat.completions.create(**CHAT)
    assert callspan.flush()
    for span in telemetry.spans:
        if span.name.startswith("invoke_"):
            counts = [name for name in span.attributes or {} if "usage" in name or "cost" in name]
            assert not [name for name in counts if not name.startswith("callspan.sum.")]
            assert not [name for name in span.attributes or {} if "token_count" in name]


@pytest.mark.guard_acts("a reader's row is broken on purpose")
def test_a_fault_of_ours_costs_no_span(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The span ends with what it would have had."""
    from callspan.semconv import reader_attributes

    def fail(*_arguments: Any) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(reader_attributes, "additions", fail)
    telemetry.instrument(readers=["langfuse"])
    client.chat.completions.create(**CHAT)
    assert telemetry.attributes["callspan.outcome"] == "completed"


def test_option() -> None:
    """`callspan run --readers` takes names, and says which there are."""
    assert read_readers("--readers", "langfuse, phoenix") == "langfuse,phoenix"
    with pytest.raises(Problem, match="did you mean 'phoenix'"):
        read_readers("--readers", "phonix")


@pytest.mark.parametrize(
    ("url", "headers", "name"),
    [
        (
            "https://cloud.langfuse.com/api/public/otel/v1/traces",
            "authorization=Basic x",
            "langfuse",
        ),
        ("https://us.cloud.langfuse.com/api/public/otel/v1/traces", "", "langfuse"),
        ("http://langfuse.internal:3000/api/public/otel/v1/traces", "", "langfuse"),
        ("http://localhost:6006/v1/traces", "", "phoenix"),
        ("https://app.phoenix.arize.com/s/flowers/v1/traces", "", "phoenix"),
        ("https://api.smith.langchain.com/otel/v1/traces", "x-api-key=k", "langsmith"),
        ("https://otlp.datadoghq.com/v1/traces", "", "datadog"),
        ("https://otlp-gateway-prod-us-west-0.grafana.net/otlp/v1/traces", "", "grafana"),
        ("https://api.eu1.honeycomb.io/v1/traces", "", "honeycomb"),
        ("https://logfire-eu.pydantic.dev/v1/traces", "", "logfire"),
        ("http://localhost:5000/v1/traces", "x-mlflow-experiment-id=0", "mlflow"),
        ("https://ingest.eu.signoz.cloud:443/v1/traces", "", "signoz"),
        # a proxy of the company's own, known by the header
        ("https://telemetry.internal/v1/traces", "X-Honeycomb-Team=k", "honeycomb"),
        ("http://localhost:4318/v1/traces", "", None),
        ("https://notlangfuse.com/v1/traces", "", None),
    ],
)
def test_reader_of_an_endpoint(url: str, headers: str, name: str | None) -> None:
    """Its address tells, or the name of a header that only one reader has."""
    assert reader_of(url, {"OTEL_EXPORTER_OTLP_HEADERS": headers}) == name


@pytest.mark.parametrize(
    ("host", "readers", "says"),
    [
        (
            "https://cloud.langfuse.com/api/public/otel",
            "",
            "shows more with CALLSPAN_READERS=langfuse",
        ),
        ("https://cloud.langfuse.com/api/public/otel", "langfuse", "gets what it needs"),
        ("https://api.honeycomb.io", "", "needs nothing beyond the conventions"),
    ],
)
def test_doctor_names_the_reader(
    host: str, readers: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which `readers=` would help; that is advice and no problem."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", host)
    monkeypatch.setenv("CALLSPAN_READERS", readers)
    monkeypatch.setattr(reachable, "connection_error", lambda _url: None)
    section = Section()
    checks.check_telemetry(section)
    (row,) = (row for row in section.rows if row[0] == "reader")
    assert row[2].startswith(says)
    assert section.problems == []


BY_RULE = {row.name: row for row in ROWS if row.rule is not None}


def act(client: openai.OpenAI, server: ModelServer) -> None:
    """Call models in all the ways that mislead a reader."""
    server.enqueue(FULL, Reply(raw=json.dumps(SOUND)))
    client.chat.completions.create(**CHAT)
    client.chat.completions.create(**CHAT)
    list(client.chat.completions.create(**CHAT, **WITH_USAGE))
    client.embeddings.create(model="text-embedding-3-small", input="a")
    client.moderations.create(model="omni-moderation-latest", input="a")
    prompt: Any = {"id": "pmpt_1"}
    client.responses.create(model="gpt-4.1-mini", input="Which vase?", prompt=prompt)
    with callspan.workflow("order"), callspan.agent("florist"), callspan.agent("specialist"):
        client.chat.completions.create(**CHAT)


@pytest.mark.parametrize("semconv", ["released", "latest"])
@pytest.mark.parametrize("name", BY_RULE)
def test_readers_show_everything_right(
    name: str,
    semconv: Any,
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
    tmp_path: Path,
) -> None:
    """By the rules of those without a package; what packages make is tried by `python -m tests.readers`."""
    settings: Any = {"semconv": semconv, "readers": [name], "prices": PRICES}
    telemetry.instrument(capture="span", cost=True, **settings)
    with callspan.attributes(session_id="visit-1", user_id="ann"):
        act(client, model_server)
    assert callspan.flush()
    file = tmp_path / "spans.jsonl"
    file.write_text("".join(span_lines(telemetry.spans)), encoding="utf-8")
    spans = read_spans(file)
    row = BY_RULE[name]
    assert row.rule is not None
    views = in_our_words(row, map(row.rule.view, spans))
    misses = [score(spans, views, fact).miss for fact in FACTS if fact.name not in row.blank]
    assert [miss for miss in misses if miss] == []
    shown = [view.get("input_tokens", 0) + view.get("output_tokens", 0) for view in views.values()]
    # a raw answer is in no book of the server's
    book = model_server.ledger.total_told
    assert sum(shown) == sum_of_tokens(spans) == book.input + book.output + 70
