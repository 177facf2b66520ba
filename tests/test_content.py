"""What of the content is captured, how it is redacted, and that it fits."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import openai
import pytest

import callspan
from callspan.content.capture import Capture
from callspan.content.copied import Copy
from callspan.content.fitting import Single
from callspan.content.parts import shaped
from callspan.runtime.plain import plain
from callspan.semconv import content
from callspan.testing.modelserver import ModelServer, Reply, ToolCall
from program import CHAT, HELLO, MODEL, Program
from telemetry import Telemetry
from wire import sse

INPUT, OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
SYSTEM, TOOLS = "gen_ai.system_instructions", "gen_ai.tool.definitions"
ORDER = [
    {"role": "system", "content": "word-system"},
    {"role": "user", "content": "word-input"},
    {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "stock", "arguments": '{"of": "word-arguments"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "word-results"},
]
DEFINITIONS = [
    {
        "type": "function",
        "function": {"name": "stock", "description": "word-tools", "parameters": {}},
    }
]
FULL: dict[str, Any] = {"model": MODEL, "messages": ORDER, "tools": DEFINITIONS}
FIELDS = ("input", "output", "system", "tools", "arguments", "results")


def texts(telemetry: Telemetry) -> str:
    """All that was exported of the content of the last call, as one text."""
    names = (SYSTEM, INPUT, TOOLS, OUTPUT)
    return " ".join(str(telemetry.spans[-1].attributes.get(name)) for name in names)


def words(telemetry: Telemetry) -> set[str]:
    """The fields that were captured of the last call."""
    return {field for field in FIELDS if f"word-{field}" in texts(telemetry)}


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_alone(
    telemetry: Telemetry, program: Program, model_server: ModelServer, field: str
) -> None:
    """A field that is not named is nowhere in the export; messages still show that a tool was called."""
    named = (
        {field, "input"} if field in ("arguments", "results") else {field}
    )  # they stand in messages
    telemetry.instrument(capture="both", capture_fields=named)
    model_server.enqueue(Reply(text="word-output"))
    program.chat(**FULL)
    assert words(telemetry) == named
    everywhere = telemetry.everything()
    assert not [other for other in FIELDS if other not in named and f"word-{other}" in everywhere]
    if "input" in named:
        parts = [
            part for message in json.loads(telemetry.attributes[INPUT]) for part in message["parts"]
        ]
        assert [part["name"] for part in parts if part["type"] == "tool_call"] == ["stock"]


def test_arguments_of_the_answer(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """What the model gives to a tool is content of its own kind."""
    telemetry.instrument(capture="both", capture_fields=["output"])
    model_server.enqueue(
        Reply(text=None, tool_calls=(ToolCall("stock", '{"of": "word-arguments"}'),))
    )
    program.chat(**FULL)
    assert "word-arguments" not in telemetry.everything()
    assert json.loads(telemetry.attributes[OUTPUT])[0]["parts"][0]["name"] == "stock"


def test_block_wins_over_client_wins_over_settings(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """Who is nearest to the call decides what is captured of it; what a block leaves open stays as it was outside."""
    telemetry.instrument(capture="off")

    def ask() -> bool:
        client.chat.completions.create(**CHAT)
        return INPUT in telemetry.spans[-1].attributes

    assert not ask()
    with callspan.capture("span"):
        assert ask()
        with callspan.capture("off"), callspan.capture(fields=["input"]):
            assert not ask()
        with callspan.capture(fields=["output"]):
            assert not ask()
            assert OUTPUT in telemetry.spans[-1].attributes
    callspan.attach(client, capture="span")
    assert ask()
    with callspan.capture("off"):
        assert not ask()


def test_an_answer_is_kept_where_only_a_block_captures(
    telemetry: Telemetry, program: Program
) -> None:
    """A stream inside a capturing block is captured whole, though outside nobody reads text."""
    with callspan.capture("span"):
        chunks = program.stream()
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert json.loads(telemetry.attributes[OUTPUT])[0]["parts"][0]["content"] == said


# -- redaction -------------------------------------------------------------------------------------------------

SECRETS = {
    "sk-proj-abcdefghijklmnop1234": "key",
    "sk-ant-api03-abcdefghijklmnop": "key",
    "AKIAIOSFODNN7EXAMPLE": "key",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789": "key",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4": "key",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----": "key",
    "rosa.lilium+shop@flowers.example.org": "e-mail",
    "4111 1111 1111 1111": "card number",
    "5500-0000-0000-0004": "card number",
    "378282246310005": "card number",
    "+49 30 1234567": "phone",
    "+1 (555) 010-9999": "phone",
    "555-010-9999": "phone",
    "13800138000": "phone",
}


@pytest.mark.parametrize("secret", SECRETS)
def test_common_secrets(secret: str) -> None:
    """Keys, addresses and numbers are replaced by what they were and how long."""
    kind = SECRETS[secret]
    assert (
        callspan.redact_common(f"so {secret}, please")
        == f"so [{kind}, {len(secret)} characters], please"
    )


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "on 2026-11-21 at 12:30:00",
        "v1.2.3",
        "order 1234567890123",
        "a@b",
        "0.123456789012345",
        "1 + 2",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    """Dates, versions, wrong check digits and plain numbers stay."""
    assert callspan.redact_common(text) == text


@pytest.mark.parametrize("redact", ["common", "callspan:redact_common", callspan.redact_common])
def test_redacted_everywhere(
    telemetry: Telemetry, program: Program, model_server: ModelServer, redact: Any
) -> None:
    """A built-in pattern, a function by name, and a function all reach spans and events; the request stays."""
    telemetry.instrument(capture="both", redact=redact)
    model_server.enqueue(Reply(text="write to rosa@flowers.example"))
    program.chat(messages=[{"role": "user", "content": "my card is 4111 1111 1111 1111"}])
    everything = telemetry.everything()
    assert "4111 1111" not in everything
    assert "rosa@" not in everything
    assert "[card number, 19 characters]" in telemetry.attributes[INPUT]
    assert "4111 1111 1111 1111" in json.dumps(model_server.requests[0].json)


def test_where_a_text_stands(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """The hook is told the field of each text, may take one out, and what an exception says comes to it as well."""
    heard: dict[str, str] = {}

    def hook(text: str, where: str) -> str | None:
        heard.setdefault(where, text)
        return None if where == "results" else text.replace("word", "W")

    telemetry.instrument(capture="both", redact=hook)
    model_server.enqueue(Reply(text="word-output"))
    program.chat(**FULL)
    assert {where: text for where, text in heard.items() if text.startswith("word-")} == {
        field: f"word-{field}" for field in FIELDS
    }
    assert "word" not in telemetry.everything()
    assert "results" not in texts(telemetry)
    model_server.enqueue(Reply(status=400, error_message="word-error"))
    with pytest.raises(openai.BadRequestError):
        program.chat(**FULL)
    assert "W-error" in str(telemetry.spans[-1].status.description)
    assert "word-error" not in telemetry.everything()


def test_names_of_people(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """A participant's name is redacted as a text is; the name of a tool stays."""
    telemetry.instrument(capture="both", redact="common")
    said = {"role": "user", "name": "rosa@flowers.example", "content": "hello"}
    program.chat(messages=[said, *ORDER[1:]], tools=DEFINITIONS)
    assert "rosa@" not in telemetry.everything()
    assert "[e-mail, 20 characters]" in telemetry.attributes[INPUT]
    assert "stock" in telemetry.attributes[INPUT]


def test_documents_and_odd_parts() -> None:
    """The id and name of a document are redacted, and so is a part of any other form."""
    capture = Capture(span=True, redact=callspan.redact_common)
    shown = shaped([{"id": "rosa@flowers.example", "name": "a@b.example"}], "output", capture)
    assert shown == [{"id": "[e-mail, 20 characters]", "name": "[e-mail, 11 characters]"}]
    shown = shaped([{"role": "user", "parts": ["rosa@flowers.example"]}], "input", capture)
    assert shown == [{"role": "user", "parts": ["[e-mail, 20 characters]"]}]


def test_keys_that_are_redacted_alike() -> None:
    """Two keys with the same placeholder are two, so that no value is lost."""
    capture = Capture(span=True, redact=callspan.redact_common)
    shown = shaped({"rosa@flowers.example": 1, "lily@flowers.example": 2}, "results", capture)
    assert shown == {"[e-mail, 20 characters]": 1, "[e-mail, 20 characters] 2": 2}


def test_keys_of_several_types() -> None:
    """A number and its text are two keys, and both keep their values."""
    value = {1: "number", "1": "text", None: "nothing", "None": "word"}
    keys = {"1": "number", "1 2": "text", "None": "nothing", "None 2": "word"}
    assert Copy(value).value == keys
    assert plain([value]) == [keys]


@pytest.mark.guard_acts("a hook that fails")
@pytest.mark.parametrize("made", [lambda: 1 / 0, lambda: 7], ids=["raises", "no text"])
def test_failing_hook(
    telemetry: Telemetry, program: Program, model_server: ModelServer, guard_reports: Any, made: Any
) -> None:
    """Where the hook fails nothing is shown of what it was to hide, the span says so, and the app has its answer."""
    telemetry.instrument(capture="both", redact=lambda _text, _where: made())
    model_server.enqueue(Reply(text="word-output"), Reply(status=400, error_message="word-error"))
    assert program.chat(**FULL).choices[0].message.content == "word-output"
    with pytest.raises(openai.BadRequestError, match="word-error"):
        program.chat(**FULL)
    assert "word" not in telemetry.everything()
    assert telemetry.spans[0].attributes["callspan.content.dropped"] == (TOOLS, INPUT, OUTPUT)
    assert "word" not in str(guard_reports.messages)


@pytest.mark.guard_acts("a variable that cannot be understood")
@pytest.mark.parametrize(
    ("variable", "value"),
    [("CALLSPAN_REDACT", "comon"), ("CALLSPAN_CAPTURE_FIELDS", "inputs, output")],
)
def test_misspelt_protection(
    telemetry: Telemetry,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    """Where the variable that was to hold content back is misspelt, none is captured."""
    monkeypatch.setenv(variable, value)
    telemetry.instrument(capture="both")
    program.chat(**FULL)
    assert "word" not in telemetry.everything()


# -- sizes -----------------------------------------------------------------------------------------------------


def conversation(count: int, size: int) -> list[dict[str, Any]]:
    """Messages with their numbers, each so many characters long."""
    return [
        {"role": ("user", "assistant")[number % 2], "content": f"<{number}>".ljust(size, ".")}
        for number in range(count)
    ]


def small(telemetry: Telemetry, limit: int) -> list[dict[str, Any]]:
    """The input messages, which have to parse and to fit."""
    text = telemetry.attributes[INPUT]
    assert len(text.encode()) <= limit
    return json.loads(text)


@pytest.mark.parametrize("limit", [2048, "tempo", 8192])
def test_long_conversation(
    telemetry: Telemetry, program: Program, model_server: ModelServer, limit: Any
) -> None:
    """The first and the last messages stay, and one stands for those left out between, with their number and size."""
    telemetry.instrument(capture="both", content_limit=limit)
    program.chat(messages=conversation(200, 100))
    found = small(telemetry, 2048 if limit == "tempo" else limit)
    assert found[0]["parts"][0]["content"].startswith("<0>")
    assert found[-1]["parts"][0]["content"].startswith("<199>")
    note = found[1]["parts"][0]
    assert note["type"] == "elided"
    assert note["count"] == 200 - (len(found) - 1)
    assert telemetry.attributes["callspan.content.elided"] > 100 * note["count"]
    assert len(model_server.requests[0].json["messages"]) == 200


@pytest.mark.parametrize("text", ["x" * 300_000, "\N{BLOSSOM}" * 100_000, '"\n\\' * 50_000])
def test_long_message(telemetry: Telemetry, program: Program, text: str) -> None:
    """One long text keeps its beginning and its end and says how much was between."""
    telemetry.instrument(capture="span", content_limit=4096)
    program.chat(messages=[{"role": "user", "content": f"begin {text} end"}])
    said = small(telemetry, 4096)[0]["parts"][0]["content"]
    assert said.startswith("begin")
    assert said.endswith("end")
    assert "characters ..." in said


@pytest.mark.parametrize("limit", [64, 1532, 4096])
@pytest.mark.parametrize("halves", [("x", "\N{BLOSSOM}"), ("\N{BLOSSOM}", "x")])
def test_uneven_characters(limit: int, halves: tuple[str, str]) -> None:
    """A text whose wide characters stand together keeps the limit too."""
    text = halves[0] * 3000 + halves[1] * 3000
    fitted = Single(text, limit)
    assert fitted.size <= limit
    assert fitted.text.startswith(halves[0])
    assert fitted.text.endswith(halves[1])


def test_more_room(telemetry: Telemetry, program: Program) -> None:
    """With a higher limit a long conversation stays whole."""
    telemetry.instrument(capture="both", content_limit=1_000_000)
    program.chat(messages=conversation(50, 10_000))
    assert [len(message["parts"][0]["content"]) for message in small(telemetry, 750_000)] == [
        10_000
    ] * 50
    assert "callspan.content.elided" not in telemetry.attributes


@pytest.mark.parametrize(
    "variable", ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"]
)
def test_limit_of_the_sdk(program: Program, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Where the SDK cuts attributes, content is made to fit before, so that it parses."""
    monkeypatch.setenv(variable, "1500")
    telemetry = Telemetry()
    telemetry.instrument(capture="span")
    program.chat(messages=conversation(50, 400))
    assert small(telemetry, 1500)[-1]["parts"][0]["content"].startswith("<49>")
    callspan.uninstrument()
    telemetry.shutdown()


@pytest.mark.parametrize(
    "variable", ["OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"]
)
def test_limit_of_log_records(
    program: Program, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Where the SDK cuts the texts of log records, they say by themselves how much was between their ends."""
    monkeypatch.setenv(variable, "600")
    telemetry = Telemetry()
    if not hasattr(telemetry.logger_provider, "_log_record_limits"):
        pytest.skip("an SDK that does not cut log records")
    telemetry.instrument(capture="event")
    program.chat(messages=[{"role": "user", "content": f"begin {'x' * 5000} end"}])
    [event] = telemetry.logs
    said = event["attributes"][INPUT][0]["parts"][0]["content"]
    assert (said[:5], said[-3:], len(said) <= 600) == ("begin", "end", True)
    assert "characters ..." in said
    callspan.uninstrument()
    telemetry.shutdown()


def test_one_call_has_one_budget(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Tools, messages and the answer share the bytes of one call, and each has some."""
    telemetry.instrument(capture="span", content_limit=16_384)
    model_server.enqueue(Reply(text="a" * 100_000))
    function = {"name": "stock", "description": "d" * 500, "parameters": {}}
    tools = [{"type": "function", "function": function}] * 99
    system = {"role": "system", "content": "s" * 90_000}
    program.chat(messages=[system, *conversation(99, 999)], tools=tools)
    found = {name: telemetry.attributes[name] for name in (TOOLS, INPUT, OUTPUT)}
    assert sum(map(len, found.values())) <= 16_384
    assert all(json.loads(text) and len(text) > 1000 for text in found.values())


def test_five_megabytes_of_image(telemetry: Telemetry, program: Program) -> None:
    """An inline image is told by its type and size; text and answer stay whole."""
    telemetry.instrument(capture="both")
    url = "data:image/png;base64," + "A" * 5_000_000
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    program.chat(messages=[{"role": "user", "content": parts}])
    text, image = small(telemetry, 1000)[0]["parts"]
    assert text["content"] == "What is this?"
    assert (image["mime_type"], image["size"], image["content"]) == ("image/png", 5_000_000, "")
    assert "callspan.content.elided" not in telemetry.attributes


@pytest.mark.instrument(capture="span")
@pytest.mark.parametrize("streamed", [False, True])
def test_an_image_that_was_made(
    telemetry: Telemetry, program: Program, model_server: ModelServer, streamed: bool
) -> None:
    """An inline image of an answer has its own type, and so has the end of a stream of images."""
    image = {"b64_json": "UklGRg==", "output_format": "webp", "created_at": 1}
    if streamed:
        early = {**image, "type": "image_generation.partial_image", "partial_image_index": 0}
        model_server.enqueue(sse(early, {**image, "type": "image_generation.completed"}))
        program.read("images.generate", model=MODEL, prompt="Roses")
    else:
        answer = {"created": 1, "output_format": "webp", "data": [{"b64_json": "UklGRg=="}]}
        model_server.enqueue(Reply(raw=json.dumps(answer)))
        program.ask("images.generate", model=MODEL, prompt="Roses")
    [message] = json.loads(telemetry.attributes[OUTPUT])
    [part] = message["parts"]
    assert (part["type"], part["modality"], part["mime_type"]) == ("blob", "image", "image/webp")


class Mute:
    """An object that cannot describe itself."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


CYCLE: dict[str, Any] = {}
CYCLE["self"] = [CYCLE, CYCLE]
ODD = {
    "NaN": float("nan"),
    "infinity": float("-inf"),
    "integer": 10**40,
    "surrogate": "\ud800 rose",
    "nul": "rose\0",
    "cycle": CYCLE,
    "bytes": b"\xff\xfe",
    "object": object(),
    "mute": Mute(),
    "key": {3: 4, None: 5, "": 6, "\ud800": 7},
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("encoder", ["orjson", "json"])
def test_odd_values(
    telemetry: Telemetry, client: openai.OpenAI, monkeypatch: Any, name: str, encoder: str
) -> None:
    """What no JSON has is exported as text, on spans and in events that the exporter's own encoder takes."""
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    from callspan.content import encoding

    if encoder == "json":
        monkeypatch.setitem(sys.modules, "orjson", None)
    monkeypatch.setattr(encoding, "_encoder", None)
    telemetry.instrument(capture="both")
    tool = {"type": "function", "function": {"name": "stock", "parameters": {"default": ODD[name]}}}
    # the client refuses some of these before it sends anything, which is as it should be
    with contextlib.suppress(Exception):
        client.chat.completions.create(model=MODEL, messages=HELLO, tools=[tool])
    definitions = json.loads(telemetry.attributes[TOOLS], parse_constant=pytest.fail)
    assert definitions[0]["name"] == "stock"
    encode_spans(telemetry.spans).SerializeToString()
    encode_logs(telemetry.log_data).SerializeToString()


UNEVEN = {
    "numbers": ([1, 2.5, None], (1.0, 2.5, None)),
    "of many kinds": ([1, "two", True, {"three": [3]}], '[1,"two",true,{"three":[3]}]'),
    "within": ([{"of": [1, "two"]}, {"of": "roses"}], ({"of": '[1,"two"]'}, {"of": "roses"})),
    "even": ([[1], ["two"]], ((1,), ("two",))),
}


@pytest.mark.parametrize("drops", [False, True], ids=["new SDK", "old SDK"])
@pytest.mark.parametrize("name", UNEVEN)
def test_lists_of_many_types(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer, monkeypatch: Any, name: str, drops: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A list of which the SDK would drop all, as its items are of several types, is told; by a newer SDK as it is."""
    given, told = UNEVEN[name]
    if not drops and content.DROPS_UNEVEN:
        pytest.skip("this SDK drops them")
    monkeypatch.setattr(content, "DROPS_UNEVEN", drops)
    telemetry.instrument(capture="both")
    model_server.enqueue(Reply(tool_calls=(ToolCall("stock", json.dumps({"of": given})),)))
    client.chat.completions.create(model=MODEL, messages=HELLO)
    [event] = telemetry.logs
    [part] = event["attributes"][OUTPUT][0]["parts"]
    assert part["arguments"]["of"] == (told if drops else tuples(given))
    [part] = json.loads(telemetry.attributes[OUTPUT])[0]["parts"]
    assert part["arguments"]["of"] == given
    assert not caplog.records


def tuples(value: Any) -> Any:
    """Lists as the SDK keeps them."""
    if isinstance(value, dict):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list) else value
