"""Counts that no provider stated: estimates of the console's own, which nothing else gets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import callspan
from callspan.accounting.tokens import encoding, ranks
from callspan.export.span_estimates import HINT, SpanEstimates
from callspan.export.text import token_table
from callspan.export.text import tree as tree_module
from callspan.export.text.tree import TreePrinter
from callspan.export.token_sums import TokenSums
from callspan.testing.modelserver import ModelServer, Reply
from clients import openai_client
from program import CHAT, WITH_USAGE
from telemetry import Telemetry

SAID = "Roses last four days, carnations twelve."
SILENT = Reply(text=SAID, usage=False)
COUNTS = "~14 -> ~10 tokens"
"""A quarter of the bytes of the messages and of `SILENT`, with the overhead of the chat format."""


class Console:
    """The printer of trees and the sums for the table, as `configure(console=True)` connects them."""

    def __init__(self, telemetry: Telemetry, estimates: SpanEstimates, **options: Any) -> None:
        self.stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        self.sums = TokenSums()
        telemetry.tracer_provider.add_span_processor(TreePrinter(self.stream))
        telemetry.instrument(handlers=[self.sums, estimates], **options)

    @property
    def tree(self) -> str:
        self.stream.seek(0)
        return self.stream.read()

    @property
    def table(self) -> list[str]:
        """The cells of the first model's row."""
        return re.split("  +", token_table.render(self.sums.by_model()).splitlines()[1])


@pytest.fixture(autouse=True)
def no_ranks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No rank file is found on this machine, as to load one takes seconds."""
    monkeypatch.setattr(ranks, "folders", lambda: [])
    encoding.forget()
    yield
    encoding.forget()


@pytest.fixture
def estimates(monkeypatch: pytest.MonkeyPatch) -> SpanEstimates:
    """The estimates of a process in which no hint was printed yet."""
    own = SpanEstimates()
    monkeypatch.setattr(tree_module, "ESTIMATES", own)
    monkeypatch.setattr("callspan.export.trace_buffer.ESTIMATES", own)
    return own


@pytest.fixture
def client(telemetry: Telemetry, model_server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai_client(model_server.url) as client:
        yield client


def read(client: openai.OpenAI, **request: Any) -> None:
    list(client.chat.completions.create(**{**CHAT, "stream": True, **request}))


def test_the_console_alone_shows_estimates(
    telemetry: Telemetry, estimates: SpanEstimates, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Tree and table have marked counts, and a line says how to get real ones; spans and metrics stay."""
    console = Console(telemetry, estimates)
    model_server.enqueue(SILENT, SILENT)
    with telemetry.tracer.start_as_current_span("shop"):
        read(client)
        read(client)
    root, first, second, hint = console.tree.splitlines()
    assert "2 calls   ~28 -> ~20 tokens" in root
    assert COUNTS in first
    assert COUNTS in second
    assert hint + "\n" == HINT
    assert console.table == ["gpt-4.1-mini", "2", "~28", "~20", "~48"]
    for span in telemetry.spans:
        assert not [name for name in span.attributes or {} if "usage" in name]
    assert telemetry.tokens == {}


def test_the_line_about_real_counts_comes_once(
    telemetry: Telemetry, estimates: SpanEstimates, client: openai.OpenAI, model_server: ModelServer
) -> None:
    console = Console(telemetry, estimates)
    model_server.enqueue(SILENT, SILENT)
    read(client)
    read(client)
    assert console.tree.count(HINT) == 1


@pytest.mark.needs("chat.completions.create:stream_options")
def test_a_provider_that_was_asked_in_vain_is_not_asked_for_again(
    telemetry: Telemetry, estimates: SpanEstimates, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """`--request-usage` is on already, so a line that recommends it would help nobody."""
    console = Console(telemetry, estimates, request_usage=True)
    model_server.enqueue(SILENT)
    read(client)
    [line] = console.tree.splitlines()
    assert COUNTS in line


def test_no_rank_file_is_read(
    telemetry: Telemetry,
    estimates: SpanEstimates,
    client: openai.OpenAI,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To load one takes seconds, for which neither a tree nor the program's end may wait."""
    names: list[str] = []
    monkeypatch.setattr(encoding, "_load", names.append)
    encoding.forget()
    console = Console(telemetry, estimates)
    model_server.enqueue(SILENT)
    read(client)
    assert callspan.flush()
    assert COUNTS in console.tree
    assert names == []


def test_stated_counts_are_shown_as_they_are(
    telemetry: Telemetry, estimates: SpanEstimates, client: openai.OpenAI
) -> None:
    console = Console(telemetry, estimates)
    client.chat.completions.create(**CHAT)
    read(client, **WITH_USAGE)
    assert "~" not in console.tree
    assert "~" not in "".join(console.table)


def test_a_stream_that_is_left_has_estimates_and_no_hint(
    telemetry: Telemetry, estimates: SpanEstimates, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Its provider would have stated counts at the end, which nobody has read."""
    console = Console(telemetry, estimates)
    model_server.enqueue(SILENT)
    with client.chat.completions.create(**CHAT, stream=True) as stream:
        next(stream)
        next(stream)
    [line] = console.tree.splitlines()
    assert "~14 -> ~" in line
    assert "abandoned" in line


def test_off_is_off(
    telemetry: Telemetry, estimates: SpanEstimates, client: openai.OpenAI, model_server: ModelServer
) -> None:
    console = Console(telemetry, estimates, estimate="off")
    model_server.enqueue(SILENT, SILENT)
    read(client)
    with callspan.count_tokens() as count:
        read(client)
    assert callspan.flush()
    assert count.estimated_input > 0
    assert console.tree.count("? -> ?") == 2


def test_better_estimates_on_spans_win(
    telemetry: Telemetry,
    estimates: SpanEstimates,
    client: openai.OpenAI,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With `estimate="missing"` tree, table and span have the same counts."""
    by_character = encoding.Encoding("tiktoken", len)
    monkeypatch.setitem(encoding._loaded, "o200k_base", by_character)
    console = Console(telemetry, estimates, estimate="missing")
    model_server.enqueue(SILENT)
    read(client)
    assert callspan.flush()
    counts = [telemetry.attributes[f"gen_ai.usage.{side}_tokens"] for side in ("input", "output")]
    assert counts[1] == len(SAID)
    assert f"~{counts[0]} -> ~{counts[1]} tokens" in console.tree
    assert console.table[2:4] == [f"~{counts[0]}", f"~{counts[1]}"]
