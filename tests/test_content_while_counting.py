"""What a model said is exported where that is wanted, whoever counts or estimates beside; and is let go of after."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import openai
import pytest

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from program import CHAT, Program
from telemetry import Telemetry

OUTPUT = "gen_ai.output.messages"
SAID = "Roses, lilies and carnations."
SILENT = Reply(text=SAID, usage=False)
STATED = Reply(text=SAID)
BROKEN = Reply(text=SAID, usage=False, error_after=3)
MODES = {"plain": ("chat", {}), "streamed": ("stream", {}), "left early": ("stream", {"take": 3})}
COUNTING: dict[str, tuple[dict[str, Any], Callable[[], AbstractContextManager[Any]]]] = {
    "count_tokens": ({}, callspan.count_tokens),
    "estimate": ({"estimate": "missing"}, contextlib.nullcontext),
    "both": ({"estimate": "missing"}, callspan.count_tokens),
}


@pytest.fixture(params=COUNTING)
def counting(
    request: pytest.FixtureRequest,
) -> tuple[dict[str, Any], Callable[[], AbstractContextManager[Any]]]:
    """The settings by which tokens are counted, and a block in which they are."""
    return COUNTING[request.param]


def texts(telemetry: Telemetry) -> list[str]:
    """What is exported of the answer: on the span, then in the event of details."""
    events = [
        log["attributes"] for log in telemetry.logs if log["name"].endswith("operation.details")
    ]
    return [
        str(attributes[OUTPUT])
        for attributes in (telemetry.attributes, *events)
        if OUTPUT in attributes
    ]


@pytest.mark.parametrize("reply", [SILENT, STATED], ids=["without counts", "with counts"])
@pytest.mark.parametrize("mode", MODES)
def test_the_answer_is_on_the_span_and_in_the_event(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    counting: Any,
    mode: str,
    reply: Reply,
) -> None:
    """Content that is captured by the settings is complete in both places while its tokens are counted."""
    options, block = counting
    telemetry.instrument(capture="both", **options)
    model_server.enqueue(reply)
    method, request = MODES[mode]
    with block():
        getattr(program, method)(**request)
    assert callspan.flush()
    found = texts(telemetry)
    assert [("Roses" in text, SAID in text) for text in found] == [(True, mode != "left early")] * 2


def test_an_answer_that_breaks_off(
    telemetry: Telemetry, program: Program, model_server: ModelServer, counting: Any
) -> None:
    """What was said before an error inside the stream is exported with it."""
    options, block = counting
    telemetry.instrument(capture="both", **options)
    model_server.enqueue(BROKEN)
    with block(), pytest.raises(openai.APIError):
        program.stream()
    assert callspan.flush()
    assert telemetry.attributes["callspan.outcome"] == "error"
    assert ["Roses" in text for text in texts(telemetry)] == [True, True]


@contextlib.contextmanager
def captured(client: openai.OpenAI, where: str) -> Iterator[None]:
    """Choose to capture content for one client, or for a block."""
    if where == "client":
        callspan.attach(client, capture="span")
        yield
    else:
        with callspan.capture("span"):
            yield


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("where", ["client", "block"])
def test_capture_of_a_client_or_a_block(
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
    counting: Any,
    where: str,
    stream: bool,
) -> None:
    """Content that is captured for one client or one block alone is exported while its tokens are counted."""
    options, block = counting
    telemetry.instrument(**options)
    model_server.enqueue(SILENT)
    with captured(client, where), block():
        answer = client.chat.completions.create(**CHAT, stream=stream)
        if stream:
            list(answer)
    assert callspan.flush()
    assert [SAID in text for text in texts(telemetry)] == [True]


class Holder:
    """Keeps the calls that it hears of, and reads nothing of what is said in them."""

    needs_text = False

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_end(self, call: Any, _response: Any) -> None:
        """Keep the call."""
        self.calls.append(call)


@pytest.mark.parametrize("capture", ["off", "span"])
@pytest.mark.parametrize("mode", MODES)
def test_the_text_is_let_go_of(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    counting: Any,
    capture: str,
    mode: str,
) -> None:
    """A call that somebody keeps does not keep its text, once all who need that have had it."""
    options, block = counting
    holder = Holder()
    telemetry.instrument(capture=capture, handlers=[holder], **options)
    model_server.enqueue(SILENT)
    method, request = MODES[mode]
    with block():
        getattr(program, method)(**request)
    assert callspan.flush()
    assert [call.response.text for call in holder.calls] == [""]


def test_a_handler_that_needs_text_keeps_it(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A handler of the app's reads the answer at its end and later."""
    holder = Holder()
    holder.needs_text = True
    telemetry.instrument(handlers=[holder])
    model_server.enqueue(SILENT)
    with callspan.count_tokens():
        program.chat()
    assert [call.response.text for call in holder.calls] == [SAID]


@pytest.mark.instrument(estimate="missing")
def test_text_is_read_only_where_it_has_to_be_counted(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """An answer that states its counts costs nothing beside them."""
    texts: list[str] = []

    class Listener:
        reads_text = False

        def on_end(self, _call: Any, response: Any) -> None:
            texts.append(response.text)

    model_server.enqueue(Reply(text=SAID), SILENT)
    with callspan.use_handlers(Listener()):
        program.chat()
        program.chat()
    assert texts == ["", SAID]
