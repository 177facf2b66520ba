"""Content beyond the limit goes to a folder or a bucket, whole; span and event have its address."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import fsspec
import openai
import pytest

import callspan
from program import CHAT
from telemetry import Telemetry

LONG = "Which flowers last? " * 1000
TOOLS = [
    {
        "type": "function",
        "function": {"name": f"price_{number}", "description": "The price of a flower." * 20},
    }
    for number in range(30)
]


def ask(client: openai.OpenAI, text: str = LONG, **more: Any) -> None:
    client.chat.completions.create(
        **{**CHAT, "messages": [{"role": "user", "content": text}], **more}
    )


def test_long_content_is_uploaded_whole(
    telemetry: Telemetry, client: openai.OpenAI, tmp_path: Path
) -> None:
    folder = tmp_path / "prompts"
    telemetry.instrument(capture="both", content_limit=4096, upload=folder)
    ask(client, tools=TOOLS)
    assert callspan.flush()
    attributes = telemetry.attributes
    path = Path(str(attributes["gen_ai.input.messages_ref"]))
    assert path.parent == folder
    assert path.name.endswith("_inputs.json")
    [message] = json.loads(path.read_text())
    assert message == {"role": "user", "parts": [{"type": "text", "content": LONG}]}
    # what has room stays on the span
    assert "Which flowers" in str(attributes["gen_ai.input.messages"])
    assert "gen_ai.output.messages_ref" not in attributes
    # what was said is private
    assert folder.stat().st_mode & 0o077 == 0
    [details] = telemetry.logs
    assert details["attributes"]["gen_ai.input.messages_ref"] == str(path)
    # definitions that many calls share are one file, named by its content
    tools = Path(str(attributes["gen_ai.tool.definitions_ref"]))
    digest = hashlib.sha256(tools.read_bytes().rstrip(b"\n")).hexdigest()
    assert tools.name == f"{digest}_tool.definitions.json"
    ask(client, tools=TOOLS)
    assert callspan.flush()
    assert telemetry.spans[1].attributes is not None
    assert telemetry.spans[1].attributes["gen_ai.tool.definitions_ref"] == str(tools)
    assert len(list(folder.iterdir())) == 3


def test_short_content_and_content_that_is_not_captured_stay(
    telemetry: Telemetry, client: openai.OpenAI, tmp_path: Path
) -> None:
    telemetry.instrument(capture="span", upload=tmp_path)
    ask(client, "Which flowers last?")
    telemetry.instrument(content_limit=4096, upload=tmp_path)
    ask(client)
    assert callspan.flush()
    assert list(tmp_path.iterdir()) == []
    for span in telemetry.spans:
        assert not [name for name in span.attributes or {} if name.endswith("_ref")]


def test_what_is_redacted_is_not_uploaded(
    telemetry: Telemetry, client: openai.OpenAI, tmp_path: Path
) -> None:
    telemetry.instrument(capture="span", content_limit=4096, redact="common", upload=tmp_path)
    ask(client, LONG + "My address is rosa@example.com.")
    assert callspan.flush()
    [path] = tmp_path.iterdir()
    assert "rosa@example.com" not in path.read_text()
    assert "My address is" in path.read_text()


def test_a_line_a_message_in_a_bucket(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The format comes from the standard variable, as does the address."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH", "memory://prompts")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT", "JSONL")
    telemetry.instrument(capture="span", content_limit=4096)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": LONG}]
    client.chat.completions.create(**{**CHAT, "messages": messages})
    assert callspan.flush()
    url = str(telemetry.attributes["gen_ai.input.messages_ref"])
    assert url.startswith("memory://prompts/")
    with fsspec.open(url, "r") as file:
        lines = [json.loads(line) for line in file]
    assert [(line["index"], line["role"]) for line in lines] == [(0, "system"), (1, "user")]


@pytest.mark.guard_acts("a folder that is a file, and a queue that is full")
def test_what_cannot_be_written_is_told_and_costs_nothing(
    telemetry: Telemetry,
    client: openai.OpenAI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    guard_reports: Any,
) -> None:
    (tmp_path / "taken").write_text("")
    telemetry.instrument(capture="span", content_limit=4096, upload=tmp_path / "taken")
    ask(client)
    callspan.flush()
    assert telemetry.span.attributes is not None
    [line] = guard_reports.messages
    assert line.startswith(f"callspan: content could not be uploaded to {tmp_path / 'taken'}")
    # a store that stands still holds up a number of files, and no call
    gate = threading.Event()
    open_file = fsspec.implementations.local.LocalFileSystem.open

    def open_slowly(*args: Any, **kwargs: Any) -> Any:
        gate.wait(60)
        return open_file(*args, **kwargs)

    monkeypatch.setattr(fsspec.implementations.local.LocalFileSystem, "open", open_slowly)
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_UPLOAD_MAX_QUEUE_SIZE", "2")
    telemetry.instrument(capture="span", content_limit=4096, upload=tmp_path)
    for _ in range(4):
        ask(client)
    gate.set()
    assert callspan.flush()
    assert len(list(tmp_path.glob("*_inputs.json"))) == 2
    with_reference = [
        span
        for span in telemetry.spans[1:]
        if "gen_ai.input.messages_ref" in (span.attributes or {})
    ]
    assert len(with_reference) == 2
    assert "2 files wait already" in guard_reports.messages[-1]


@pytest.mark.parametrize("value", ["nosuch://bucket", 7])
def test_an_address_that_nobody_can_open(telemetry: Telemetry, value: Any) -> None:
    with pytest.raises(callspan.SettingsError, match=f"upload is {value!r}"):
        telemetry.instrument(capture="span", upload=value)


class Taker:
    """A completion hook that keeps what it gets."""

    def __init__(self) -> None:
        self.completions: list[dict[str, Any]] = []

    def on_completion(self, **completion: Any) -> None:
        self.completions.append(completion)
        completion["span"].set_attribute("gen_ai.output.messages_ref", "shelf 6")
        completion["log_record"].attributes = {"gen_ai.input.messages_ref": "shelf 7"}


taker = Taker()
HOOK = "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK"


@pytest.fixture
def installed_hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package that has a hook named `shelf`."""
    pytest.importorskip("opentelemetry.util.genai", reason="util-genai is not installed")
    info = tmp_path / "shelf-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    group = "opentelemetry_genai_completion_hook"
    (info / "entry_points.txt").write_text(f"[{group}]\nshelf = {__name__}:make_taker\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(HOOK, "shelf")
    taker.completions.clear()


def make_taker() -> Taker:
    return taker


@pytest.mark.usefixtures("installed_hook")
def test_a_completion_hook_gets_all_that_is_captured(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    telemetry.instrument(capture="both", content_limit=4096, redact="common")
    ask(client, LONG + "I am rosa@example.com.", tools=TOOLS[:1])
    [completion] = taker.completions
    [message] = completion["inputs"]
    assert (message.role, type(message.parts[0]).__name__) == ("user", "TextPart")
    assert message.parts[0].content.startswith(LONG)
    assert "rosa@example.com" not in message.parts[0].content
    [answer] = completion["outputs"]
    assert (answer.role, answer.finish_reason) == ("assistant", "stop")
    [tool] = completion["tool_definitions"]
    assert tool.name == "price_0"
    assert telemetry.attributes["gen_ai.output.messages_ref"] == "shelf 6"
    assert telemetry.logs[0]["attributes"]["gen_ai.input.messages_ref"] == "shelf 7"


@pytest.mark.usefixtures("installed_hook")
@pytest.mark.instrument
def test_a_completion_hook_gets_nothing_that_is_not_captured(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    ask(client)
    assert taker.completions == []


@pytest.mark.guard_acts("a hook that nobody has")
def test_a_completion_hook_that_nobody_has(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: Any, guard_reports: Any
) -> None:
    monkeypatch.setenv(HOOK, "shelve")
    telemetry.instrument(capture="span")
    ask(client)
    assert guard_reports.messages == [
        f"callspan: {HOOK} is 'shelve', but no package that is installed has such a hook"
    ]
