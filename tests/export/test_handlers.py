"""The handlers that print and write what happens, as it happens."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from callspan.events import TEXT, Call, Delta, Failure, Outcome, Part, Token, Usage
from callspan.handlers.console import ConsoleHandler
from callspan.handlers.file import FileHandler
from export.conftest import SRC

SECRET = "我的秘密"


def streamed(handler: ConsoleHandler | FileHandler, call: Call, text: str = SECRET) -> None:
    handler.on_start(call)
    for piece in text:
        handler.on_token(call, Token(piece, TEXT, 0, 0.1))
    finish(handler, call)


def finish(
    handler: ConsoleHandler | FileHandler, call: Call, outcome: Outcome = Outcome.COMPLETED
) -> None:
    call.outcome, call.duration = outcome, 0.48
    parts = [Part(TEXT, SECRET)]
    call.response.add(Delta(parts=parts, usage=Usage(24, 9), finish_reasons=[(0, "stop")]))
    handler.on_end(call, call.response)


def fail(handler: ConsoleHandler | FileHandler, call: Call) -> None:
    call.outcome, call.duration = Outcome.ERROR, 0.01
    call.failure = Failure("model_not_found", SECRET, 404)
    handler.on_error(call, ValueError(SECRET))


def chat(stream: bool = True) -> Call:
    return Call("chat", "openai", "gpt-4.1-mini", stream=stream)


def test_without_content_nothing_of_the_conversation_is_printed() -> None:
    out = io.StringIO()
    handler = ConsoleHandler(out)
    streamed(handler, chat())
    failing = chat()
    handler.on_start(failing)
    fail(handler, failing)
    assert handler.needs_text is False
    assert out.getvalue() == (
        "> chat gpt-4.1-mini started\n"
        "< finished 0.48 s, 24 → 9 tokens, stop\n"
        "> chat gpt-4.1-mini started\n"
        "< failed 0.01 s, model_not_found (404)\n"
    )


def test_with_content_tokens_come_on_one_line() -> None:
    out = io.StringIO()
    streamed(ConsoleHandler(out, content=True), chat())
    assert out.getvalue() == (
        f"> chat gpt-4.1-mini started\n{SECRET}\n< finished 0.48 s, 24 → 9 tokens, stop\n"
    )


def test_with_content_a_plain_answer_and_an_errors_words_are_printed() -> None:
    out = io.StringIO()
    handler = ConsoleHandler(out, content=True)
    call, failing = chat(stream=False), chat()
    handler.on_start(call)
    finish(handler, call)
    handler.on_start(failing)
    fail(handler, failing)
    assert out.getvalue().splitlines()[1] == SECRET
    assert out.getvalue().endswith(f"< failed 0.01 s, model_not_found (404): {SECRET}\n")


def test_calls_beside_each_other_are_told_apart() -> None:
    out = io.StringIO()
    handler = ConsoleHandler(out, content=True)
    one, two = chat(), chat()
    handler.on_start(one)
    handler.on_start(two)
    handler.on_token(one, Token("a", TEXT, 0, 0.1))
    handler.on_token(one, Token("b", TEXT, 0, 0.1))
    handler.on_token(two, Token("c", TEXT, 0, 0.1))
    finish(handler, two, Outcome.ABANDONED)
    finish(handler, one)
    assert out.getvalue().splitlines() == [
        "> chat gpt-4.1-mini started",
        f"[{two.id}] > chat gpt-4.1-mini started",
        f"[{one.id}] ab",
        f"[{two.id}] c",
        f"[{two.id}] < abandoned 0.48 s, 24 → 9 tokens, stop",
        "< finished 0.48 s, 24 → 9 tokens, stop",
    ]


def test_the_console_is_stderr_looked_up_late(capsys: pytest.CaptureFixture[str]) -> None:
    streamed(ConsoleHandler(), chat())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("> chat")


def test_a_stream_that_cannot_show_a_sign_shows_its_number() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    streamed(ConsoleHandler(out), chat())
    out.seek(0)
    assert "24 \\u2192 9 tokens" in out.read()


def test_the_file_gets_the_same_lines_at_once_and_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "calls.log"
    path.write_text("before\n")
    with FileHandler(path, content=True) as handler:
        streamed(handler, chat())
        assert path.read_text(encoding="utf-8").splitlines()[:3] == [
            "before",
            "> chat gpt-4.1-mini started",
            SECRET,
        ]
    handler.on_start(chat())
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4


def test_these_handlers_need_no_opentelemetry() -> None:
    code = (
        "import sys, types; p = types.ModuleType('callspan'); p.__path__ = [sys.argv[1]]; sys.modules['callspan'] = p\n"
        "h = types.ModuleType('callspan.handlers'); h.__path__ = [sys.argv[1] + '/handlers']\n"
        "sys.modules['callspan.handlers'] = h\n"
        "import callspan.handlers.console, callspan.handlers.file\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, SRC + "/callspan"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
