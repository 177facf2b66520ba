"""What was said, in the tree on the console: on request, in short, and only where it was captured."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import callspan
from callspan.export.conversation import LONGEST
from callspan.export.destinations import Destinations
from callspan.export.exporter_set import merge_openers
from callspan.export.opening import openers_of
from callspan.export.text.tree import QUOTES_HINT, TreePrinter
from callspan.testing.modelserver import ModelServer, Reply
from clients import openai_client
from program import CHAT, MODEL
from telemetry import Telemetry

QUESTION = {"role": "user", "content": "Which \x1b[31mflowers\n last longest?"}


class Console:
    """The tree, as `configure(console="content")` prints it into a pipe."""

    def __init__(self, telemetry: Telemetry, **options: Any) -> None:
        self._stream = io.StringIO()
        telemetry.tracer_provider.add_span_processor(TreePrinter(self._stream, has_quotes=True))
        telemetry.instrument(**{"capture": "span", **options})

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    @property
    def quotes(self) -> list[str]:
        """The lines of quotes: role and text."""
        texts = [line.lstrip("│ ") for line in self.lines]
        return [text for text in texts if not text.startswith(("chat", "├", "└", "invoke"))]


@pytest.fixture
def client(model_server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai_client(model_server.url) as client:
        yield client


def ask(client: openai.OpenAI, *messages: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=list(messages))


def test_a_call_shows_question_and_answer_in_a_line_each(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Without line breaks, and without a sign that the terminal would obey."""
    console = Console(telemetry)
    model_server.enqueue(Reply(text="Orchids,\n\nby far."))
    ask(client, QUESTION)
    assert console.lines[1:] == [
        "   user       Which  [31mflowers last longest?",
        "   assistant  Orchids, by far.",
    ]


def test_only_what_is_new_is_shown(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """A chat sends all of it again, and its system's words too."""
    console = Console(telemetry)
    model_server.enqueue(Reply(text="Roses"))
    ask(
        client,
        {"role": "system", "content": "Be short."},
        QUESTION,
        {"role": "assistant", "content": "Orchids"},
        {"role": "user", "content": "And then?"},
    )
    assert console.quotes == ["user       And then?", "assistant  Roses"]


def test_an_agent_leaves_the_quotes_to_its_calls_and_tools(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    console = Console(telemetry)
    model_server.enqueue(Reply(text="Ask the shop."))

    @callspan.tool
    def stock(flower: str) -> int:
        return 3

    @callspan.agent
    def florist(question: str) -> Any:
        ask(client, {"role": "user", "content": question})
        return stock("rose")

    florist("How many?")
    assert console.quotes == [
        "user       How many?",
        "assistant  Ask the shop.",
        'arguments  { "flower": "rose" }',
        'result     { "content": 3 }',
    ]
    # the line that leads to the next span goes past the quotes
    assert [line[0] for line in console.lines] == list("i├││└  ")


def test_an_error_has_its_words(telemetry: Telemetry, client: openai.OpenAI) -> None:
    console = Console(telemetry)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**{**CHAT, "model": "no-such-model"})
    assert console.quotes[1].startswith("error  Error code: 404")


def test_a_long_text_is_cut(
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
) -> None:
    console = Console(telemetry)
    model_server.enqueue(Reply(text="花" * 10_000))
    ask(client, QUESTION)
    assert len(console.quotes[1]) <= LONGEST
    assert console.quotes[1].endswith("花…")


def test_redaction_holds(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    console = Console(telemetry, redact="common")
    model_server.enqueue(Reply(text="Write to rose@example.com"))
    ask(client, QUESTION)
    assert "rose@example.com" not in "".join(console.lines)
    assert "assistant  Write to " in "".join(console.lines)


def test_without_capture_a_line_says_once_why_nothing_is_shown(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    console = Console(telemetry, capture="off")
    ask(client, QUESTION)
    ask(client, QUESTION)
    assert console.quotes == [QUOTES_HINT.rstrip()]


def test_nothing_is_shown_unasked(telemetry: Telemetry, client: openai.OpenAI) -> None:
    stream = io.StringIO()
    telemetry.tracer_provider.add_span_processor(TreePrinter(stream))
    telemetry.instrument(capture="span")
    ask(client, QUESTION)
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("operator_asks", [True, False])
def test_there_is_one_console_whoever_asks_for_content(operator_asks: bool) -> None:
    """The program's `console=True` and the operator's `--content` print one tree, and so the other way round."""
    sides = {
        "program": openers_of(Destinations(console=True, content=not operator_asks), strict=True),
        "operator": openers_of(Destinations(console=True, content=operator_asks), strict=True),
    }
    [(_, opener)] = merge_openers(sides).items()
    assert "what was said" in opener().describe()[0]
