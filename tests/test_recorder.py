"""`callspan.testing`: a record of calls, for the tests of apps, and its pytest fixtures."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

import callspan
from callspan.testing import ModelServer, Recorder, Reply, ToolCall
from clients import async_openai_client
from telemetry import Telemetry

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
MODEL = "gpt-4.1-mini"
PLUGIN = "callspan.testing.pytest_plugin"
RunPlugin = Callable[..., pytest.RunResult]


def ask(client: openai.OpenAI, question: str = "Hello", **more: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": question}]
    return client.chat.completions.create(model=MODEL, messages=messages, **more)


def test_records_the_facts_of_a_call(client: openai.OpenAI) -> None:
    with Recorder() as recorder:
        ask(client)
    (call,) = recorder.calls
    facts = (call.operation, call.provider, call.model, call.outcome, call.error_type)
    assert facts == ("chat", "openai", MODEL, callspan.Outcome.COMPLETED, None)
    assert (call.input_tokens, call.output_tokens, call.total_tokens) == (2, 12, 14)
    assert (recorder.input_tokens, recorder.output_tokens, recorder.total_tokens) == (2, 12, 14)
    assert (call.has_estimates, call.captures_content, call.content, call.answers) == (
        False,
        False,
        None,
        (),
    )
    assert call.duration > 0
    assert repr(recorder) == "<Recorder: 1 call, 14 tokens>"


def test_leaves_the_clients_as_they_were(client: openai.OpenAI) -> None:
    before = type(client).request
    with Recorder() as outer:
        with Recorder() as inner:
            ask(client)
        ask(client)
    ask(client)
    assert (len(outer.calls), len(inner.calls)) == (2, 1)
    assert type(client).request is before
    assert not callspan.status().instrumented


def test_goes_on_where_the_app_instruments_meanwhile(client: openai.OpenAI) -> None:
    telemetry = Telemetry()
    with Recorder() as recorder:
        ask(client)
        telemetry.instrument(capture="span")
        assert not recorder.captures_content
        ask(client)
        assert recorder.captures_content
    ask(client)
    assert len(recorder.calls) == 2
    # what the app has instrumented stays so
    assert len(telemetry.spans) == 2
    callspan.uninstrument()
    telemetry.shutdown()


def test_begins_in_an_app_that_is_instrumented(client: openai.OpenAI, telemetry: Telemetry) -> None:
    ask(client)
    with Recorder() as recorder:
        ask(client)
    assert (len(recorder.calls), len(telemetry.spans)) == (1, 2)
    assert callspan.status().instrumented


def test_keeps_content_only_if_asked(client: openai.OpenAI, model_server: ModelServer) -> None:
    tool_call = ToolCall("weather", '{"city": "Corsica"}')
    with Recorder(content=True) as recorder:
        ask(client, "Where?")
        model_server.enqueue(Reply(tool_calls=(tool_call,)))
        ask(client, "And the weather?")
    first, second = recorder.calls
    assert first.content is not None
    assert first.content.messages == [
        {"role": "user", "parts": [{"type": "text", "content": "Where?"}]}
    ]
    assert first.answers[0]["parts"][0]["content"].startswith('You said: "Where?"')
    part = second.answers[0]["parts"][0]
    assert (part["name"], part["arguments"]) == ("weather", {"city": "Corsica"})


def test_estimates_a_stream_without_counts(client: openai.OpenAI) -> None:
    with Recorder() as recorder:
        list(ask(client, stream=True))
    (call,) = recorder.calls
    assert call.has_estimates
    assert recorder.total_tokens > 0


def test_records_failures(client: openai.OpenAI, model_server: ModelServer) -> None:
    model_server.enqueue(Reply(status=429, error_code="rate_limit_exceeded"))
    with Recorder() as recorder, pytest.raises(openai.RateLimitError):
        ask(client)
    (call,) = recorder.calls
    assert (call.outcome, call.error_type) == (callspan.Outcome.ERROR, "rate_limit_exceeded")
    assert (call.input_tokens, recorder.total_tokens) == (None, 0)


async def test_records_all_tasks_and_threads(
    client: openai.OpenAI, model_server: ModelServer
) -> None:
    with Recorder() as recorder:
        thread = threading.Thread(target=ask, args=(client,))
        thread.start()
        async with async_openai_client(model_server.url) as speaker:
            await asyncio.gather(ask(speaker), ask(speaker))  # type: ignore[arg-type]  # it awaits
        thread.join()
    assert len(recorder.calls) == 3


def test_tells_calls_from_other_operations(client: openai.OpenAI) -> None:
    @callspan.tool
    def look_up() -> None:
        ask(client)

    with Recorder() as recorder:
        look_up()
    assert [each.operation for each in recorder.operations] == ["chat", "execute_tool"]
    assert [each.subject for each in recorder.operations] == [MODEL, "look_up"]
    assert [call.operation for call in recorder.calls] == ["chat"]
    recorder.clear()
    assert recorder.operations == []


def test_is_a_handler_too(client: openai.OpenAI, telemetry: Telemetry) -> None:
    recorder = Recorder()
    ask(client)
    with callspan.use_handlers(recorder):
        ask(client)
    assert len(recorder.calls) == 1


@pytest.fixture
def run_plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> RunPlugin:
    """Run pytest in a process of its own with our plugin alone: others import things themselves."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return lambda *options: pytester.runpytest_subprocess(
        "-p", PLUGIN, "-p", "no:cacheprovider", *options
    )


def test_the_fixtures_are_those_of_the_page(
    pytester: pytest.Pytester, run_plugin: RunPlugin
) -> None:
    """The examples of docs/testing.md, run as they stand there."""
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    app, *tests = blocks
    pytester.makepyfile(shop=app, test_shop="\n\n".join(tests))
    result = run_plugin()
    number = sum(test.count("def test_") for test in tests)
    assert number >= 4
    result.assert_outcomes(passed=number)


def test_the_plugin_costs_nothing_where_no_fixture_is_used(
    pytester: pytest.Pytester, run_plugin: RunPlugin
) -> None:
    """pytest loads it in each of its runs: it loads nothing but itself and patches nothing."""
    pytester.makepyfile(
        """
        import json, sys

        def test_nothing():
            import openai
            names = [n for n in sys.modules if n.startswith(("callspan", "opentelemetry", "wrapt"))]
            print("modules", json.dumps(sorted(names)))
            assert not hasattr(openai.OpenAI.request, "__wrapped__")
        """
    )
    result = run_plugin("-s")
    result.assert_outcomes(passed=1)
    (line,) = [line for line in result.outlines if "modules [" in line]
    assert json.loads(line[line.index("[") : line.index("]") + 1]) == [
        "callspan",
        "callspan.testing",
        PLUGIN,
        "callspan.version",
    ]


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'[project.entry-points.pytest11]\ncallspan = "{PLUGIN}"\n' in project


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import callspan.testing

    assert {getattr(callspan.testing, name).__name__ for name in callspan.testing.__all__} == set(
        callspan.testing.__all__
    )
    with pytest.raises(AttributeError, match=r"callspan\.testing"):
        _ = callspan.testing.Recoder  # type: ignore[attr-defined]  # a misspelt name
