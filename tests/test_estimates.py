"""Token counts that callspan works out where the provider has left them out."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import openai
import pytest

import callspan
from callspan.accounting.prices import table
from callspan.accounting.tokens import encoding, ranks
from callspan.accounting.tokens.estimator import estimator
from callspan.cli import main
from callspan.runtime.background import Worker
from callspan.testing.modelserver import Counts, ModelServer, Reply
from clients import anthropic_at, async_openai_client
from program import CHAT, HELLO, WITH_USAGE, Program
from telemetry import Telemetry

O200K = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
BUNDLES = [
    ("litellm", "litellm_core_utils/tokenizers"),
    ("llama_index", "core/_static/tiktoken_cache"),
]
SAID = "Roses last four days, carnations twelve."
SILENT = Reply(text=SAID, usage=False)
EXACT, ROUGH = (12, 9), (14, 10)
"""Input and output tokens of `HELLO` and `SAID`: by tiktoken, with the chat format's overhead, and by the bytes."""


def _folders() -> Iterator[Path]:
    if os.environ.get("TIKTOKEN_CACHE_DIR"):
        yield Path(os.environ["TIKTOKEN_CACHE_DIR"])
    for package, inside in BUNDLES:
        spec = PathFinder.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place, inside)


BUNDLED = next(
    (folder for folder in _folders() if (folder / ranks.file_name(O200K)).exists()), None
)


@pytest.fixture(autouse=True)
def no_ranks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No rank file is found on this machine, whatever there is."""
    monkeypatch.setattr(ranks, "_BUNDLES", ())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    encoding.forget()
    yield
    assert callspan.flush()
    encoding.forget()


@pytest.fixture
def with_ranks(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rank files of a package that brings them along."""
    if BUNDLED is None:
        pytest.skip(
            "no installed package brings tiktoken's rank files: install llama-index-core or litellm"
        )
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(BUNDLED))
    return BUNDLED


def usage_of(telemetry: Telemetry) -> tuple[Any, Any, Any]:
    """Input, output and source on the one span."""
    assert callspan.flush()
    attributes = telemetry.attributes
    return tuple(
        attributes.get(name)
        for name in (
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "callspan.usage.source",
        )
    )


def estimated(telemetry: Telemetry) -> dict[str, int]:
    """What the metric of estimates has summed up, by token type."""
    points = telemetry.points("callspan.estimated.tokens")
    return {point["attributes"]["callspan.token.type"]: point["value"] for point in points}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("exact", [True, False], ids=["tiktoken", "heuristic"])
@pytest.mark.instrument(estimate="missing")
def test_silent_provider(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    request: pytest.FixtureRequest,
    stream: bool,
    exact: bool,
) -> None:
    """What a provider leaves out is on the span, marked, and in a metric of its own, never in the conventions' ones."""
    if exact:
        request.getfixturevalue("with_ranks")
    model_server.enqueue(SILENT)
    (program.stream if stream else program.chat)()
    tokens = EXACT if exact else ROUGH
    assert usage_of(telemetry) == (*tokens, "tiktoken" if exact else "heuristic")
    assert estimated(telemetry) == {"input": tokens[0], "output": tokens[1]}
    assert telemetry.tokens == {}
    assert SAID not in telemetry.everything()
    assert HELLO[0]["content"] not in telemetry.everything()


def test_off_by_default(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """Spans and metrics state nothing that nobody stated, also while somebody counts."""
    model_server.enqueue(SILENT)
    with callspan.count_tokens() as count:
        program.stream()
    assert usage_of(telemetry) == (None, None, None)
    assert estimated(telemetry) == telemetry.tokens == {}
    assert (count.estimated_input, count.estimated_output) == ROUGH


def test_counters_show_estimates_apart(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """`count_tokens()` keeps what was stated and what was estimated apart, in all and by model."""
    model_server.enqueue(SILENT, Reply(usage=Counts(3, 2)), SILENT)
    with callspan.count_tokens() as count:
        program.stream()
        program.chat(model="gpt-5")
        program.chat(model="gpt-5")
    assert (count.calls, count.unknown_calls, count.input, count.output) == (3, 2, 3, 2)
    assert (count.estimated_input, count.estimated_output) == (2 * ROUGH[0], 2 * ROUGH[1])
    of_model = count.by_model["gpt-5"]
    assert (of_model.input, of_model.estimated_input, of_model.estimated_output) == (3, *ROUGH)


@pytest.mark.instrument(estimate="missing")
def test_left_early(
    telemetry: Telemetry, program: Program, model_server: ModelServer, with_ranks: Path
) -> None:
    """A stream left early counts what was read of it."""
    model_server.enqueue(SILENT)
    chunks = program.stream(take=3)
    read = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert usage_of(telemetry)[0] == EXACT[0]
    assert usage_of(telemetry)[1] == encoding.encoding_for("gpt-4.1-mini").count(read) < EXACT[1]
    assert telemetry.attributes["callspan.outcome"] == "abandoned"


@pytest.mark.instrument(estimate="missing")
async def test_cancelled(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A stream whose task is cancelled counts what had come, and ends as cancelled."""
    gate, came = threading.Event(), asyncio.Event()
    model_server.enqueue(Reply(text=SAID, gate=gate, gate_after=3))

    async def read() -> None:
        async with async_openai_client(model_server.url) as client:
            async for chunk in await client.chat.completions.create(**CHAT, stream=True):
                if chunk.choices[0].delta.content:
                    came.set()

    task = asyncio.create_task(read())
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    sent, said, source = usage_of(telemetry)
    assert (sent, source, telemetry.attributes["callspan.outcome"]) == (
        ROUGH[0],
        "heuristic",
        "cancelled",
    )
    assert 0 < said < ROUGH[1]


@pytest.mark.instrument(estimate="missing")
def test_what_was_stated_stands(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Where the provider counts there is nothing to estimate, and nothing is marked."""
    program.chat()
    program.stream(**WITH_USAGE)
    assert callspan.flush()
    assert [
        span.attributes.get("callspan.usage.source") for span in telemetry.spans if span.attributes
    ] == [None, None]
    assert estimated(telemetry) == {}
    assert telemetry.tokens["input"] == model_server.ledger.total_told.input


@pytest.mark.instrument(estimate="missing")
def test_failed_calls_are_not_estimated(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """A call that was refused has used nothing that could be counted."""
    model_server.enqueue(Reply(status=400))
    with pytest.raises(openai.BadRequestError):
        program.chat()
    assert usage_of(telemetry) == (None, None, None)


@pytest.mark.instrument(estimate="missing")
@pytest.mark.parametrize("take", [None, 6], ids=["all", "early"])
def test_partly_stated(telemetry: Telemetry, model_server: ModelServer, take: int | None) -> None:
    """Anthropic states the input first and the output last: only what did not come is estimated."""
    model_server.enqueue(Reply(text=f"{SAID} " * 8, usage=Counts(40, 70)))
    with callspan.count_tokens() as count, anthropic_at(model_server.url) as client:
        stream = client.messages.create(
            model="claude-9", max_tokens=99, messages=HELLO, stream=True
        )
        for number, _ in enumerate(stream, 1):
            if number == take:
                break
    sent, said, source = usage_of(telemetry)
    assert (sent, source) == (40, None if take is None else "heuristic")
    assert said == 70 if take is None else 0 < said < 70
    assert (count.input, count.estimated_input) == (40, 0)
    assert count.output + count.estimated_output == said


@pytest.mark.instrument(estimate="missing")
def test_never_counted_in_the_path(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ranks are read and texts counted on a thread of callspan's, whatever the app runs on."""
    threads: list[str] = []

    def note(text: str) -> int:
        threads.append(threading.current_thread().name)
        return 1

    def load(_model: str | None) -> encoding.Encoding:
        return encoding.Encoding("heuristic", note)

    monkeypatch.setattr("callspan.accounting.tokens.estimator.encoding_for", load)
    model_server.enqueue(SILENT)
    program.stream()
    assert callspan.flush()
    assert set(threads) == {"callspan-tokens"}


def test_a_count_is_printed_with_its_estimates(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`print(count)` waits for them; a repr, which must not wait, says that a call is missing."""
    may_count = threading.Event()

    def load(_model: str | None) -> encoding.Encoding:
        may_count.wait()
        return encoding.GUESS

    monkeypatch.setattr("callspan.accounting.tokens.estimator.encoding_for", load)
    model_server.enqueue(SILENT)
    with callspan.count_tokens() as count:
        program.stream()
    line = "<TokenCount: 1 call, 0 input and 0 output tokens, 1 of unknown size>"
    assert repr(count) == line
    may_count.set()
    assert str(count) == f"<TokenCount: 1 call, ~{ROUGH[0]} input and ~{ROUGH[1]} output tokens>"


@pytest.mark.instrument(estimate="missing")
def test_nothing_is_downloaded(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without ranks no address but the model's is looked up, and the count is a quarter of the bytes."""
    asked: list[Any] = []
    look_up = __import__("socket").getaddrinfo

    def note(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", note)
    model_server.enqueue(SILENT)
    program.stream()
    assert usage_of(telemetry)[2] == "heuristic"
    assert {host.decode() if isinstance(host, bytes) else host for host in asked} <= {
        "127.0.0.1",
        "localhost",
    }
    assert "callspan tokens fetch" in encoding.problems["o200k_base"]


@pytest.mark.usefixtures("with_ranks")
def test_no_encoding_uses_a_loader_of_tiktoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """All encodings that tiktoken knows are described without its own loaders, which download."""
    from tiktoken import load
    from tiktoken_ext.openai_public import ENCODING_CONSTRUCTORS

    downloads: list[Any] = []
    monkeypatch.setattr(load, "read_file_cached", lambda *args: downloads.append(args))
    for name in ENCODING_CONSTRUCTORS:
        address, _ = ranks.source_of(name)
        assert address.endswith(".tiktoken")
    assert downloads == []


@pytest.mark.instrument(estimate="missing")
def test_damaged_file(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A damaged rank file is passed over and left where it is; the doctor names it."""
    damaged = tmp_path / ranks.file_name(O200K)
    damaged.write_bytes(b"AA== 0\n")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    model_server.enqueue(SILENT)
    program.stream()
    assert usage_of(telemetry)[2] == "heuristic"
    assert damaged.read_bytes() == b"AA== 0\n"
    assert f"{damaged} is damaged" in encoding.problems["o200k_base"]


@pytest.mark.instrument(estimate="missing")
def test_special_tokens_are_text(
    telemetry: Telemetry, program: Program, model_server: ModelServer, with_ranks: Path
) -> None:
    """A conversation about `<|endoftext|>` is counted as any other."""
    model_server.enqueue(Reply(text="<|endoftext|> ends a text", usage=False))
    program.chat(messages=[{"role": "user", "content": "What is <|endoftext|>?"}])
    assert usage_of(telemetry) == (16, 10, "tiktoken")


@pytest.mark.instrument(estimate="missing")
@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o", "o9-mini", "llama-9", "claude-x"])
def test_unknown_models(
    telemetry: Telemetry, program: Program, model_server: ModelServer, with_ranks: Path, model: str
) -> None:
    """A provider's prefix and models that tiktoken does not know are counted with the newest ranks."""
    model_server.enqueue(SILENT)
    program.chat(model=model)
    assert usage_of(telemetry) == (*EXACT, "tiktoken")


@pytest.mark.instrument(estimate="missing")
def test_images_are_named(
    telemetry: Telemetry, program: Program, model_server: ModelServer
) -> None:
    """Input for which there is no rule is left out and named."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    model_server.enqueue(SILENT)
    program.chat(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": HELLO[0]["content"]}, picture]}
        ]
    )
    assert usage_of(telemetry)[0] == ROUGH[0]
    assert telemetry.attributes["callspan.usage.not_counted"] == ("image",)


@pytest.mark.instrument(estimate="missing")
def test_tools_and_their_results(
    telemetry: Telemetry, program: Program, model_server: ModelServer, with_ranks: Path
) -> None:
    """Definitions of functions, calls of them and what they gave belong to the input."""
    properties = {"name": {"type": "string", "description": "a flower", "enum": ["rose", "tulip"]}}
    tool = {
        "name": "days",
        "description": "How long it lasts.",
        "parameters": {"properties": properties},
    }
    asked = {
        "id": "1",
        "type": "function",
        "function": {"name": "days", "arguments": '{"name":"rose"}'},
    }
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [asked]},
        {"role": "tool", "tool_call_id": "1", "content": "four"},
    ]
    model_server.enqueue(SILENT, SILENT, SILENT)
    program.chat()
    program.chat(messages=messages)
    program.chat(messages=messages, tools=[{"type": "function", "function": tool}])
    assert callspan.flush()
    sent = [
        span.attributes["gen_ai.usage.input_tokens"] for span in telemetry.spans if span.attributes
    ]
    assert sent == sorted(set(sent))
    assert sent[0] == EXACT[0]
    assert sent[2] - sent[1] > 30


@pytest.mark.instrument(estimate="missing")
def test_the_app_may_change_its_messages(
    telemetry: Telemetry,
    client: openai.OpenAI,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is counted is what was sent, though the app appends to its list before the counting begins."""
    hold = threading.Event()
    monkeypatch.setattr(
        "callspan.accounting.tokens.estimator.encoding_for",
        lambda _: hold.wait(20) and encoding.GUESS,
    )
    messages = list(HELLO)
    model_server.enqueue(SILENT)
    client.chat.completions.create(model="gpt-4.1-mini", messages=messages)
    messages.append({"role": "assistant", "content": SAID * 100})
    hold.set()
    assert usage_of(telemetry)[0] == ROUGH[0]


def test_text_is_let_go(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """What was kept for counting alone is gone when the call has ended."""

    class Silent:
        needs_text = False

        def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
            calls.append(call)

    calls: list[callspan.Call] = []
    model_server.enqueue(SILENT)
    with callspan.use_handlers(Silent()), callspan.count_tokens():
        program.stream()
    assert callspan.flush()
    (call,) = calls
    assert call.response.text == ""
    assert call.estimate is not None
    assert (call.estimate.sent, call.estimate.received) == (None, None)


@pytest.mark.guard_acts("more calls wait than are kept")
@pytest.mark.instrument(estimate="missing")
def test_what_waits_is_bounded(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    guard_reports: Any,
) -> None:
    """While too many calls wait to be counted, others end at once and without an estimate."""
    hold = threading.Event()
    monkeypatch.setattr(
        "callspan.accounting.tokens.estimator.encoding_for",
        lambda _: hold.wait(20) and encoding.GUESS,
    )
    monkeypatch.setattr("callspan.accounting.tokens.estimator.WAITING", 1)
    model_server.enqueue(SILENT, SILENT)
    program.chat()
    program.chat()
    assert len(telemetry.spans) == 1
    hold.set()
    assert callspan.flush()
    assert len(telemetry.spans) == 2
    assert "not estimated" in guard_reports.messages[0]


@pytest.mark.guard_acts("counting fails")
@pytest.mark.instrument(estimate="missing")
@pytest.mark.parametrize("step", ["_take_input", "encoding_for"], ids=["reading", "counting"])
def test_a_fault_in_counting_costs_no_span(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """The span ends, without counts, whether the messages cannot be read or not be counted."""
    monkeypatch.setattr(f"callspan.accounting.tokens.estimator.{step}", lambda *_: 1 / 0)
    model_server.enqueue(SILENT)
    program.chat()
    assert usage_of(telemetry) == (None, None, None)


@pytest.mark.guard_acts("there can be no more threads")
@pytest.mark.instrument(estimate="missing", cost=True)
@pytest.mark.parametrize("reply", [SILENT, Reply(text=SAID)], ids=["no counts", "counts"])
def test_no_more_threads(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
) -> None:
    """Where no thread can be started the app has its answer, and the span ends all the same."""

    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("callspan-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(estimator, "_worker", Worker("callspan-tokens"))
    monkeypatch.setattr(table, "_worker", Worker("callspan-prices"))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    model_server.enqueue(reply)
    assert program.chat().choices[0].message.content == SAID
    assert len(telemetry.spans) == 1
    assert usage_of(telemetry)[2] is None


@contextmanager
def mirror(content: bytes, wait: threading.Event | None = None) -> Iterator[str]:
    """A server of rank files on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if wait is not None:
                wait.wait(20)
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`callspan tokens fetch` puts the files where they are found afterwards, if they are what tiktoken expects."""
    content = b"AA== 0\n"
    monkeypatch.setattr(
        ranks, "source_of", lambda name: (f"http://none.test/{name}.tiktoken", _hash(content))
    )
    assert main(["tokens"]) == 0
    assert "a quarter of the bytes" in capsys.readouterr().out
    with mirror(content) as url:
        assert main(["tokens", "fetch", "--from", url]) == 0
    shown = capsys.readouterr().out
    assert shown.count("tiktoken  ") == 2
    assert str(ranks.own_folder()) in shown


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("case", ["other file", "slow", "nobody there", "no address"])
def test_fetch_fails_in_one_line(capsys: pytest.CaptureFixture[str], case: str) -> None:
    """A wrong file, a slow server and a wrong address are one line each, and leave nothing behind."""
    wait = threading.Event()
    with mirror(b"AA== 0\n", wait if case == "slow" else None) as url:
        address = {"nobody there": "http://127.0.0.1:1", "no address": "nowhere"}.get(case, url)
        assert (
            main(
                [
                    "tokens",
                    "fetch",
                    "--from",
                    address,
                    "--timeout",
                    "0.3" if case == "slow" else "20",
                ]
            )
            == 2
        )
        wait.set()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "mirror" in said
    assert not ranks.own_folder().exists()


def test_ranks_are_found_in_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, with_ranks: Path
) -> None:
    """A package that brings rank files along serves them, without being imported."""
    home = tmp_path / "site" / "bringer" / "ranks"
    home.mkdir(parents=True)
    (home.parent / "__init__.py").write_text("raise AssertionError('imported')")
    shutil.copy(with_ranks / ranks.file_name(O200K), home)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.syspath_prepend(str(home.parent.parent))
    monkeypatch.setattr(ranks, "_BUNDLES", (("bringer", "ranks"),))
    assert encoding.encoding_for("gpt-4o").count("hello world") == 2


def test_the_estimator_waits_for_nothing_when_idle(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """While nothing is being counted, nobody waits for whatever else is still done on the estimator's thread."""
    busy, gate, over = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        """Hears of the estimate, and takes its time with it."""

        def on_end(self, call: callspan.Call, _response: callspan.Response) -> None:
            """Ask to be called when the estimate is there."""
            assert call.estimate is not None
            call.estimate.then(self._work)

        def _work(self) -> None:
            busy.set()
            gate.wait(20)
            over.set()

    with callspan.use_handlers(Slow()), callspan.count_tokens():
        list(client.chat.completions.create(**CHAT, stream=True))
    assert busy.wait(20)
    estimator.wait(60)
    assert not over.is_set()
    gate.set()
    assert over.wait(20)
