"""What passes between an app and Anthropic's models, of every kind: in the conventions' words, and no bytes of it."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

import callspan
from anthropic_program import HELLO, STREAM, Server, Way, ask, both, play
from telemetry import Telemetry

BYTES = "QUJD" * 50
PDF = {"type": "base64", "media_type": "application/pdf", "data": BYTES}
SENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "image": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BYTES}},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "", "size": 200},
    ),
    "image by address": (
        {"type": "image", "source": {"type": "url", "url": "https://example.com/rose.png"}},
        {"type": "uri", "modality": "image", "uri": "https://example.com/rose.png"},
    ),
    "document": (
        {"type": "document", "source": PDF, "title": "Roses", "citations": {"enabled": True}},
        {
            "type": "blob",
            "modality": "document",
            "mime_type": "application/pdf",
            "content": "",
            "size": 200,
        },
    ),
    "document of text": (
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Roses are red."},
        },
        {"type": "text", "content": "Roses are red."},
    ),
    "document of blocks": (
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "Roses."}]},
        },
        {"type": "text", "content": "Roses."},
    ),
    "document by id": (
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "file", "modality": "document", "file_id": "file_1"},
    ),
    "file for a container": (
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "file", "modality": "document", "file_id": "file_1"},
    ),
    "search result": (
        {
            "type": "search_result",
            "source": "s",
            "title": "t",
            "content": [{"type": "text", "text": "Roses."}],
        },
        {"type": "text", "content": "Roses."},
    ),
    "image of a tool's": (
        {
            "type": "tool_result",
            "tool_use_id": "1",
            "content": [
                {"type": "text", "text": "A rose."},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": BYTES},
                },
            ],
        },
        {
            "type": "tool_call_response",
            "id": "1",
            "response": [
                {"type": "text", "content": "A rose."},
                {
                    "type": "blob",
                    "modality": "image",
                    "mime_type": "image/png",
                    "content": "",
                    "size": 200,
                },
            ],
        },
    ),
    "failed tool": (
        {"type": "tool_result", "tool_use_id": "1", "is_error": True, "content": "No roses."},
        {"type": "tool_call_response", "id": "1", "response": "No roses."},
    ),
    "block of the future": ({"type": "hologram", "data": BYTES}, {"type": "hologram"}),
}


@pytest.mark.instrument(capture="both")
@pytest.mark.parametrize("name", SENT)
def test_sent(telemetry: Telemetry, name: str) -> None:
    """Each kind of block is told by what it is; bytes by their size."""
    block, expected = SENT[name]
    ask(Server("message_text.json"), messages=[{"role": "user", "content": [block]}])
    [message] = json.loads(telemetry.attributes["gen_ai.input.messages"])
    assert message["parts"] == [expected]
    assert BYTES not in telemetry.everything()


@pytest.mark.instrument(capture="span")
def test_the_answer_sent_back(telemetry: Telemetry) -> None:
    """The client's own blocks of an earlier answer are told as the plain data that they stand for."""
    said: list[Any] = []

    def talk(client: Any) -> None:
        answer = client.messages.create(**HELLO)
        said.append({"role": "assistant", "content": answer.content})
        client.messages.create(**{**HELLO, "messages": [*HELLO["messages"], *said]})

    play(Server("message_thinking.json", "message_text.json"), (talk, talk), False)
    told = json.loads((telemetry.spans[1].attributes or {})["gen_ai.input.messages"])
    earlier = json.loads((telemetry.spans[0].attributes or {})["gen_ai.output.messages"])
    assert told[1]["parts"] == earlier[0]["parts"]
    assert [part["type"] for part in told[1]["parts"]] == ["reasoning", "text"]


def message(*content: Any, **more: Any) -> dict[str, Any]:
    """A whole answer of these blocks."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-flowers",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 3},
        **more,
    }


def result(kind: str, content: Any) -> dict[str, Any]:
    """What a tool of the provider's has found."""
    return {"type": f"{kind}_tool_result", "tool_use_id": "s1", "content": content}


def found(kind: str, content: Any) -> dict[str, Any]:
    """The same as a part."""
    return {
        "type": "server_tool_call_response",
        "id": "s1",
        "server_tool_call_response": {"type": kind, "content": content},
    }


CITED = {
    "type": "char_location",
    "cited_text": "Roses are red.",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 14,
}
GIVEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cited text": (
        {"type": "text", "text": "They are red.", "citations": [CITED]},
        {"type": "text", "content": "They are red."},
    ),
    "thought": (
        {"type": "thinking", "thinking": "Red?", "signature": BYTES},
        {"type": "reasoning", "content": "Red?"},
    ),
    "redacted thought": (
        {"type": "redacted_thinking", "data": BYTES},
        {"type": "reasoning", "content": ""},
    ),
    "call of a server's tool": (
        {
            "type": "mcp_tool_use",
            "id": "s1",
            "name": "look",
            "server_name": "shop",
            "input": {"at": "roses"},
        },
        {
            "type": "server_tool_call",
            "id": "s1",
            "name": "look",
            "server_tool_call": {"type": "look", "arguments": {"at": "roses"}},
        },
    ),
    "search": (
        result(
            "web_search",
            [
                {
                    "type": "web_search_result",
                    "title": "Roses",
                    "url": "https://example.com/",
                    "encrypted_content": BYTES,
                    "page_age": None,
                }
            ],
        ),
        found(
            "web_search",
            [{"type": "web_search_result", "title": "Roses", "url": "https://example.com/"}],
        ),
    ),
    "fetched document": (
        result(
            "web_fetch",
            {"type": "web_fetch_result", "content": {"type": "document", "source": PDF}},
        ),
        found(
            "web_fetch",
            {
                "type": "web_fetch_result",
                "content": {
                    "type": "document",
                    "source": {
                        "type": "base64",
                        "media_type": "application/pdf",
                        "data": "",
                        "size": 200,
                    },
                },
            },
        ),
    ),
    "compaction": (
        {"type": "compaction", "content": "Roses."},
        {"type": "compaction", "content": "Roses."},
    ),
    "block of the future": ({"type": "hologram", "data": BYTES}, {"type": "hologram"}),
}


@pytest.mark.instrument(capture="both")
@pytest.mark.parametrize("name", GIVEN)
def test_given(telemetry: Telemetry, name: str) -> None:
    """Each kind of block is told by what it is, without bytes and what is encrypted."""
    block, expected = GIVEN[name]
    ask(Server(message(block)), path="beta.messages.create")
    [told] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    [part] = told["parts"]
    assert {key: part[key] for key in expected} == expected
    assert BYTES not in telemetry.everything()


def events(*blocks: tuple[Any, list[Any]], usage: Any = None, **ending: Any) -> list[bytes]:
    """A stream of blocks, each of what it begins with and what is added."""
    told: list[Any] = [{"type": "message_start", "message": message(stop_reason=None)}]
    for index, (start, deltas) in enumerate(blocks):
        told.append({"type": "content_block_start", "index": index, "content_block": start})
        told += [
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        ]
        told.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": "end_turn", "stop_sequence": None, **ending}
    told.append({"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 9}})
    told.append({"type": "message_stop"})
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in told]


def reading() -> tuple[Way, Way]:
    """A stream of the beta API, read to its end."""

    async def aread(client: Any) -> None:
        _ = [event async for event in await client.beta.messages.create(**STREAM)]

    return lambda client: list(client.beta.messages.create(**STREAM)), aread


@pytest.mark.instrument(capture="span")
@both
def test_given_in_pieces(telemetry: Telemetry, asynchronous: bool) -> None:
    """Blocks that arrive in a stream come to the same parts, and what belongs to none of them adds nothing."""
    thought = [{"type": "thinking_delta", "thinking": text} for text in ("Red", "?")]
    signed = [*thought, {"type": "signature_delta", "signature": BYTES}]
    arguments = [
        {"type": "input_json_delta", "partial_json": text}
        for text in ('{"url": ', '"https://example.com/"}')
    ]
    cited = [{"type": "text_delta", "text": "Red."}, {"type": "citations_delta", "citation": CITED}]
    pieces = events(
        (
            {"type": "compaction", "content": None},
            [{"type": "compaction_delta", "content": "So far: roses."}],
        ),
        ({"type": "thinking", "thinking": "", "signature": ""}, signed),
        ({"type": "redacted_thinking", "data": BYTES}, []),
        ({"type": "text", "text": "", "citations": []}, cited),
        ({"type": "server_tool_use", "id": "s1", "name": "web_fetch", "input": {}}, arguments),
        ({"type": "hologram"}, [{"type": "hologram_delta", "light": 3}]),
    )
    play(Server(pieces), reading(), asynchronous)
    [told] = json.loads(telemetry.attributes["gen_ai.output.messages"])
    asked = {"type": "web_fetch", "arguments": {"url": "https://example.com/"}}
    assert told["parts"] == [
        {"type": "compaction", "content": "So far: roses."},
        {"type": "reasoning", "content": "Red?"},
        {"type": "reasoning", "content": ""},
        {"type": "text", "content": "Red."},
        {"type": "server_tool_call", "id": "s1", "name": "web_fetch", "server_tool_call": asked},
        {"type": "hologram"},
    ]


MORE = {
    "container": {"id": "container_1", "expires_at": "2027-01-01T00:00:00Z"},
    "context_management": {"applied_edits": []},
    "stop_details": {"type": "refusal", "category": "cyber", "explanation": "whisper-explained"},
}


@both
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_what_else_an_answer_says(telemetry: Telemetry, streamed: bool, asynchronous: bool) -> None:
    """What newer answers say beside the content neither disturbs nor gets into telemetry."""
    ending = {"stop_reason": "refusal", **MORE}
    if streamed:
        play(Server(events(**ending)), reading(), asynchronous)
    else:
        ask(Server(message(**ending)), asynchronous, path="beta.messages.create")
    assert telemetry.attributes["gen_ai.response.finish_reasons"] == ("refusal",)
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert "whisper" not in telemetry.everything()


TIERED = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 1000,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 5,
    "service_tier": "standard",
}


@pytest.mark.instrument(cost=True)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_caches_for_an_hour(telemetry: Telemetry, streamed: bool) -> None:
    """What is kept for an hour is written at a price of its own, once."""
    pytest.importorskip("genai_prices")
    request = {**HELLO, "model": "claude-haiku-4-5"}
    if streamed:
        counts = {"output_tokens": 5, "cache_creation_input_tokens": 300}
        pieces = events(usage=counts)
        start = {
            "type": "message_start",
            "message": message(usage=TIERED, model="claude-haiku-4-5"),
        }
        pieces[0] = f"event: message_start\ndata: {json.dumps(start)}\n\n".encode()
        play(
            Server(pieces),
            (lambda client: list(client.messages.create(**request, stream=True)),) * 2,
            False,
        )
    else:
        ask(Server(message(usage=TIERED, model="claude-haiku-4-5")), **request)
    callspan.flush()
    attributes = telemetry.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 1310
    assert attributes["gen_ai.usage.cache_creation.input_tokens"] == 300
    assert attributes["callspan.cost.usd"] == pytest.approx(
        (10 * 1 + 1000 * 0.1 + 100 * 1.25 + 200 * 2 + 5 * 5) / 1e6
    )


@pytest.mark.instrument(capture="span")
@pytest.mark.skipif(
    not hasattr(anthropic.resources.messages.Messages, "parse"),
    reason="a version of the client without parse",
)
@both
def test_parse(telemetry: Telemetry, asynchronous: bool) -> None:
    """An answer that the client makes an object of is one call, which says that JSON was asked for."""
    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    found: list[Any] = []

    async def aparse(client: Any) -> None:
        found.append((await client.messages.parse(**HELLO, output_format=City)).parsed_output)

    def parse(client: Any) -> None:
        found.append(client.messages.parse(**HELLO, output_format=City).parsed_output)

    play(
        Server(message({"type": "text", "text": '{"name": "Paris"}'})),
        (parse, aparse),
        asynchronous,
    )
    assert found == [City(name="Paris")]
    assert telemetry.attributes["gen_ai.output.type"] == "json"
