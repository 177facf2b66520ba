"""Readers of spans: what each needs beyond the conventions is added, and what misleads it left out."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, get_args

import openai
import pytest

import callspan
from callspan.cli.problem import Problem
from callspan.cli.values import read_readers
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
    answer = {
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
    for readers, names in (((), {"audio", "text"}), (("langfuse",), set())):
        telemetry.instrument(readers=readers)
        model_server.enqueue(Reply(raw=json.dumps(answer)))
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
