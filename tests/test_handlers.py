"""Handlers of the user's own: on which scopes they hear, in which order, and that they cannot harm the app."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from opentelemetry import trace

import callspan
from callspan.testing.modelserver import ModelServer, Reply
from clients import openai_client
from program import CHAT, Program
from telemetry import Telemetry

ROSES = Reply(text="Roses are red.")


class Notes:
    """Hears everything, and notes it."""

    def __init__(self, name: str = "", shared: list[Any] | None = None) -> None:
        self.name = name
        self.heard: list[Any] = [] if shared is None else shared

    def on_start(self, call: callspan.Call) -> None:
        self.heard.append(("start", self.name, call.model))

    def on_token(self, call: callspan.Call, token: callspan.Token) -> None:
        self.heard.append(("token", self.name, token.text))

    def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
        self.heard.append(("end", self.name, response.text))

    def on_error(self, call: callspan.Call, error: BaseException) -> None:
        self.heard.append(("error", self.name, type(error).__name__))

    @property
    def kinds(self) -> list[str]:
        return [event[0] for event in self.heard]


STREAM = ["start", "token", "token", "token", "end"]


# --- three scopes ----------------------------------------------------------------------------------------------------


def test_all_calls(telemetry: Telemetry, program: Program, model_server: ModelServer) -> None:
    """A handler given to `instrument()` hears every call: its start, its tokens in order, its end."""
    notes = Notes()
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(ROSES, ROSES)
    program.stream()
    assert notes.kinds == STREAM
    assert "".join(event[2] for event in notes.heard if event[0] == "token") == "Roses are red."
    assert notes.heard[-1][2] == "Roses are red."
    notes.heard.clear()
    program.chat()
    assert notes.kinds == ["start", "end"]


def test_what_handlers_print(telemetry: Telemetry, program: Program) -> None:
    """A handler that prints what it gets shows one short line without content for each thing."""
    printed: list[str] = []

    class Printer:
        def on_start(self, call: callspan.Call) -> None:
            printed.append(f"{call}")

        def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
            printed.extend((f"{call}", f"{response}"))

    telemetry.instrument(handlers=[Printer()])
    usage = program.chat().usage
    assert usage is not None
    started, ended, answer = printed
    assert started == "<Call: chat gpt-4.1-mini, running>"
    assert ended == "<Call: chat gpt-4.1-mini, completed>"
    counts = f"Usage(input={usage.prompt_tokens}, output={usage.completion_tokens}, "
    assert answer.startswith(f"<Response: gpt-4.1-mini, {counts}")
    assert "None" not in answer


@pytest.mark.needs("responses")
def test_a_stream_that_repeats_itself(
    telemetry: Telemetry, client: openai.OpenAI, model_server: ModelServer
) -> None:
    """Where the last event of a stream repeats the whole answer, handlers do not hear it again."""
    notes = Notes()
    model_server.enqueue(ROSES)
    with callspan.use_handlers(notes):
        list(client.responses.create(model="gpt-4.1-mini", input="Roses?", stream=True))
    assert notes.kinds == STREAM
    assert notes.heard[-1][2] == "Roses are red."


def test_one_client(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A handler attached to a client hears that client's calls only."""
    notes = Notes()
    with openai_client(model_server.url) as one, openai_client(model_server.url) as other:
        callspan.attach(one, notes)
        one.chat.completions.create(**CHAT)
        other.chat.completions.create(**CHAT)
    assert notes.kinds == ["start", "end"]
    assert len(telemetry.spans) == 2


def test_one_client_dies(telemetry: Telemetry, model_server: ModelServer) -> None:
    """An attached handler lives no longer than its client."""
    notes = Notes()
    alive = weakref.ref(notes)
    client = openai_client(model_server.url)
    client_alive = weakref.ref(client)
    callspan.attach(client, notes)
    client.chat.completions.create(**CHAT)
    client.close()
    del client, notes
    for _ in range(2):  # what the client held may be found only once the client is gone
        gc.collect()
    assert (client_alive(), alive()) == (None, None)


def test_one_block(telemetry: Telemetry, program: Program) -> None:
    """A handler of a block hears the calls begun inside it, also in the tasks of an event loop that it starts."""
    notes = Notes()
    with callspan.use_handlers(notes):
        program.chat()
    program.chat()
    assert notes.kinds == ["start", "end"]


def test_one_block_stream_read_outside(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A stream begun inside a block is heard to its end, even when that is outside."""
    notes = Notes()
    with callspan.use_handlers(notes):
        stream = client.chat.completions.create(**CHAT, stream=True)
    list(stream)
    assert (notes.kinds[0], notes.kinds[-1]) == ("start", "end")


def test_blocks_nest(telemetry: Telemetry, program: Program) -> None:
    """An inner block adds to an outer one."""
    outer, inner = Notes(), Notes()
    with callspan.use_handlers(outer):
        with callspan.use_handlers(inner):
            program.chat()
        program.chat()
    assert (outer.kinds, inner.kinds) == (["start", "end"] * 2, ["start", "end"])


def test_block_in_threads(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A plain thread does not inherit a block; a function given to `carry` does."""
    notes = Notes()
    with callspan.use_handlers(notes):
        in_thread(lambda: client.chat.completions.create(**CHAT))
        assert notes.heard == []
        in_thread(callspan.carry(lambda: client.chat.completions.create(**CHAT)))
    assert notes.kinds == ["start", "end"]


def in_thread(target: Any) -> None:
    """Run something in a plain thread."""
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()


def test_given_twice(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """A handler that is given on all three scopes hears each event once."""
    notes = Notes()
    telemetry.instrument(handlers=[notes, notes])
    callspan.attach(client, notes)
    with callspan.use_handlers(notes):
        client.chat.completions.create(**CHAT)
    assert notes.kinds == ["start", "end"]


def test_order(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """Starts are told in the order given, and ends in the reverse, as contexts nest."""
    shared: list[Any] = []
    telemetry.instrument(handlers=[Notes("all", shared)])
    callspan.attach(client, Notes("client", shared))
    with callspan.use_handlers(Notes("block", shared)):
        client.chat.completions.create(**CHAT)
    assert [event[:2] for event in shared] == [
        ("start", "all"),
        ("start", "client"),
        ("start", "block"),
        ("end", "block"),
        ("end", "client"),
        ("end", "all"),
    ]


# --- what a handler may be -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["on_start", "on_token", "on_end", "on_error"])
def test_any_method_may_be_missing(
    telemetry: Telemetry, program: Program, model_server: ModelServer, event: str
) -> None:
    """A handler needs only the methods that it cares for."""
    heard: list[Any] = []
    handler = type("OnlyOne", (), {event: lambda _self, call, *_rest: heard.append(call.model)})()
    telemetry.instrument(handlers=[handler])
    model_server.enqueue(Reply(status=400) if event == "on_error" else ROSES)
    with contextlib.suppress(openai.BadRequestError):
        program.stream()
    assert heard == ["gpt-4.1-mini"] * (3 if event == "on_token" else 1)


def test_context_manager(telemetry: Telemetry, client: openai.OpenAI) -> None:
    """`on_start` may give a context manager, which is left again before the app goes on."""
    heard: list[Any] = []

    class Around:
        def on_start(self, call: callspan.Call) -> Any:
            return self.around()

        @contextlib.contextmanager
        def around(self) -> Iterator[None]:
            heard.append(("in", trace.get_current_span().is_recording()))
            yield
            heard.append(("out", trace.get_current_span().is_recording()))

    telemetry.instrument(handlers=[Around()])
    stream = client.chat.completions.create(**CHAT, stream=True)
    assert heard == [("in", True), ("out", True)]
    list(stream)
    assert len(heard) == 2


@pytest.mark.parametrize("reply", [Reply(status=429), Reply(cut_after=2)], ids=["refused", "cut"])
def test_errors(
    telemetry: Telemetry, program: Program, model_server: ModelServer, reply: Reply
) -> None:
    """A call that fails is told as an error, with the exception, and not as an end."""
    notes = Notes()
    telemetry.instrument(handlers=[notes])
    model_server.enqueue(reply)
    with pytest.raises(Exception) as caught:  # noqa: PT011  which one is the client's affair
        program.stream()
    assert (notes.kinds[0], notes.heard[-1][0]) == ("start", "error")
    assert notes.heard[-1][2] == caught.type.__name__
    assert "end" not in notes.kinds


def test_abandoned_is_an_end(telemetry: Telemetry, program: Program) -> None:
    """A stream that its reader left is told as an end, with what had been received."""
    notes = Notes()
    telemetry.instrument(handlers=[notes])
    program.stream(take=3)
    assert (notes.kinds[0], notes.kinds[-1]) == ("start", "end")
    assert notes.heard[-1][2]


# --- a handler that fails --------------------------------------------------------------------------------------------


class Failing:
    """Raises in one of its methods."""

    def __init__(self, event: str) -> None:
        setattr(self, event, self._fail)

    def _fail(self, *_event: Any) -> None:
        raise RuntimeError("the handler's own")


@pytest.mark.guard_acts("a handler raises")
@pytest.mark.parametrize("event", ["on_start", "on_token", "on_end", "on_error"])
def test_raising(
    telemetry: Telemetry,
    program: Program,
    model_server: ModelServer,
    guard_reports: Any,
    event: str,
) -> None:
    """A handler that raises is named in one log line; the app and the other handlers notice nothing."""
    notes = Notes()
    telemetry.instrument(handlers=[Failing(event), notes])
    failing = event == "on_error"
    model_server.enqueue(*[Reply(status=400) if failing else ROSES] * 2)
    for _ in range(2):
        with contextlib.suppress(openai.BadRequestError):
            program.stream()
    assert notes.kinds == (["start", "error"] if failing else STREAM) * 2
    [message] = guard_reports.messages
    assert f"Failing.{event}" in message


class Interrupted:
    """Ctrl-C comes while this hears."""

    def __init__(self, event: str) -> None:
        setattr(self, event, self._interrupt)

    def _interrupt(self, *_event: Any) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(("event", "outcome"), [("on_start", "cancelled"), ("on_end", "completed")])
def test_interrupt_within_a_handler(
    telemetry: Telemetry, client: openai.OpenAI, event: str, outcome: str
) -> None:
    """It reaches the app, and the call has its span all the same."""
    telemetry.instrument(handlers=[Interrupted(event)])
    with pytest.raises(KeyboardInterrupt):
        client.chat.completions.create(**CHAT)
    assert telemetry.attributes["callspan.outcome"] == outcome


@pytest.mark.parametrize(
    ("event", "heard"), [("on_start", ["start", "error"]), ("on_end", ["start", "end"])]
)
def test_handlers_beside_one_that_is_interrupted(
    telemetry: Telemetry, client: openai.OpenAI, event: str, heard: list[str]
) -> None:
    """Those that would have heard after it hear all the same."""
    before, behind = Notes(), Notes()
    telemetry.instrument(handlers=[before, Interrupted(event), behind])
    with pytest.raises(KeyboardInterrupt):
        client.chat.completions.create(**CHAT)
    assert [before.kinds, behind.kinds] == [heard, heard]


@pytest.mark.guard_acts("a handler's context manager raises")
@pytest.mark.parametrize("when", ["entered", "left"])
def test_raising_context_manager(telemetry: Telemetry, program: Program, when: str) -> None:
    """A context manager that raises when it is entered or left does not reach the app."""

    class Around:
        def on_start(self, call: callspan.Call) -> Any:
            return self.around()

        @contextlib.contextmanager
        def around(self) -> Iterator[None]:
            if when == "entered":
                raise RuntimeError("the handler's own")
            yield
            raise RuntimeError("the handler's own")

    telemetry.instrument(handlers=[Around()])
    assert program.chat().choices
    assert telemetry.attributes["callspan.outcome"] == "completed"
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.parametrize(
    ("handlers", "said"),
    [
        ([Notes], "is a class"),
        ([object()], "has none of on_start"),
        ("console", "list of handlers"),
        (5, "list of handlers"),
    ],
    ids=["class", "no_method", "text", "number"],
)
def test_no_handler(telemetry: Telemetry, handlers: Any, said: str) -> None:
    """What is no handler is refused in one line, and what was in force stays in force."""
    with pytest.raises(callspan.SettingsError, match=said) as caught:
        telemetry.instrument(handlers=handlers)
    assert "\n" not in str(caught.value)
    assert callspan.status().instrumented


@pytest.mark.parametrize(
    "part_of",
    [
        lambda client: 5,
        lambda client: [client],
        lambda client: client.chat.completions,
        lambda client: client.chat.completions.create,
        type,
        lambda client: SimpleNamespace(chat=client.chat),
    ],
)
def test_attach_to_no_client(
    telemetry: Telemetry, client: openai.OpenAI, part_of: Callable[[openai.OpenAI], Any]
) -> None:
    """An object whose calls would never be seen is refused in one line: what is attached may hold content back."""
    with pytest.raises(callspan.SettingsError, match="no client object"):
        callspan.attach(part_of(client), Notes(), capture="off")


def test_attach_to_a_subclass(telemetry: Telemetry, model_server: ModelServer) -> None:
    """A client of a class of the app's own is a client."""

    class Florist(openai.OpenAI):
        """Has a chat under a name of its own."""

    notes = Notes()
    florist = Florist(api_key="sk-test", base_url=model_server.url)
    callspan.attach(florist, notes)
    florist.chat.completions.create(**CHAT)
    assert notes.heard


@pytest.mark.guard_acts("a handler that holds up the app is named")
def test_slow_handler_is_named_once(
    telemetry: Telemetry,
    client: openai.OpenAI,
    guard_reports: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A synchronous handler that takes long is named in one line, with what to do; ours are not."""
    monkeypatch.setattr("callspan.lifecycle.dispatch.SLOW_SECONDS", -1.0)

    class Slow:
        def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
            """Takes longer than it may."""

    telemetry.instrument(handlers=[Slow()])
    for _ in range(2):
        assert client.chat.completions.create(**CHAT).choices
    [line] = guard_reports.messages
    assert "Slow.on_end" in line
    assert "async def" in line


@pytest.mark.guard_may_act("a handler that holds up the app is named")
@pytest.mark.parametrize(("seconds", "lines"), [(0.25, 0), (0.5, 0), (0.625, 1)])
def test_slow_means_more_than_half_a_second(
    telemetry: Telemetry,
    client: openai.OpenAI,
    guard_reports: Any,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    lines: int,
) -> None:
    """By the clock before and behind the handler."""
    now = [100.0]
    monkeypatch.setattr("callspan.lifecycle.dispatch.perf_counter", lambda: now[0])

    class Slow:
        def on_end(self, call: callspan.Call, response: callspan.Response) -> None:
            now[0] += seconds

    telemetry.instrument(handlers=[Slow()])
    client.chat.completions.create(**CHAT)
    assert len(guard_reports.messages) == lines
