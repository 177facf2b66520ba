"""Settings: arguments, then the environment, then defaults; what is wrong is one line that names the fix."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import Any

import openai
import pytest

import callspan
from callspan.settings.resolution import resolve
from callspan.settings.settings import ENVIRONMENT, Settings
from child import run
from program import CHAT
from telemetry import Telemetry

FROM_ENVIRONMENT = {
    "capture": ("SPAN_AND_EVENT", "both"),
    "capture_fields": ("input, output", ("input", "output")),
    "redact": ("common", callspan.redact_common),
    "content_limit": ("4096", 4096),
    "upload": ("/srv/prompts", "/srv/prompts"),
    "semconv": ("latest", "latest"),
    "readers": ("langfuse, phoenix", ("langfuse", "phoenix")),
    "clients": ("openai", ("openai",)),
    "disabled_clients": ("openai", ("openai",)),
    "vector_stores": ("on", True),
    "memory_stores": ("on", True),
    "batches": ("on", True),
    "on_conflict": ("defer", "defer"),
    "request_usage": ("true", True),
    "token_events": ("all", "all"),
    "chunk_metrics": ("1", True),
    "extra_metrics": ("calls, active", ("calls", "active")),
    "on_native": ("Keep", "keep"),
    "estimate": ("missing", "missing"),
    "cost": ("on", True),
    "metric_dimensions": ("team, user.id", ("team", "user.id")),
}


def test_every_setting_is_tried_here() -> None:
    """The table above has every setting but `prices`, a file, which tests/test_cost.py tries."""
    assert set(FROM_ENVIRONMENT) == set(ENVIRONMENT) - {"prices"}


@pytest.mark.parametrize("name", FROM_ENVIRONMENT)
def test_environment(name: str) -> None:
    """A variable counts where there is no argument."""
    text, value = FROM_ENVIRONMENT[name]
    assert getattr(resolve({}, {ENVIRONMENT[name]: text}), name) == value
    assert getattr(resolve({name: None}, {ENVIRONMENT[name]: f"  {text} "}), name) == value


ARGUMENTS = {
    "capture": "span",
    "capture_fields": ("system",),
    "redact": str.upper,
    "content_limit": "tempo",
    "semconv": "both",
    "on_conflict": "warn",
    "request_usage": False,
    "token_events": "off",
    "chunk_metrics": False,
    "extra_metrics": ("retries",),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_win(name: str) -> None:
    """An argument wins over a variable, also where it says no."""
    found = resolve({name: ARGUMENTS[name]}, {ENVIRONMENT[name]: FROM_ENVIRONMENT[name][0]})
    assert getattr(found, name) == ARGUMENTS[name]


def test_defaults() -> None:
    """With nothing said, nothing that leaves the process or costs extra is on; empty variables are not set."""
    expected = Settings()
    assert resolve({}, {}) == expected
    assert resolve({}, dict.fromkeys(ENVIRONMENT.values(), "")) == expected
    assert (expected.capture, expected.semconv, expected.request_usage) == (
        "off",
        "released",
        False,
    )
    assert (expected.token_events, expected.chunk_metrics, expected.extra_metrics) == (
        "first",
        False,
        (),
    )


CAPTURE_WORDS = {
    "NO_CONTENT": "off",
    "SPAN_ONLY": "span",
    "EVENT_ONLY": "event",
    "span_and_event": "both",
}


@pytest.mark.parametrize("word", CAPTURE_WORDS)
def test_capture_words(word: str) -> None:
    """The variable of the conventions has words of its own."""
    assert resolve({}, {ENVIRONMENT["capture"]: word}).capture == CAPTURE_WORDS[word]


@pytest.mark.parametrize("variable", [None, "NO_CONTENT", "SPAN_ONLY"])
@pytest.mark.parametrize("given", [None, "off", "span"])
@pytest.mark.parametrize("block", [None, "off", "span"])
def test_the_block_then_the_code_then_the_variable_decide_on_content(
    telemetry: Telemetry,
    client: openai.OpenAI,
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
    given: str | None,
    block: str | None,
) -> None:
    """What is captured says the block around the call, then the code, then the variable, which nobody writes to."""
    if variable:
        monkeypatch.setenv(ENVIRONMENT["capture"], variable)
    before = dict(os.environ)
    telemetry.instrument(capture=given)
    with callspan.capture(block) if block else contextlib.nullcontext():
        client.chat.completions.create(**CHAT)
    decides = block or given or {None: "off", "NO_CONTENT": "off", "SPAN_ONLY": "span"}[variable]
    assert ("gen_ai.input.messages" in telemetry.attributes) == (decides == "span")
    assert dict(os.environ) == before


def test_frozen() -> None:
    """Settings are resolved once and not changed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().capture = "both"  # type: ignore[misc]  # the point


WRONG = [
    (
        {"capture": "spann"},
        "capture is 'spann' (did you mean 'span'?): use one of off, span, event, both",
    ),
    ({"semconv": "newest"}, "semconv is 'newest'"),
    ({"token_events": "every"}, "token_events is 'every'"),
    ({"on_conflict": "ignore"}, "on_conflict is 'ignore'"),
    ({"clients": ["opnai"]}, "unknown client 'opnai' (did you mean 'openai'?): known are "),
    ({"clients": [5]}, "clients must be names"),
    ({"clients": 5}, "clients must be names"),
    (
        {"extra_metrics": ["call"]},
        "unknown extra metric 'call' (did you mean 'calls'?): known are ",
    ),
    ({"handlers": "console"}, "handlers must be a list"),
    ({"cost": "maybe"}, "cost is 'maybe': use true or false"),
    ({"request_usage": ""}, "request_usage is '': use true or false"),
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[repr(given) for given, _ in WRONG])
def test_wrong_argument(
    telemetry: Telemetry, client: openai.OpenAI, given: dict[str, Any], said: str
) -> None:
    """A wrong argument is one line that names the fix, and what was in force stays in force."""
    with pytest.raises(callspan.SettingsError) as caught:
        telemetry.instrument(**given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    client.chat.completions.create(**CHAT)
    assert telemetry.span.name == "chat gpt-4.1-mini"


@pytest.mark.parametrize(
    "setting",
    ["cost", "request_usage", "chunk_metrics", "vector_stores", "memory_stores", "batches"],
)
def test_a_text_for_true_or_false(setting: str) -> None:
    """A text from a configuration file means what it says, as in a variable: `false` is not true."""
    words = {"false": False, "off": False, "0": False, "no": False, " TRUE ": True, "1": True}
    for word, value in words.items():
        assert getattr(resolve({setting: word}, {}), setting) is value
    assert getattr(resolve({setting: 0}, {}), setting) is False


def test_unknown_option() -> None:
    """An unknown option is Python's own error."""
    with pytest.raises(TypeError, match="captur"):
        callspan.instrument(captur="both")  # type: ignore[call-arg]  # the point


WRONG_VARIABLES = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": (
        "yes",
        "NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT",
    ),
    "CALLSPAN_SEMCONV": ("newest", "released, latest, both"),
    "CALLSPAN_REQUEST_USAGE": ("maybe", "true or false"),
    "CALLSPAN_CHUNK_METRICS": ("2", "true or false"),
    "CALLSPAN_TOKEN_EVENTS": ("every", "first, all, off"),
    "CALLSPAN_ON_CONFLICT": ("ignore", "warn, defer"),
}


@pytest.mark.guard_acts("a variable is wrong, which is said in one line")
@pytest.mark.parametrize("variable", WRONG_VARIABLES)
def test_wrong_variable(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, guard_reports: Any, variable: str
) -> None:
    """A wrong variable never stops an app: it is one log line that names the fix, and counts as not set."""
    value, fix = WRONG_VARIABLES[variable]
    monkeypatch.setenv(variable, value)
    telemetry.instrument()
    [message] = guard_reports.messages
    assert message.startswith(f"callspan: {variable} is {value!r}")
    assert fix in message
    assert "\n" not in message
    assert resolve({}, {variable: value}) == Settings()


@pytest.mark.guard_acts("a variable names a client that is not known")
@pytest.mark.parametrize(
    "variable", ["CALLSPAN_CLIENTS", "CALLSPAN_DISABLED_CLIENTS", "CALLSPAN_EXTRA_METRICS"]
)
def test_unknown_name_in_a_variable(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, client: openai.OpenAI, variable: str
) -> None:
    """A name in a variable that nobody knows does not stop an app either."""
    monkeypatch.setenv(variable, "nonesuch")
    telemetry.instrument()
    client.chat.completions.create(**CHAT)
    assert telemetry.span.name == "chat gpt-4.1-mini"


def test_chosen_clients(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A client that is not wanted is not touched."""
    telemetry.instrument(clients=["openai"])
    client.chat.completions.create(**CHAT)
    assert len(telemetry.spans) == 1


def test_disabled_clients(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client named as disabled is not touched."""
    monkeypatch.setenv("CALLSPAN_DISABLED_CLIENTS", "openai")
    telemetry.instrument()
    client.chat.completions.create(**CHAT)
    assert telemetry.spans == []


@pytest.mark.parametrize("semconv", ["released", "latest", "both"])
def test_semconv(telemetry: Telemetry, client: openai.OpenAI, semconv: str) -> None:
    """Each dialect of the conventions has its own metrics, and `both` has those of both."""
    telemetry.instrument(semconv=semconv)
    client.chat.completions.create(**CHAT)
    released = {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"}
    latest = {"gen_ai.client.inference.duration", "gen_ai.client.inference.usage.input_tokens"}
    assert released <= set(telemetry.metrics) or semconv == "latest"
    assert latest <= set(telemetry.metrics) or semconv == "released"
    assert bool(released & set(telemetry.metrics)) == (semconv != "latest")
    assert bool(latest & set(telemetry.metrics)) == (semconv != "released")


def test_opt_in_of_others(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The opt-in variable that other packages read chooses the newest text, unless we are told otherwise."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")
    telemetry.instrument(semconv="released")
    client.chat.completions.create(**CHAT)
    assert "gen_ai.client.token.usage" in telemetry.metrics
    assert resolve({}).semconv == "latest"


def test_token_events(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """The first token is an event; all of them, or none, where that was chosen."""
    counts = {}
    for choice in ("first", "all", "off"):
        telemetry.clear()
        telemetry.instrument(token_events=choice)
        tokens = sum(
            bool(c.choices[0].delta.content)
            for c in client.chat.completions.create(**CHAT, stream=True)
        )
        counts[choice] = (
            len(telemetry.events("callspan.first_token")),
            len(telemetry.events("callspan.token")),
        )
    assert counts == {"first": (1, 0), "all": (0, tokens), "off": (0, 0)}


def test_chunk_metrics(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """The time between chunks is recorded only where that was chosen."""
    name = "gen_ai.client.operation.time_per_output_chunk"
    list(client.chat.completions.create(**CHAT, stream=True))
    assert telemetry.points(name) == []
    telemetry.instrument(chunk_metrics=True)
    chunks = len(list(client.chat.completions.create(**CHAT, stream=True)))
    assert callspan.flush()
    assert [point["count"] for point in telemetry.points(name)] == [chunks - 1]


@pytest.mark.parametrize(
    ("value", "disabled"),
    [("true", True), (" TRUE ", True), ("false", False), ("1", False), ("no", False)],
)
def test_only_true_switches_opentelemetry_off(value: str, disabled: bool) -> None:
    """With any other value the warning that spans go nowhere stays."""
    done = run("import callspan; callspan.instrument()", OTEL_SDK_DISABLED=value)
    assert done.returncode == 0, done.stderr
    assert ("no OpenTelemetry provider is set" in done.stderr) is not disabled
