"""Setting up and taking down, section G of the list of what the package must survive."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
import types
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import _base_client

import callspan
from callspan.clients.groq import GROQ
from callspan.clients.openai import OPENAI
from callspan.setup.instrument import Instrumentor
from callspan.testing.modelserver import ModelServer
from child import run
from clients import async_openai_client, listing, openai_client
from program import CHAT, HELLO
from telemetry import Telemetry

TARGETS = [
    (_base_client.SyncAPIClient, "request"),
    (_base_client.AsyncAPIClient, "request"),
    (_base_client.BaseClient, "_calculate_retry_timeout"),
]
ORIGINALS = [vars(owner)[name] for owner, name in TARGETS]


@pytest.mark.needs("chat.completions.parse")
def test_a_client_made_before_instrument(telemetry: Telemetry, model_server: ModelServer) -> None:
    """Clients, resources, bound methods and raw wrappers made before `instrument()` are seen after it."""
    callspan.uninstrument()
    with openai_client(model_server.url) as client:
        completions, create = client.chat.completions, client.chat.completions.create
        raw, parse = client.chat.completions.with_raw_response, client.chat.completions.parse
        raw.create(**CHAT)
        assert telemetry.spans == []
        telemetry.instrument()
        completions.create(**CHAT)
        create(**CHAT)
        raw.create(**CHAT)
        parse(**CHAT)
        client.with_options(timeout=9).chat.completions.create(**CHAT)
        client.post("/chat/completions", body=CHAT, cast_to=object)
    assert [span.name for span in telemetry.spans] == ["chat gpt-4.1-mini"] * 6


async def test_a_client_made_before_instrument_async(
    telemetry: Telemetry, model_server: ModelServer
) -> None:
    """The same for an asynchronous client."""
    callspan.uninstrument()
    async with async_openai_client(model_server.url) as client:
        create = client.chat.completions.create
        telemetry.instrument()
        await create(**CHAT)
    assert telemetry.span.name == "chat gpt-4.1-mini"


def test_calls_on_the_module_itself(
    telemetry: Telemetry, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls on the module itself, `openai.chat...`, are seen too."""
    for name, value in {
        "api_key": "any",
        "base_url": f"{model_server.url}/",
        "_client": None,
    }.items():
        monkeypatch.setattr(openai, name, value, raising=False)
    openai.chat.completions.create(**CHAT)
    assert telemetry.span.name == "chat gpt-4.1-mini"


def test_uninstrument_restores_the_very_functions(telemetry: Telemetry) -> None:
    """`uninstrument()` leaves every target the object it was, as often as it is done."""
    for _ in range(3):
        callspan.uninstrument()
        assert all(
            vars(owner)[name] is was for (owner, name), was in zip(TARGETS, ORIGINALS, strict=True)
        )
        assert not any(hasattr(vars(owner)[name], "__wrapped__") for owner, name in TARGETS)
        telemetry.instrument()
        telemetry.instrument(capture="both")
        assert not any(
            vars(owner)[name] is was for (owner, name), was in zip(TARGETS, ORIGINALS, strict=True)
        )


def test_patched_functions_look_as_before(telemetry: Telemetry) -> None:
    """While instrumented the targets keep their names, signatures and kinds."""
    for (owner, name), was in zip(TARGETS, ORIGINALS, strict=True):
        now = getattr(owner, name)
        assert (now.__name__, now.__qualname__, now.__doc__) == (
            was.__name__,
            was.__qualname__,
            was.__doc__,
        )
        assert inspect.signature(now) == inspect.signature(was)
        assert inspect.iscoroutinefunction(now) == inspect.iscoroutinefunction(was)


def test_functions_wrapped_by_others_in_between(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """A wrapper that somebody else has put around ours stays, and ours says nothing any more."""
    owner, seen = _base_client.SyncAPIClient, []
    ours = owner.request

    def theirs(*args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return ours(*args, **kwargs)

    owner.request = theirs  # type: ignore[method-assign]  # as another instrumentation does
    try:
        callspan.uninstrument()
        client.chat.completions.create(**CHAT)
    finally:
        owner.request = ORIGINALS[0]  # type: ignore[method-assign]
    assert (seen, telemetry.spans) == ([1], [])


def test_open_streams_finish_after_uninstrument(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """A stream begun before `uninstrument()` still ends its span, where it would have."""
    stream = client.chat.completions.create(**CHAT, stream=True)
    first = next(stream)
    callspan.uninstrument()
    assert telemetry.spans == []
    assert [first, *stream][-1].choices[0].finish_reason == "stop"
    assert telemetry.attributes["callspan.outcome"] == "completed"


# --- a client that is not as expected --------------------------------------------------------------------


@pytest.fixture
def moved_client(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A client whose synchronous hook has moved; the asynchronous one is where it was."""

    class AsyncAPIClient:
        async def request(self, *_args: Any, **_kwargs: Any) -> str:
            return "answered"

    package, base = types.ModuleType("movedai"), types.ModuleType("movedai._base_client")
    streaming = types.ModuleType("movedai._streaming")
    package.__dict__["__version__"], base.__dict__["AsyncAPIClient"] = "9.0", AsyncAPIClient
    for module in (package, base, streaming):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    moved = dataclasses.replace(
        OPENAI, name="movedai", package="movedai", module="movedai", versions=("1", "9")
    )
    monkeypatch.setattr("callspan.setup.registry.TARGETS", (listing(moved), listing(OPENAI)))
    return base


@pytest.mark.guard_acts("the missing target is named")
def test_a_function_that_has_moved(
    telemetry: Telemetry, moved_client: types.ModuleType, guard_reports: Any, client: openai.OpenAI
) -> None:
    """A target that is not there is named in a warning and in `status()`; the others are patched all the same."""
    telemetry.instrument()
    assert [
        text
        for text in guard_reports.messages
        if "movedai._base_client.SyncAPIClient.request" in text
    ]
    moved, known = callspan.status().clients
    # those for sessions stand in modules of openai's own
    assert {
        target.path.rpartition("_base_client.")[2]: target.state
        for target in moved.targets
        if target.path.startswith("movedai.")
    } == {
        "SyncAPIClient.request": "missing",
        "AsyncAPIClient.request": "patched",
    }
    assert {target.state for target in known.targets} == {"patched"}
    assert [problem for problem in callspan.status().problems if "movedai" in problem]
    client.chat.completions.create(**CHAT)
    assert telemetry.span.name == "chat gpt-4.1-mini"


def test_a_client_that_is_not_installed(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is not installed is no problem, and `status()` says that it waits."""
    absent = dataclasses.replace(GROQ, name="absentai", package="absentai", module="absentai")
    monkeypatch.setattr("callspan.setup.registry.TARGETS", (listing(absent),))
    telemetry.instrument()
    [client] = callspan.status().clients
    assert (client.installed, client.loaded, {target.state for target in client.targets}) == (
        None,
        False,
        {"waiting"},
    )
    assert callspan.status().problems == ()


TOO_OLD = """
import logging, sys
logging.basicConfig(format="%(message)s")
sys.path.insert(0, sys.argv[1])
import callspan
from opentelemetry.sdk.trace import TracerProvider
callspan.instrument(tracer_provider=TracerProvider())
import openai
print(callspan.status().problems)
"""


def test_a_client_that_is_too_old(tmp_path: Path) -> None:
    """A version that is older than any supported one is left alone, and one line names both."""
    (tmp_path / "openai").mkdir()
    (tmp_path / "openai" / "__init__.py").write_text("__version__ = '0.28.1'\n")
    done = run(TOO_OLD, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "0.28.1" in done.stdout, "status() names no problem"
    said = [line for line in done.stderr.splitlines() if "0.28.1" in line]
    assert len(said) == 1, done.stderr
    assert "1.40" in said[0]
    assert len(done.stderr.splitlines()) == 1


# --- as an entry point -----------------------------------------------------------------------------------------


def test_the_entry_point_instruments(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """The class that `opentelemetry-instrument` looks for takes any option and never raises."""
    callspan.uninstrument()
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    module, _, name = (
        project.partition('opentelemetry_instrumentor]\ncallspan = "')[2]
        .partition('"')[0]
        .partition(":")
    )
    found = getattr(importlib.import_module(module), name)
    assert found is Instrumentor
    found().instrument(
        **telemetry.providers,
        skip_dep_check=True,
        raise_exception_on_conflict=False,
        other=object(),
    )
    client.chat.completions.create(**CHAT)
    found().uninstrument()
    client.chat.completions.create(**CHAT)
    assert telemetry.span.name == "chat gpt-4.1-mini"


@pytest.mark.parametrize(
    "value", ["callspan", "callspan_openai", "requests, callspan_openai", "*", "requests, *"]
)
def test_the_entry_point_disabled_by_name(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """OTEL_PYTHON_DISABLED_INSTRUMENTATIONS turns off all of it, or one client."""
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", value)
    telemetry.instrument()
    client.chat.completions.create(**CHAT)
    assert telemetry.spans == []
    assert vars(_base_client.SyncAPIClient)["request"] is ORIGINALS[0]


def test_the_sdk_disabled(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_SDK_DISABLED means no telemetry; handlers of the app's own are no telemetry."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    telemetry.instrument()
    with callspan.count_tokens() as count:
        client.chat.completions.create(model="gpt-4.1", messages=HELLO)
    assert (telemetry.spans, telemetry.metrics, telemetry.logs) == ([], {}, [])
    assert count.calls == 1


# --- where telemetry goes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "fix"),
    [
        ("localhost:4317", "http://localhost:4317"),
        ("http://h:4318/v1/traces", "http://h:4318"),
        ("ftp://h:4318", "http://h:4318"),
        ("http://:4318", "http://localhost:4318"),
        ("http://h:port", "port"),
    ],
)
def test_an_endpoint_that_is_wrong_names_its_fix(endpoint: str, fix: str) -> None:
    """An endpoint that cannot be meant is one line that names the fix, and nothing is set up."""
    with pytest.raises(ValueError, match=fix) as caught:
        callspan.configure(otlp=endpoint)
    assert "\n" not in str(caught.value)
    assert endpoint in str(caught.value)


def test_only_names_of_all_versions_are_imported() -> None:
    """Nothing is imported from modules that old or new releases of OpenTelemetry and pydantic do not have."""
    source = Path(callspan.__file__).parent
    for path in source.rglob("*.py"):
        text = path.read_text()
        for gone in (
            "opentelemetry._events",
            "opentelemetry.semconv",
            "import pydantic",
            "from pydantic",
        ):
            assert gone not in text, f"{gone} in {path.relative_to(source)}"
