"""The guard keeps our faults, and those of handlers, from the app; and the app's logging from doing harm through it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

import callspan
from callspan.runtime import guard
from callspan.testing.modelserver import Reply
from child import run
from clients import openai_client
from telemetry import Telemetry

CHAT: dict[str, Any] = {
    "model": "gpt-4.1-mini",
    "messages": [{"role": "user", "content": "How long?"}],
}
SECRET = "the words of the error"


class Failing:
    """A handler of calls that fails at each of them."""

    def on_start(self, call: callspan.Call) -> None:
        """Fail."""
        raise ValueError(SECRET)

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        """Fail."""
        raise ValueError(SECRET)


class RaisingHandler(logging.Handler):
    """A handler of the app's that raises, past `logging.raiseExceptions`."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Fail."""
        raise RuntimeError(record.getMessage())


class RaisingEmit(logging.Handler):
    """A handler whose `emit` raises."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail."""
        raise RuntimeError(record.getMessage())


def _raise(record: logging.LogRecord) -> bool:
    raise RuntimeError(record.getMessage())


def _failing_filter() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.addFilter(_raise)
    return handler


class Calling(logging.Handler):
    """A handler that itself asks a model, which fails in the same way."""

    def __init__(self, client: openai.OpenAI) -> None:
        super().__init__()
        self.calls = 0
        self._client = client

    def emit(self, record: logging.LogRecord) -> None:
        """Ask a model."""
        self.calls += 1
        self._client.chat.completions.create(**CHAT)


@pytest.fixture
def log_to() -> Iterator[Callable[[logging.Handler], None]]:
    """Give the logger of callspan one more handler, before that of the tests."""
    logger = logging.getLogger("callspan")
    added: list[logging.Handler] = []

    def add(handler: logging.Handler) -> None:
        added.append(handler)
        logger.handlers.insert(0, handler)

    yield add
    for handler in added:
        logger.removeHandler(handler)


@pytest.mark.guard_acts("each warning is another one")
def test_warnings_have_a_bound(guard_reports: Any) -> None:
    """Texts with names from outside, such as those of models, fill neither the log nor the memory."""
    for number in range(1100):
        guard.say_once(f"nobody knows the price of model {number}")
        guard.report(f"reading model {number}", ValueError())
    assert len(guard_reports.messages) <= 1000
    assert len(guard._reported) <= 1000
    # the silence that follows is announced, once
    silence = [message for message in guard_reports.messages if "no further one" in message]
    assert silence == guard_reports.messages[-1:]


@pytest.mark.guard_may_act(
    "what it says is lost in the handlers that raise, which is looked at here"
)
@pytest.mark.parametrize("make", [RaisingHandler, RaisingEmit, _failing_filter])
@pytest.mark.parametrize("kind", ["plain", "streamed", "failed"])
def test_a_log_handler_that_raises_does_not_reach_the_app(
    telemetry: Telemetry,
    model_server,
    capsys,
    log_to,
    make: Callable[[], logging.Handler],
    kind: str,
) -> None:
    log_to(make())
    callspan.instrument(**telemetry.providers, handlers=[Failing()])
    with openai_client(model_server.url) as client:
        if kind == "streamed":
            assert list(client.chat.completions.create(**CHAT, stream=True))
        elif kind == "failed":
            model_server.enqueue(Reply(status=404))
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(**CHAT)
        else:
            assert client.chat.completions.create(**CHAT).choices
    assert telemetry.span.name.startswith("chat ")
    written = capsys.readouterr().err
    assert "callspan: Failing.on_start failed and is skipped (ValueError" in written
    assert "callspan: writing to the log failed (RuntimeError" in written
    assert SECRET not in written


@pytest.mark.guard_acts(
    "a handler fails, and the log handler's own calls are reported no second time"
)
def test_a_log_handler_may_ask_a_model(telemetry: Telemetry, client: openai.OpenAI, log_to) -> None:
    handler = Calling(client)
    log_to(handler)
    callspan.instrument(**telemetry.providers, handlers=[Failing()])
    client.chat.completions.create(**CHAT)
    assert callspan.flush()  # a call that begins while another is told is told by the worker
    assert handler.calls == 2
    assert len(telemetry.spans) == 3


LEVELS = [(logging.WARNING, False), (logging.INFO, False), (logging.DEBUG, True)]


@pytest.mark.guard_acts("a handler fails")
@pytest.mark.parametrize(("level", "told"), LEVELS, ids=["warning", "info", "debug"])
def test_the_words_of_an_error_are_logged_at_debug_only(
    telemetry: Telemetry,
    client: openai.OpenAI,
    caplog: pytest.LogCaptureFixture,
    level: int,
    told: bool,
) -> None:
    """They may quote the conversation."""
    caplog.set_level(level, "callspan")
    callspan.instrument(**telemetry.providers, handlers=[Failing()])
    client.chat.completions.create(**CHAT)
    records = [record for record in caplog.records if record.name == "callspan"]
    formatted = {record.levelno: logging.Formatter().format(record) for record in records}
    assert SECRET not in formatted.pop(logging.WARNING)
    assert any(SECRET in text for text in formatted.values()) is told


ODD_STDERR = (
    "sys.stderr = type('Odd', (), {'write': lambda *text: 1 / 0, 'flush': lambda self: None})()"
)
INSTRUMENTING = """
import logging, sys

class Raising(logging.Handler):
    def handle(self, record):
        raise RuntimeError("mine")

logging.getLogger().addHandler(Raising())
%s
import callspan
callspan.instrument()
print("goes on")
"""


@pytest.mark.parametrize("before", ["", "sys.stderr = None", ODD_STDERR, "sys.stderr.close()"])
def test_instrument_does_not_raise_what_log_handlers_raise(before: str) -> None:
    """Wherever the line about it goes."""
    done = run(INSTRUMENTING % before, CALLSPAN_SEMCONV="newest")
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr
    if not before:
        assert "CALLSPAN_SEMCONV is 'newest'" in done.stderr
        assert "Traceback" not in done.stderr
