"""What the model server answers to requests that no client should send: a refusal in the provider's words."""

from __future__ import annotations

import copy
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from callspan.testing.modelserver import ModelServer
from callspan.testing.modelserver.routes import FORMATS
from sound_requests import SOUND, post, send

CHAT = "/v1/chat/completions"
SPOKEN = SOUND[CHAT]
HEAD = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n"
FORM = "content-type: multipart/form-data; boundary=b"
FILE = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nID3\r\n'
MODEL = '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
TRANSCRIPTIONS = "/v1/audio/transcriptions"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(autouse=True)
def silence(server: ModelServer, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """After each test the server still answers, and it has printed nothing."""
    yield
    assert send(server, post(CHAT, SPOKEN)).status == 200
    assert capfd.readouterr() == ("", "")


def message(path: str, answer: Any) -> str:
    """What an error says, read as the client of the path's format reads it."""
    if path.startswith(("/v1beta", "/v1/projects")):
        return answer["error"]["message"]
    if path.startswith("/v1/messages"):
        assert answer["type"] == "error"
        return answer["error"]["message"]
    if path.startswith("/api") or path in ("/generate", "/features"):
        return answer["error"]
    if path.startswith(("/v2", "/mistral", "/model")) or path in (
        "/v1/chat",
        "/v1/embed",
        "/v1/rerank",
    ):
        return answer["message"]
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    return answer["error"]["message"]


# --- every endpoint ---


def test_every_endpoint_has_a_sound_request(server: ModelServer) -> None:
    """The requests that are spoiled below are answered as they are, at every endpoint that there is."""
    seen = {
        (index, wire_format.endpoint_name(path))
        for path in SOUND
        for index, wire_format in enumerate(FORMATS)
    }
    assert seen >= {
        (index, name) for index, wire_format in enumerate(FORMATS) for name in wire_format.endpoints
    }
    statuses = {path: send(server, post(path, body)).status for path, body in SOUND.items()}
    assert statuses == dict.fromkeys(SOUND, 200)


BROKEN: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"{",
    "binary": bytes(range(256)),
    "no UTF-8": b'{"model": "\xff"}',
    "an array": [],
    "a string": "a",
    "a number": 1,
    "null": None,
    "an empty object": {},
    "deep arrays": b"[" * 100_000,
    "a deep field": b'{"model": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a field deeper than Python calls": b'{"model": "m", "metadata": '
    + b'{"a":' * 930
    + b"1"
    + b"}" * 931,
    "a number that is none": b'{"model": "m", "temperature": NaN}',
    "a number without end": b'{"model": "m", "temperature": 1e999}',
    "a number of many digits": b'{"model": "m", "n": ' + b"1" * 5000 + b"}",
}


@pytest.mark.parametrize("path", SOUND)
@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_body_that_cannot_be_read_is_refused(server: ModelServer, path: str, body: Any) -> None:
    """Every endpoint refuses a body that is no JSON object, in the words of its format."""
    if body == {} and path in OPTIONAL:
        return
    answer = send(server, post(path, body))
    assert answer.status == 400
    assert message(path, answer.json)


# All fields of these may be left out.
OPTIONAL = (
    "/v1/responses",
    "/v1/embed",
    "/v1beta/models/m:countTokens",
    "/model/m/converse",
    "/model/m/converse-stream",
    "/model/m/invoke",
    "/model/m/invoke-with-response-stream",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value in a JSON text stands."""
    if path:
        yield path
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in pairs:
        yield from places(child, (*path, key))


def replaced(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy of a JSON text with another value in one place."""
    made = copy.deepcopy(body)
    within = made
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = value
    return made


NUMBERS = (True, 0, -1, 10**30, 0.5, 1e300)
ODD = (None, *NUMBERS, "", "odd", "\ud800", [], [None], [[]], [1], ["a"], {}, {"a": 1}, {"type": 5})


@pytest.mark.parametrize("path", SOUND)
def test_a_value_of_another_type_in_any_place(server: ModelServer, path: str) -> None:
    """Any value of any type in any place of a request is answered, by what was asked for or by a refusal."""
    for place in places(SOUND[path]):
        for value in ODD:
            answer = send(server, post(path, replaced(SOUND[path], place, value)))
            assert answer.status in (200, 400), (place, value, answer)
            assert answer.status == 200 or message(path, answer.json), (place, value)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (CHAT, {"n": "2"}, "n"),
    (CHAT, {"n": 129}, "n"),
    (CHAT, {"n": 2_000_000}, "n"),
    (CHAT, {"n": 0}, "n"),
    (CHAT, {"n": True}, "n"),
    (CHAT, {"n": 1.5}, "n"),
    (CHAT, {"max_tokens": -1}, "max_tokens"),
    (CHAT, {"max_tokens": 10**12}, "max_tokens"),
    (CHAT, {"stream": "yes"}, "stream"),
    (CHAT, {"stream_options": 5}, "stream_options"),
    (CHAT, {"temperature": 2.1}, "temperature"),
    (CHAT, {"model": 5}, "model"),
    (CHAT, {"model": "m" * 1000}, "model"),
    (CHAT, {"messages": []}, "messages"),
    (CHAT, {"messages": "Hi"}, "messages"),
    (CHAT, {"messages": [5]}, "messages[0]"),
    (CHAT, {"messages": [{}]}, "messages[0].role"),
    (CHAT, {"messages": [{"role": "judge"}]}, "messages[0].role"),
    (CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    (CHAT, {"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages[0].content[0].text",
    ),
    (CHAT, {"tools": "all"}, "tools"),
    (CHAT, {"tools": [None]}, "tools[0]"),
    (CHAT, {"tools": [{"type": "function"}]}, "tools[0].function"),
    (CHAT, {"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    (CHAT, {"tools": SPOKEN["tools"] * 129}, "tools"),
    (CHAT, {"tool_choice": 5}, "tool_choice"),
    ("/v1/completions", {"prompt": [{}]}, "prompt[0]"),
    ("/v1/completions", {"n": 2_000_000}, "n"),
    ("/v1/embeddings", {"dimensions": -5}, "dimensions"),
    ("/v1/embeddings", {"dimensions": 10**9}, "dimensions"),
    ("/v1/embeddings", {"dimensions": 3073}, "dimensions"),
    ("/v1/embeddings", {"input": ["a"] * 2049}, "input"),
    ("/v1/embeddings", {"input": [None]}, "input[0]"),
    ("/v1/images/generations", {"n": 11}, "n"),
    ("/v1/audio/speech", {"input": "a" * 4097}, "input"),
    ("/v1/moderations", {"input": 5}, "input"),
    ("/v1/responses", {"tools": [{"type": "function", "name": 5}]}, "tools[0].name"),
    ("/v1/responses", {"input": 5}, "input"),
    ("/mistral/v1/embeddings", {"output_dimension": 10**9}, "output_dimension"),
]


@pytest.mark.parametrize(("path", "fields", "field"), REFUSED, ids=str)
def test_a_refusal_names_the_field(
    server: ModelServer, path: str, fields: dict[str, Any], field: str
) -> None:
    """A value that the provider's API would not take is refused, and the error says where it stands."""
    answer = send(server, post(path, {**SOUND[path], **fields}))
    error = answer.json if path.startswith("/mistral") else answer.json["error"]
    assert (answer.status, error["param"]) == (400, field)


BOUNDED: list[tuple[str, str, Any]] = [
    ("/v1/messages", "max_tokens", -1),
    ("/v1beta/models/m:generateContent", "generationConfig.candidateCount", 1000),
    ("/v1beta/models/m:batchEmbedContents", "requests[0].outputDimensionality", 10**9),
    ("/v1/projects/p/models/m:predict", "parameters.sampleCount", 10**9),
    ("/v2/embed", "output_dimension", 10**9),
    ("/v1/rerank", "top_n", -1),
    ("/api/embed", "dimensions", 10**9),
    ("/generate", "parameters.max_new_tokens", -1),
    ("/model/m/converse", "inferenceConfig.maxTokens", -1),
    ("/model/m/invoke-with-response-stream", "n", 10**9),
]


@pytest.mark.parametrize(("path", "field", "value"), BOUNDED)
def test_bounds_of_other_formats(server: ModelServer, path: str, field: str, value: int) -> None:
    """Every format has bounds, and its error says which field is past them."""
    place = tuple(
        int(part) if part.isdigit() else part
        for part in field.replace("[", ".").replace("]", "").split(".")
    )
    answer = send(server, post(path, replaced(SOUND[path], place, value)))
    assert answer.status == 400
    assert f"'{field}'" in message(path, answer.json)


def test_the_largest_answers_are_small(server: ModelServer) -> None:
    """What the model says is short, however long the question is and however many answers are asked for."""
    long = "word " * 500_000 + "9" * 5000
    parameters = {"properties": {f"field_{at}": {"type": "integer"} for at in range(10_000)}}
    tools = [
        {"type": "function", "function": {"name": f"word_{at}", "parameters": parameters}}
        for at in range(20)
    ]
    request: dict[str, Any] = {"model": "m", "n": 128, "stream": True}
    for more in (
        {"messages": [{"role": "tool", "content": long}]},
        {"messages": [{"role": "user", "content": long}], "tools": tools},
    ):
        answer = send(server, post(CHAT, {**request, **more}))
        assert answer.status == 200
        assert len(answer.body) < 50_000_000
    vectors = send(
        server, post("/v1/embeddings", {"model": "m", "input": ["a"] * 2048, "dimensions": 3072})
    )
    assert len(vectors.json["data"]) == 2048


# --- paths and methods ---


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", CHAT, 405, "POST"),
        ("PUT", "/v1/messages", 405, "POST"),
        ("DELETE", "/v1/models", 405, "GET"),
        ("POST", "/v1/responses/resp_1", 405, "GET"),
        ("BREW", "/api/chat", 405, "POST"),
        ("OPTIONS", "/v1beta/models/m:generateContent", 405, "POST"),
        ("BREW", "/", 404, None),
        ("POST", "/v1/chat/completions/", 404, None),
        ("POST", "/v1beta/models/m:sing", 404, None),
        ("POST", "/v2/sing", 404, None),
        ("GET", "/api/version", 404, None),
        ("POST", "/%ff%00/..//", 404, None),
        ("POST", "http://x/v9/sing", 404, None),
        ("GET", "http://x/v1/chat/completions", 405, "POST"),
    ],
)
def test_unknown_paths_and_methods(
    server: ModelServer, method: str, path: str, status: int, allow: str | None
) -> None:
    """A path that is not there is not found; where it is, the answer says which method it takes."""
    answer = send(server, post(path, SPOKEN).replace(b"POST", method.encode(), 1))
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert message(path, answer.json)


def test_a_head_request_has_no_body(server: ModelServer) -> None:
    """HTTP allows no body in the answer to HEAD, so none is sent."""
    answer = send(
        server, b"HEAD /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "HEAD"
    )
    assert (answer.status, answer.rest) == (405, b"")


# --- HTTP itself ---

WIRE: dict[str, tuple[str, int]] = {
    "a negative length": (HEAD + "content-length: -5\r\n\r\n", 400),
    "a length that is text": (HEAD + "content-length: five\r\n\r\n", 400),
    "a length in other digits": (HEAD + "content-length: \xb2\r\n\r\n", 400),
    "a length with a sign": (HEAD + "content-length: +2\r\n\r\n{}", 400),
    "an empty length": (HEAD + "content-length:\r\n\r\n", 400),
    "two lengths": (HEAD + "content-length: 2\r\ncontent-length: 3\r\n\r\n{} ", 400),
    "two lengths in one": (HEAD + "content-length: 2, 2\r\n\r\n{}", 400),
    "a length that is too large": (HEAD + "content-length: 99999999999\r\n\r\n", 413),
    "a length of many digits": (HEAD + f"content-length: {'9' * 5000}\r\n\r\n", 400),
    "more announced than sent": (HEAD + "content-length: 50\r\n\r\n{}", 400),
    "a length and chunks": (
        HEAD + "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "another encoding": (HEAD + "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "two encodings": (
        HEAD + "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a chunk whose size is text": (
        HEAD + "transfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
        400,
    ),
    "a chunk of negative size": (
        HEAD + "transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        400,
    ),
    "a chunk whose size Python reads": (
        HEAD + "transfer-encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
        400,
    ),
    "a chunk without size": (HEAD + "transfer-encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk that is too long": (
        HEAD + "transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
        400,
    ),
    "a chunk that is too large": (HEAD + "transfer-encoding: chunked\r\n\r\nfffffffff\r\n", 413),
    "chunks that break off": (HEAD + "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", 400),
    "a chunk that breaks off": (HEAD + "transfer-encoding: chunked\r\n\r\n9\r\n{}", 400),
    "trailers without end": (
        HEAD + "transfer-encoding: chunked\r\n\r\n0\r\n" + "a: b\r\n" * 200,
        400,
    ),
    "a huge header": (HEAD + f"x: {'a' * 70_000}\r\n\r\n", 431),
    "many headers": (HEAD + "x: a\r\n" * 200 + "\r\n", 431),
    "a header without a colon": (HEAD + "nonsense\r\ncontent-length: 2\r\n\r\n{}", 400),
    "a header's name with a blank": (HEAD + "content-length : 2\r\n\r\n{}", 400),
    "a huge path": (f"POST /{'a' * 70_000} HTTP/1.1\r\n\r\n", 414),
    "no HTTP": ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
    "an empty line": ("\r\n\r\n", 400),
    "an empty line before": ("\r\n" + HEAD + "content-length: 2\r\n\r\n{}", 400),
    "HTTP 0.9": ("GET /v1/nothing\r\n\r\n", 404),
    "HTTP 0.9 with a body": (f"POST {CHAT}\r\n\r\n", 400),
    "HTTP 2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a version that is none": (f"POST {CHAT} HTTP/one\r\n\r\n", 400),
    "too many words": ("POST /a b c HTTP/1.1\r\n\r\n", 400),
}


@pytest.mark.parametrize(("request_text", "status"), WIRE.values(), ids=WIRE)
def test_http_that_is_malformed(server: ModelServer, request_text: str, status: int) -> None:
    """What is no HTTP is answered by one refusal, after which the connection is closed."""
    answer = send(server, request_text.encode("latin-1"))
    assert answer.status == status
    assert message("", answer.json)
    assert answer.rest == b""


def test_a_body_that_is_not_awaited_does_not_cost_the_answer(server: ModelServer) -> None:
    """A client that goes on sending after it was refused still reads why."""
    sent = HEAD.encode() + b"content-length: 99999999999\r\n\r\n" + b"a" * 20_000_000
    assert send(server, sent).status == 413


def test_a_body_that_never_comes_is_given_up(server: ModelServer) -> None:
    """A client that falls silent in the middle of a body gets an answer after some time."""
    server.body_timeout = 0.05
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(HEAD.encode() + b"content-length: 50\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    server.body_timeout = 30


def test_a_connection_that_is_reset_is_not_remarked_on(server: ModelServer) -> None:
    """A client that breaks off in the middle of a body leaves no trace."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sendall(HEAD.encode() + b"content-length: 50\r\n\r\n{")
    connection.close()


# --- forms ---


def form(*parts: str | bytes) -> bytes:
    return b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)


def test_a_form_is_read(server: ModelServer) -> None:
    """A form with a text and a file is what a transcription is made of."""
    assert send(server, post(TRANSCRIPTIONS, form(MODEL, FILE, "--b--\r\n"), FORM)).status == 200
    assert server.requests[-1].json == {"model": "whisper-1", "file": b"ID3"}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (FORM, b""),
        (FORM, form(MODEL, FILE)),
        (FORM, form(MODEL, FILE[:-20])),
        (FORM, form(MODEL, FILE, "--b")),
        (FORM, form(MODEL, "--b\r\n\r\nno name\r\n--b--")),
        (FORM, form(MODEL, "--b\r\ncontent-disposition: form-data\r\n\r\nno name\r\n--b--")),
        (FORM, form(MODEL, FILE).replace(b"whisper-1", b"\xff\xfe")),
        (
            FORM,
            form(MODEL, b'--b\r\ncontent-disposition: form-data; name="\xff"\r\n\r\na\r\n--b--'),
        ),
        (
            FORM,
            form(
                MODEL,
                "--b\r\ncontent-disposition: form-data; name=file\r\nno end of headers\r\n--b--",
            ),
        ),
        (FORM, form(FILE, "--b--")),
        (FORM, form(MODEL, "--b--")),
        ("content-type: multipart/form-data", form(MODEL, FILE, "--b--")),
        ("content-type: multipart/form-data; boundary=", form(MODEL, FILE, "--b--")),
        ('content-type: multipart/form-data; boundary="', form(MODEL, FILE, "--b--")),
        ("content-type: multipart/form-data; boundary*=x'y'%ff", form(MODEL, FILE, "--b--")),
        ("content-type: application/x-www-form-urlencoded", b"model=%ff"),
        (FORM, json.dumps({"model": "m", "file": "a"}).encode()),
    ],
)
def test_a_form_that_is_malformed(server: ModelServer, header: str, body: bytes) -> None:
    """A form that breaks off, that is not UTF-8 or that lacks something is refused."""
    answer = send(server, post(TRANSCRIPTIONS, body, header))
    assert answer.status == 400
    assert message(TRANSCRIPTIONS, answer.json)
